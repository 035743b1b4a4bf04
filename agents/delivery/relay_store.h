// Messages of others that this node keeps on its disk until it can pass them on: custody.
//
// Taken only whole, only while there is room, and confirmed to whoever brought it only once the
// write is durable: a carrier that is full says nothing, and the message stays where it was. Room
// is shared: what an origin brings itself counts against it (an eighth of everything), what anybody
// brings for others counts against the bringer (a half), for the origin named in it proves nothing.
// Nothing is thrown out to make room for something new. What is kept goes when it was passed to its
// destination, when its giver says that it is needless, or when its time is up.
//
// Messages are in memory too (a carrier has them in hand when the meeting is short); the limits
// bound both. After a restart the lifetime counts from anew, as in the sender's outbox: a node has
// no clock that goes on while it is off. Sans-I/O: writes are returned.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agents/delivery/carried_message.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

class RelayStore {
 public:
  struct Limits {
    std::size_t messages_max = 8192;  // 0: carries for nobody
    std::size_t bytes_max = 16 * 1024 * 1024;
  };
  static constexpr std::size_t kShareOwn = 8;      // an eighth for what an origin brings itself
  static constexpr std::size_t kShareBrought = 2;  // a half for what one node brings for others
  // A copy goes through at most so many hands: bounds how far copies multiply.
  static constexpr std::uint8_t kGenerationsMax = 4;
  static constexpr Duration kLifetimeMax = std::chrono::hours(7 * 24);
  static constexpr std::size_t kGivenMax = 8;  // carriers remembered for one message

  RelayStore(ShortId self, Limits limits) : self_(self), limits_(limits) {}

  // Takes up what the last life left; stops at the limits.
  void Load(Time now, Store& store);

  enum class Answer { kTaken, kHave, kRefused };
  // `from`: who brought it, this node for its own receipts. kTaken: *write makes it durable, call
  // OnDurable then. kHave: it is here; confirm it again if it is durable. REQUIRES: not addressed
  // to this node.
  Answer Take(Time now, ShortId from, const CarriedMessage& message, StoreWrite* write);
  // Who brought it, when it is still wanted.
  std::optional<ShortId> OnDurable(const MessageId& id);
  // The disk refused. The write that makes sure; nullopt when it is durable or gone.
  std::optional<StoreWrite> Withdraw(const MessageId& id);

  struct Dropped {
    StoreWrite write;
    std::vector<ShortId> given;  // those who have copies from here: tell them
  };
  std::optional<Dropped> Drop(const MessageId& id);
  // Those whose time is up.
  std::vector<Dropped> Expire(Time now);

  // The body of a carry payload for the next hands, lifetime and generation brought up to date.
  std::optional<Bytes> Envelope(Time now, const MessageId& id) const;
  // `carrier` has confirmed a copy.
  void NoteGiven(const MessageId& id, ShortId carrier);

  struct Entry {
    ShortId brought_by;
    std::uint8_t generation = 1;
    bool durable = false;
    Time expires{};
    Bytes body;  // as EncodeCarried made it
    std::vector<ShortId> given;
  };
  // In the order of MessageId: a flow's messages by sequence.
  const std::map<MessageId, Entry>& entries() const { return entries_; }
  bool Durable(const MessageId& id) const;
  std::size_t bytes() const { return bytes_; }
  Time NextDeadline() const;
  std::uint64_t refused() const { return refused_; }

 private:
  struct Account {
    std::size_t messages = 0;
    std::size_t bytes = 0;
  };
  std::pair<std::uint32_t, bool> AccountOf(ShortId from, ShortId origin) const {
    return {from.value, from == origin};
  }
  void Insert(const MessageId& id, Entry entry);
  Entry Remove(std::map<MessageId, Entry>::iterator it);

  ShortId self_;
  Limits limits_;
  std::map<MessageId, Entry> entries_;
  std::set<std::pair<Time, MessageId>> expiries_;
  std::map<std::pair<std::uint32_t, bool>, Account> accounts_;
  std::size_t bytes_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace selvage
