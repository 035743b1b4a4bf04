// What neighbours' models have told of themselves (anomaly/digest.h), and the prior drawn from it.
//
// A digest arrives over an authenticated session, so each neighbour has one voice per kind of
// model, however often it speaks. A prior is the median over all voices, the node's own models of
// that kind among them, and there is none below a quorum of three: with it one liar cannot move a
// number beyond what the others say. Voices that have been silent for a day are not heard any more.
// Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agents/anomaly/digest.h"
#include "core/bytes.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

class ShareBook {
 public:
  static constexpr std::size_t kKindsMax = 8;
  static constexpr std::size_t kPeersMax = 64;  // of a kind
  static constexpr std::size_t kQuorum = 3;
  static constexpr Duration kHeardFor = 24h;
  static constexpr Duration kGapMin = 60s;  // of one neighbour about one kind

  enum class Verdict { kTaken, kMalformed, kForeign, kTooSoon };

  // A kind of model that this node has or may get.
  struct Kind {
    std::uint32_t hash = 0;
    std::size_t features = 0;
    friend bool operator==(const Kind& a, const Kind& b) {
      return a.hash == b.hash && a.features == b.features;
    }
  };

  // Digests of kinds that are not among `kinds` are of no use here: kForeign.
  Verdict OnDigest(Time now, ShortId from, ByteSpan packet, const std::vector<Kind>& kinds);

  struct Prior {
    anomaly::Digest digest;
    std::size_t voices = 0;
  };
  // nullopt: fewer than kQuorum voices.
  std::optional<Prior> PriorOf(Time now, const Kind& kind,
                               const std::vector<anomaly::Digest>& own) const;
  std::size_t size() const;

 private:
  struct Voice {
    Time at{};
    anomaly::Digest digest;
  };
  std::map<std::uint32_t, std::map<std::uint32_t, Voice>> kinds_;  // kind -> short id
};

}  // namespace selvage
