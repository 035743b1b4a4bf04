// The newest testimony of each witness: what is fresh, what is stale, and who is still to be told.
//
// Monotone: of a witness only a later (epoch, sequence) enters, and the version is remembered after
// the words have expired, so nothing can be replayed. The epoch has to be that of the witness's
// link state: what it said in an earlier life is over. Words count for kLifetime from their arrival
// here; a witness that still means them says so again. Signatures are the caller's business, and
// cost a tenth of a millisecond each: what a neighbour offers is rationed first (kOffersPerSecond).
//
// Bounded: kWitnessesMax records of at most kTestimonyBytesMax. Sans-I/O.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "agents/quarantine/testimony.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

class TestimonyBook {
 public:
  static constexpr std::size_t kWitnessesMax = 4096;
  static constexpr Duration kLifetime = 180s;
  static constexpr int kOffersPerSecond = 50;  // of one neighbour
  static constexpr int kOffersBurst = 100;
  // A witness that changes its mind more often than that is heard later: its next record counts.
  static constexpr Duration kWitnessGap = 100ms;

  struct Record {
    Testimony testimony;
    Time arrived{};
    bool live = true;
  };

  // ---- in
  enum class Offer { kWanted, kStale, kThrottled, kFull };
  // Before the signature is looked at. `epoch`: of the witness's link state.
  Offer Consider(Time now, AdjacencyIndex from, const Testimony& t, Epoch epoch);
  // Verified, or this node's own. Goes to all neighbours but `from` (0: all).
  void Put(Time now, Testimony t, AdjacencyIndex from);
  struct Listener {
    AdjacencyIndex index;
    bool reachable;  // can be told now; what it is owed otherwise waits
  };
  // The neighbours; whoever is new among them is told everything that is live.
  void SetNeighbors(const std::vector<Listener>& neighbors);
  void OnLost(AdjacencyIndex to, const std::vector<ShortId>& witnesses);
  // Ends what has expired. True when anything did.
  bool Expire(Time now);

  // ---- out
  struct Message {
    AdjacencyIndex to;
    ShortId witness;
    Bytes encoded;
  };
  bool pending() const { return pending_; }
  // Of at most so many neighbours, in turn; those of one neighbour in a row.
  std::vector<Message> TakeMessages(std::size_t neighbors_max = 255);
  // By witness; those that are not live any more have no say.
  const std::map<std::uint32_t, Record>& records() const { return records_; }
  std::size_t live() const { return live_; }
  Time NextDeadline() const { return next_expiry_; }

 private:
  struct Neighbor {
    bool reachable = false;
    std::set<std::uint32_t> tell;
  };
  struct Ration {
    Time filled{};
    double left = kOffersBurst;
  };
  std::map<std::uint32_t, Record> records_;
  std::map<std::uint8_t, Neighbor> neighbors_;
  std::map<std::uint8_t, Ration> rations_;  // by adjacency index
  Time next_expiry_ = kNever;
  std::size_t live_ = 0;
  bool pending_ = false;
  std::uint8_t last_told_ = 0;
};

}  // namespace selvage
