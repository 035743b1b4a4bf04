// Turns a peer that was merely heard of into an authenticated neighbour: Noise XX with
// certificates.
//
//   handshake 1:  type | initiator's session (2) | Noise message 1
//   handshake 2:  type | responder's session (2) | initiator's session (2) | Noise message 2
//   handshake 3:  type | initiator's session (2) | responder's session (2) | Noise message 3
//
// Messages 2 and 3 carry epoch (4) and certificate. Whoever has the lower node id initiates (the
// other one answers its beacons); should both begin at once all the same, one of the two first
// messages counts for both. Before a peer has proved itself it may cost one bounded slot and, per
// second, kNewPerSecond key agreements; the oldest unfinished handshake makes room. Messages are
// repeated a few times and then forgotten: discovery starts anew.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agents/membership/certificate.h"
#include "agents/session/noise.h"
#include "agents/session/session_cipher.h"
#include "core/crypto.h"
#include "core/ids.h"
#include "core/link.h"
#include "core/time.h"

namespace selvage {

// A finished handshake.
struct Established {
  LinkId link;
  PeerAddress peer;
  Certificate certificate;
  Epoch epoch;
  SessionCipher::Keys keys;
  std::uint16_t local_session = 0;
  std::uint16_t remote_session = 0;
  // From this end's first message to the answer: never less than a round trip took.
  Duration round_trip{0};
};

class Handshakes {
 public:
  static constexpr std::size_t kPendingMax = 256;
  static constexpr int kNewPerSecond = 100;
  static constexpr Duration kRetry = 250ms;
  static constexpr Duration kRetrySlow = 20s;  // radios with air time of seconds
  static constexpr int kTries = 4;
  // When a message is sent again for the first time.
  static Duration RetryOf(const LinkInfo& link) {
    return std::max({link.slow ? Duration(kRetrySlow) : Duration(kRetry), link.patience});
  }

  struct Outgoing {
    LinkId link;
    PeerAddress to;
    Bytes frame;
  };
  struct Refusal {
    LinkId link;
    PeerAddress peer;
    std::string reason;
  };

  // All referenced objects must outlive this one.
  Handshakes(Crypto* crypto, const Identity* identity, const TrustAnchor* anchor, Epoch epoch);

  void SetWall(WallSeconds wall) { wall_ = wall; }
  // Starts a handshake unless one with this peer is under way. `retry`: RetryOf(the link).
  void Initiate(Time now, LinkId link, const PeerAddress& peer, std::uint16_t local_session,
                Duration retry);
  bool Pending(LinkId link, const PeerAddress& peer) const;
  // A frame of type handshake 1, 2 or 3. `local_session` is used if it begins a handshake.
  void OnFrame(Time now, LinkId link, const PeerAddress& from, ByteSpan frame,
               std::uint16_t local_session, Duration retry);
  void OnLinkDown(LinkId link);
  void OnTimeout(Time now);
  Time NextDeadline() const;

  // Nothing to take: nearly always, and asked after every event.
  bool idle() const { return outgoing_.empty() && established_.empty() && refusals_.empty(); }
  std::vector<Outgoing> TakeOutgoing() { return std::exchange(outgoing_, {}); }
  std::vector<Established> TakeEstablished() { return std::exchange(established_, {}); }
  std::vector<Refusal> TakeRefusals() { return std::exchange(refusals_, {}); }

  std::uint64_t malformed() const { return malformed_; }
  std::uint64_t refused() const { return refused_; }
  std::uint64_t throttled() const { return throttled_; }

 private:
  using Key = std::pair<LinkId, PeerAddress>;
  struct Pending_ {
    std::optional<NoiseXx> noise;
    bool initiator = false;
    std::uint16_t local_session = 0;
    std::uint16_t remote_session = 0;
    Bytes first_message;  // responder: handshake 1 as received, to recognise its repetition
    Bytes last_sent;
    bool done = false;  // finished here; kept to repeat the last message
    Time started{};
    Time retry_at{};
    Duration retry{0};
    int tries = 0;
  };

  Bytes Payload() const;
  std::optional<std::pair<Epoch, Certificate>> CheckPayload(const Key& key, const NoiseXx& noise,
                                                            ByteSpan payload);
  void Refuse(const Key& key, std::string reason);
  void Finish(Time now, const Key& key, Pending_* p, std::pair<Epoch, Certificate> peer);
  bool Admit(Time now);
  Pending_* NewPending(Time now, const Key& key, Duration retry);
  void OnFirst(Time now, const Key& key, ByteSpan frame, std::uint16_t local_session,
               Duration retry);
  void OnSecond(Time now, const Key& key, ByteSpan frame);
  void OnThird(Time now, const Key& key, ByteSpan frame);

  Crypto* crypto_;
  const Identity* identity_;
  const TrustAnchor* anchor_;
  Epoch epoch_;
  WallSeconds wall_ = 0;
  Bytes prologue_;
  std::map<Key, Pending_> pending_;
  std::vector<Outgoing> outgoing_;
  std::vector<Established> established_;
  std::vector<Refusal> refusals_;
  double tokens_ = kNewPerSecond;
  Time tokens_at_{};
  std::uint64_t malformed_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t throttled_ = 0;
};

}  // namespace selvage
