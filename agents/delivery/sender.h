// The sending end: numbers, seals and cuts messages; keeps what was promised until its receipt.
//
// Telemetry and bulk are sealed and forgotten. Critical and reliable go into the outbox first: the
// write is durable before the message counts as accepted and before its first packet leaves (IP
// packets are written late, see OutgoingMessage::store_late). A message is sent again, by the
// measured round trip and with growing pauses, until the destination's receipt arrives or its time
// is up. It keeps its epoch, flow and sequence over restarts of this node, so that the destination
// recognises it, and its bytes: one nonce must never seal two plain texts.
//
// Critical is delivered in order, which needs little here. What was given up is told to the
// destination (gone report), so that it does not wait for it: when it happens, and again whenever a
// receipt shows that the destination still waits. What this life sends in a flow waits until what
// the last life left in it is settled. At most kFlowWindow sequence numbers of a flow are under
// way, for the destination's memory is bounded too.
//
// While receipts are overdue the sender is worried about that destination: critical packets, those
// under way and new ones, are asked to take a second, disjoint path. When worry ends and nothing
// that then goes on one path is answered either, the next one lasts twice as long, and the third in
// a row is a doubt about the path itself, which is told: relays that swallow packets would
// otherwise hide behind the second copies.
//
// Congestion control (send_window.h): what is reliable, and what is critical and goes again, waits
// for room in its destination's window, critical first, then oldest first. What is critical leaves
// for the first time at once: it has no time to wait.
//
// Where the path leads over slow radios (SetPathTime) the measured round trip of other paths says
// nothing, and each copy costs money or legal air time. The first retry then waits for as long as
// the radios say that an answer may take, and each further one twice as long: some ten copies a
// day over a message satellite. Late answers are no reason to worry there.
//
// Bounded by Limits. Each event costs O(log n): messages are indexed by deadline and by
// (destination, flow, epoch, sequence). Sans-I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agents/delivery/carried_message.h"
#include "agents/delivery/end_to_end_cipher.h"
#include "agents/delivery/flow_report.h"
#include "agents/delivery/outbox_record.h"
#include "agents/delivery/round_trip.h"
#include "agents/delivery/send_window.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

struct OutgoingPacket {
  enum class Paths : std::uint8_t {
    kOne,
    kTwo,         // on two disjoint paths, if there are
    kSecondOnly,  // the first copy is under way
  };
  DataHeader header;
  Bytes payload;  // sealed
  Paths paths = Paths::kOne;
};

class Sender {
 public:
  // Bodies stay in memory as well as on the disk: a retry or a second copy, which a failure makes
  // urgent, must not wait for a disk that others write to. So this bounds both.
  struct Limits {
    std::size_t messages_max = 16384;
    std::size_t bytes_max = 32 * 1024 * 1024;  // of bodies
  };
  static constexpr Duration kDeadlineCritical = 1s;
  static constexpr Duration kDeadlineReliable = std::chrono::hours(24);
  static constexpr Duration kStoreLate = 200ms;
  static constexpr std::uint64_t kFlowWindow = 512;
  // Worry outlasts its last reason by this; a repair takes some 30 ms.
  static constexpr Duration kWorry = 50ms;
  static constexpr int kWorryDoublings = 4;  // to 800 ms
  static constexpr int kWorriesToDoubt = 3;
  // What is under way is sent a second time when worry begins, at most so many messages.
  static constexpr int kSecondsMax = 64;
  // The destination has it in memory, waiting for its turn: only its restart could lose it.
  static constexpr Duration kHeldPause = 300ms;
  // Between two copies over slow radios, at most: a message satellite may be out of sight so long.
  static constexpr Duration kSlowPauseMax = std::chrono::hours(6);

  Sender(EndToEndCipher* cipher, ShortId self, Epoch epoch, Limits limits);
  Sender(EndToEndCipher* cipher, ShortId self, Epoch epoch)
      : Sender(cipher, self, epoch, Limits()) {}

  // What slow radios on the present path to a node may add to a round trip; 0: there are none.
  using PathTime = std::function<Duration(ShortId to, TrafficClass c)>;
  // Without it no path is slow. `path_time` must outlive this.
  void SetPathTime(PathTime path_time) { path_time_ = std::move(path_time); }

