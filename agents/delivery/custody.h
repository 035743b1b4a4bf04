// Who carries what for whom, when no path leads to its destination: decisions of one node.
//
// Two ends that are never connected at the same time can still talk when somebody goes back and
// forth between them. This node gives copies of its own waiting messages, and of those it carries
// for others, to
//   - nodes that come into reach while the destination is not: whoever moves may get there,
//   - after kPatience, the newest arrival in reach and the nearest neighbour: this node itself may
//     be the one that leaves.
// It gives what it carries to the destination as soon as that is in reach; but while the origin is
// in reach as well, that one's own outbox has kOriginFirst to do it, or a merge would deliver
// everything several times. The origin keeps its message until the destination's receipt and then
// tells its carriers that it is needless, and they theirs. Nothing depends on such a note: what was
// delivered already is recognised by the destination as a duplicate and confirmed like the first.
//
// Sans-I/O. Effects are taken with the Take functions after each call.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "agents/delivery/carried_message.h"
#include "agents/delivery/courier.h"
#include "agents/delivery/relay_store.h"

namespace selvage {

class Custody {
 public:
  static constexpr Duration kPatience = 5s;
  static constexpr Duration kOriginFirst = 30s;
  // Whom this node meets in its first moments was there before it.
  static constexpr Duration kSettle = 30s;
  static constexpr Duration kTick = 1s;
  static constexpr std::size_t kCarriersPerMeeting = 2;
  static constexpr std::size_t kOwnGivenMax = 4;  // carriers remembered for one own message

  Custody(Time now, ShortId self, RelayStore::Limits limits);
  void Load(Time now, Store& store) { relay_.Load(now, store); }

  // A message that waits in this node's own outbox.
  struct Own {
    MessageId id;
    Time since{};
  };
  // A node to which a path leads.
  struct InReach {
    ShortId node;
    int hops = 0;
    bool slow = false;  // the first hop is a slow radio
  };

  // ---- the map changed: everybody in reach, nearest first, this node left out.
  void OnReach(Time now, const std::vector<InReach>& reach, const std::vector<Own>& own);
  bool Reaches(ShortId node) const { return reach_.count(node.value) != 0; }
  // At least every kTick while busy().
  void OnTick(Time now, const std::vector<Own>& own);

  // ---- payloads. An envelope for somebody else.
  void OnEnvelope(Time now, ShortId from, const CarriedMessage& message);
  void OnNotes(Time now, ShortId from, const std::vector<CustodyNote>& notes);
  // A message of this node's own making that no outbox keeps (a receipt for an origin out of
  // reach), to go back with `first`, who is in reach now.
  void Keep(Time now, ShortId first, const CarriedMessage& message);
  // Confirms to `to` that `what` is on this disk.
  void Confirm(ShortId to, const MessageId& what);

  // ---- disk
  void OnDurable(Time now, const MessageId& id);
  void OnWriteRefused(const MessageId& id);

  // An own message was receipted or given up.
  void OnOwnSettled(const MessageId& id);

  void OnTimeout(Time now);
  Time NextDeadline() const;
  bool idle() const { return courier_.idle() && notes_.empty() && writes_.empty(); }
  // Something is carried: ticks are wanted.
  bool busy() const { return !relay_.entries().empty(); }

  // ---- effects. Envelopes to send: what is not in relay() is this node's own.
  std::vector<Courier::Handing> TakeHandings() { return courier_.TakeDue(); }
  // At most kCustodyNotesMax at once for each.
  std::map<std::uint32_t, std::vector<CustodyNote>> TakeNotes() {
    return std::exchange(notes_, {});
  }
  struct Write {
    StoreWrite write;
    std::optional<MessageId> token;  // OnDurable is wanted
  };
  std::vector<Write> TakeWrites() { return std::exchange(writes_, {}); }

  const RelayStore& relay() const { return relay_; }

  struct Counters {
    std::uint64_t taken = 0;      // custody of others' messages
    std::uint64_t passed_on = 0;  // confirmed by their destination
    std::uint64_t copies = 0;     // confirmed by another carrier
    std::uint64_t expired = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  static constexpr std::size_t kNotesWaitingMax = 4096;
  struct Seen {
    Time arrived = Time::min();  // min: always there
    int hops = 0;
    bool slow = false;
    std::uint64_t round = 0;  // of OnReach, when it was last in reach
  };
  void Note(ShortId to, CustodyNote::What what, const MessageId& id);
  void OnHeld(Time now, ShortId from, const MessageId& id);
  void OnNeedless(ShortId from, const MessageId& id);
  void Drop(const MessageId& id);
  // What is carried goes to its destination if it is time to.
  void GiveToDestination(Time now, const MessageId& id, const RelayStore::Entry& e);
  void GiveToCarrier(Time now, ShortId carrier, const std::vector<Own>& own);
  std::vector<ShortId> StandingCarriers() const;

  ShortId self_;
  Time started_;
  RelayStore relay_;
  Courier courier_;
  std::map<std::uint32_t, Seen> reach_;
  std::uint64_t round_ = 0;
  std::map<MessageId, std::vector<ShortId>> own_given_;  // own messages offered: who confirmed
  std::map<std::uint32_t, std::vector<CustodyNote>> notes_;
  std::size_t notes_waiting_ = 0;
  std::vector<Write> writes_;
  Counters counters_;
};

}  // namespace selvage
