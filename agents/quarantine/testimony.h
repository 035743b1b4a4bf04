// A testimony: what one node says, signed, of others as relays.
//
// One record a witness; the newest (epoch, sequence) replaces all it said before, so a witness
// takes a word back by leaving it out. Nobody can say more than kWordsMax things at a time.
// Wire format: docs/wire-format.md and core/schema/testimony.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/ids.h"
#include "routing/link_state_database.h"

namespace selvage {

inline constexpr std::size_t kTestimonyBytesMax = 512;
inline constexpr std::size_t kWordsMax = 16;

struct Word {
  enum class What : std::uint8_t {
    kVouch = 0,    // the witness sent probes through it over its own link, and they arrived
    kSuspect = 1,  // packets that went through it from afar got lost: its neighbours should check
    kAccuse = 2,   // the witness sent probes through it over its own link, and they got lost
  };
  ShortId node;
  What what = What::kVouch;
  ShortId destination;  // 0: anybody
  int passed_permille = 1000;
  friend bool operator==(const Word& a, const Word& b) {
    return a.node == b.node && a.what == b.what && a.destination == b.destination &&
           a.passed_permille == b.passed_permille;
  }
};

struct Testimony {
  NodeId witness;
  LinkStateVersion version;
  std::vector<Word> words;
  Bytes encoded;  // as signed and received; what is passed on
};

// Signs everything but `encoded` and fills that in. REQUIRES: at most kWordsMax words.
void SignTestimony(Crypto& crypto, const SigningKey& key, Testimony* t);
// Form only: size, protobuf, ranges, one word a node, none about the witness itself. nullopt when
// malformed. Verify before believing it.
std::optional<Testimony> ParseTestimony(ByteSpan encoded);
// The signature over the bytes as received.
bool VerifyTestimony(Crypto& crypto, const VerifyKey& key, ByteSpan encoded);

}  // namespace selvage