  // Takes up what the last life left in the outbox; sent from the next OnTimeout on.
  void Load(Time now, Store& store);

  // Best effort: packets to send now. Empty when the destination's certificate is unknown.
  std::vector<OutgoingPacket> SealNow(const OutgoingMessage& message);

  // Critical and reliable: the message's number (> 0); 0 when the outbox is full. With a write in
  // *write (its key is not empty) call OnDurable once that is durable; else the message is due at
  // once.
  std::uint64_t Keep(Time now, OutgoingMessage message, StoreWrite* write);
  // False when no such message waits any more.
  bool OnDurable(Time now, std::uint64_t number);
  // Takes back a message that is not durable yet: the write that removes it. nullopt when it is
  // durable or gone.
  std::optional<StoreWrite> Withdraw(std::uint64_t number);
  bool full() const {
    return outbox_.size() >= limits_.messages_max || bytes_ >= limits_.bytes_max;
  }

  struct Settled {
    std::uint64_t number = 0;
    bool delivered = false;
    std::string reason;
    std::optional<StoreWrite> write;  // if it was on disk
    MessageId id;
  };
  // What `from` has received of this node's flows: the messages that are settled by it. Malformed
  // and unknown reports change nothing.
  std::vector<Settled> OnReceipt(Time now, ShortId from, ByteSpan body);

  // The map changed: what waits long may have a path now. Heeded once in kMapPause, for where links
  // come and go all the time it says nothing.
  static constexpr Duration kMapPause = 1s;
  void OnMapChanged(Time now);
  // Or a link is used again that was left for a moment: what waits for slow radios may do better.
  void OnPathsChanged(Time now);
  void OnTimeout(Time now);
  Time NextDeadline() const;
  bool idle() const { return packets_.empty() && expired_.empty() && writes_.empty(); }
  // Packets due; messages whose time is up; writes that nobody waits for.
  std::vector<OutgoingPacket> TakePackets() { return std::exchange(packets_, {}); }
  std::vector<Settled> TakeExpired() { return std::exchange(expired_, {}); }
  std::vector<StoreWrite> TakeWrites() { return std::exchange(writes_, {}); }

  // Only what took two paths to `to` gets there.
  struct Doubt {
    ShortId to;
    std::uint64_t packets = 0;  // that went on one path and have no receipt
    Duration silence{0};        // since the oldest of those left
    Duration round_trip{0};     // with its variation
  };
  std::vector<Doubt> TakeDoubts() { return std::exchange(doubts_, {}); }

  // Receipts from `to` are, or were a moment ago, overdue.
  bool worried(Time now, ShortId to) const;

  // Messages on disk whose turn has come and that have no receipt: what carriers may be given.
  struct Waiting {
    MessageId id;
    Time since{};
  };
  void VisitWaiting(const std::function<void(const Waiting&)>& visit) const;
  // Such a message as a carrier gets it; nullopt when it waits no more.
  std::optional<CarriedMessage> Envelope(Time now, const MessageId& id);

  std::size_t size() const { return outbox_.size(); }
  std::size_t bytes() const { return bytes_; }

  struct Counters {
    std::uint64_t expired = 0;
    std::uint64_t retries = 0;      // messages sent again
    std::uint64_t worries = 0;      // times that worry began
    std::uint64_t stored_late = 0;  // store_late messages that got written after all
    std::uint64_t gone_reports = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Kept : OutboxRecord {
    bool durable = false;   // may be sent
    bool stored = false;    // has a row on the disk, or will
    bool released = false;  // its turn in the flow has come
    bool held = false;      // the destination has it in memory
    bool second = false;    // this attempt took two paths
    bool late_copy = false;  // the second copy left after the first
    bool handed = false;     // a carrier has it
    int in_window = 0;       // packets of it that occupy the window
    std::uint32_t attempts = 0;
    Duration slow{0};        // what slow radios add to the path that it waits for; 0: nothing
    bool sent_slow = false;  // the last attempt went over slow radios
    int slow_tries = 0;      // how many did
    Time slow_until{};       // no copy more over slow radios before
    std::uint8_t attempt_base = 0;  // first value of the header's attempt
    Time last_sent{};
    Time next_attempt = kNever;
    Time overdue_at = kNever;
    Time store_at = kNever;
    Time expires{};
    Time scheduled = kNever;  // its place in deadlines_
  };
  using Outbox = std::map<std::uint64_t, Kept>;
  using FlowKey = std::pair<std::uint32_t, std::uint16_t>;  // to, flow
  using Place = std::pair<std::uint32_t, std::uint64_t>;    // epoch, sequence
  struct Flow {
    std::uint64_t next_sequence = 0;
    std::map<Place, std::uint64_t> pending;  // by first sequence -> number
    Place next_release{};
    std::size_t held = 0;  // of pending
    Time gone_not_before{};
  };
  struct Peer {
    RoundTrip rtt;       // over paths without slow radios
    RoundTrip slow_rtt;  // ... and with
    bool slow_under_way = false;  // something waits for an answer over slow radios
    Time worried_until{};
    Time worry_began{};
    int worries = 0;  // in a row: no receipt for anything sent on one path since the first
    SendWindow window;
    // What waits for room: (not critical, number).
    std::set<std::pair<bool, std::uint64_t>> queue;
    Time map_heeded = Time::min();
  };

  std::uint64_t NextSequence(ShortId to, std::uint16_t flow, std::uint64_t count);
  void Seal(const OutboxRecord& r, std::uint8_t attempt, OutgoingPacket::Paths paths,
            std::vector<OutgoingPacket>* out);
  MessageId IdOf(const OutboxRecord& r) const;
  Kept* Insert(std::uint64_t number, Kept k);
  void Remove(Outbox::iterator it);
  Settled Deliver(Outbox::iterator it);
  void Expire(Outbox::iterator it);
  void Schedule(std::uint64_t number, Kept* k);
  // Lets the messages of a flow go whose turn has come.
  void Release(Time now, const FlowKey& key, Flow* flow);
  void Attempt(Time now, Kept* k);
  // It is due, for the first time or again.
  void OnDue(Time now, std::uint64_t number, Kept* k);
  // It is answered or given up, or its time to be answered is over.
  void LeaveWindow(std::uint64_t number, Kept* k);
  // Sends what waits and has room.
  void Pump(Time now, Peer* peer);
  // The way to `to` works (again): nobody waits longer than the round trip asks for.
  void Hurry(Time now, ShortId to, Peer* peer);
  // What waits for slow radios, and has a faster path now, goes over that soon.
  void LeaveSlow(Time now, ShortId to, Peer* peer);
  void Worry(Time now, ShortId to);
  void BeginWorry(Time now, ShortId to, Peer* peer);
  struct Measured {
    Duration rtt{-1};
    Duration slow{-1};  // over slow radios
  };
  void OnReport(Time now, ShortId from, const FlowReport& report, Measured* measured,
                std::vector<Settled>* out);
  Duration PathTimeOf(const Kept& k) const;
  // From an attempt to the next one.
  Duration Pause(const Peer& peer, const Kept& k) const;
  // Tells the destination what will never come, when it is known to wait.
  void ReportGone(Time now, const FlowKey& key, Epoch epoch, std::uint64_t floor, Flow* flow);

  EndToEndCipher* cipher_;
  ShortId self_;
  Limits limits_;
  Epoch epoch_;
  std::uint32_t last_number_ = 0;
  std::map<FlowKey, Flow> flows_;
  std::map<std::uint32_t, Peer> peers_;  // by destination
  Outbox outbox_;
  std::set<std::pair<Time, std::uint64_t>> deadlines_;
  std::set<std::uint32_t> ready_;  // peers to pump
  PathTime path_time_;
  std::size_t bytes_ = 0;
  std::vector<OutgoingPacket> packets_;
  std::vector<Settled> expired_;
  std::vector<StoreWrite> writes_;
  std::vector<Doubt> doubts_;
  Counters counters_;
};

}  // namespace selvage
