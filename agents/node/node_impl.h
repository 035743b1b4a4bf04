// The inside of NodeCore: state and the functions its source files share. Not a public header.
//
//   node_core.cc       construction, events in, effects out
//   node_neighbors.cc  discovery, handshakes, sessions, adjacency states
//   node_traffic.cc    frames in both directions, forwarding, resending, delivery
//   node_paths.cc      progress of flows end to end: reports, probes, what is told of them
//   node_quarantine.cc who is not to carry others' traffic: checks, testimonies, routes
//   node_lab.cc        laboratory faults
//   node_egress.cc     data on its way out: pace and priority on a full link
//   direct_datagram.cc small datagrams to a neighbour over a slow link
//   node_store.cc      the disk refuses and works again
//   node_model.cc      telemetry, alarms and what the healer makes of them
//   node_faults.cc     what is wrong gets a name
//   node_rules.cc      rules of the operator
//   node_model_state.cc  what the models have learnt, kept over restarts
//   node_share.cc      ... and learn from neighbours' models
//   node_custody.cc    messages carried for others, and by others
//   second_path.cc     packets of this node, critical ones on two paths when there is doubt
//   node_questions.cc  what people and programs ask
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agents/delivery/custody.h"
#include "agents/delivery/progress.h"
#include "agents/delivery/receiver.h"
#include "agents/delivery/sender.h"
#include "agents/node/adjacency.h"
#include "agents/node/cut_off.h"
#include "agents/node/discovery.h"
#include "agents/node/lab.h"
#include "agents/node/map_sync.h"
#include "agents/node/model_archive.h"
#include "agents/node/node_core.h"
#include "agents/node/path_watch.h"
#include "agents/node/route_watch.h"
#include "agents/node/share_book.h"
#include "agents/quarantine/quarantine.h"
#include "agents/session/handshake.h"
#include "core/random.h"
#include "core/ring_queue.h"
#include "routing/forwarder.h"
#include "routing/rebuild_budget.h"
#include "routing/thrift.h"

namespace selvage {

// What control frames are sent for; a frame that carries several things counts for its first one.
enum class ControlKind : std::uint8_t {
  kHello,      // promised, or asked for
  kFeedback,   // nothing but what has arrived
  kProbe,      // wants a reply: is the neighbour alive?
  kQuality,    // padding: how much of what size gets through?
  kMap,        // advertisements, summaries, requests, certificates
  kTestimony,  // quarantine's
  kModel,      // what models tell each other
  kHandshake,  // sessions, their renewal included
  kBeacon,     // discovery
  kOther,
};
inline constexpr std::size_t kControlKinds = 10;

// Everything NodeCore counts. Names as people see them are in node_questions.cc.
struct NodeCounters {
  std::uint64_t frames_received = 0;
  std::uint64_t frames_forwarded = 0;
  std::uint64_t frames_originated = 0;
  std::uint64_t second_copies = 0;
  std::uint64_t frames_delivered = 0;
  std::uint64_t frames_dropped = 0;
  std::uint64_t dropped_hop_limit = 0;
  std::uint64_t dropped_exhausted = 0;
  std::uint64_t dropped_no_neighbor = 0;
  std::uint64_t dropped_unreachable = 0;
  std::uint64_t dropped_mtu = 0;
  std::uint64_t dropped_shed[kTrafficClasses] = {};  // gave way on a full link
  std::uint64_t dropped_lab = 0;
  std::uint64_t dropped_resend_limit = 0;
  std::uint64_t dropped_unknown_origin = 0;
  std::uint64_t walk_duplicates = 0;
  std::uint64_t resent_same_link = 0;
  std::uint64_t resent_alternate = 0;
  std::uint64_t control_frames_sent = 0;
  std::uint64_t control_bytes_sent = 0;
  std::uint64_t control_bytes_by_kind[kControlKinds] = {};
  std::uint64_t routes_made = 0;  // from a changed map
  std::uint64_t data_frames_sent = 0;
  std::uint64_t data_bytes_sent = 0;
  std::uint64_t reroutes = 0;
  std::uint64_t suspicions = 0;
  std::uint64_t forged = 0;
  std::uint64_t replayed = 0;
  std::uint64_t malformed = 0;
  std::uint64_t unknown_session = 0;
  std::uint64_t other_version = 0;
  std::uint64_t short_id_conflicts = 0;
  std::uint64_t rekeys = 0;
  std::uint64_t events_dropped = 0;
  std::uint64_t progress_reports = 0;
  std::uint64_t path_suspicions = 0;
  std::uint64_t path_probes = 0;
  std::uint64_t distrusts = 0;
  std::uint64_t model_samples = 0;
  std::uint64_t model_states_restored = 0;
  std::uint64_t model_states_refused = 0;
  std::uint64_t model_digests_sent = 0;
  std::uint64_t model_digests_taken = 0;
  std::uint64_t model_digests_refused = 0;
  std::uint64_t model_priors_taken = 0;
  std::uint64_t anomalies = 0;
  std::uint64_t detours = 0;
  std::uint64_t detours_proved = 0;
  std::uint64_t detours_in_vain = 0;
  std::uint64_t treatments_refused = 0;
  std::uint64_t rules_begun = 0;
  std::uint64_t faults_named = 0;
  std::uint64_t quarantines = 0;
  std::uint64_t testimonies_sent = 0;
  std::uint64_t testimonies_accepted = 0;
  std::uint64_t testimonies_stale = 0;
  std::uint64_t testimonies_forged = 0;
  std::uint64_t testimonies_malformed = 0;
  std::uint64_t testimonies_unknown = 0;
  std::uint64_t testimonies_throttled = 0;
};

struct NodeCore::Impl {
  static constexpr std::size_t kAdjacenciesMax = 255;
  static constexpr std::size_t kEventsKept = 1024;
  static constexpr std::size_t kEffectsMax = 16384;
  static constexpr Duration kRekeyAfter = 120s;
  // Where bytes are paid for, a handshake of 1 kB each two minutes would be 0.7 MB a day; and where
  // there was no traffic for a minute it would protect hellos.
  static constexpr Duration kRekeyAfterQuiet = 1h;
  static constexpr std::uint64_t kRekeyFrames = std::uint64_t{1} << 30;
  static constexpr Duration kPreviousSession = 3s;
  // A neighbour that has been gone this long is forgotten; discovery finds it again.
  static constexpr Duration kForgetNeighbor = 60s;
  // Topology changes of one moment go in one flood; while changes go on, floods become rarer.
  static constexpr Duration kAdvertiseGap = 20ms;
  static constexpr Duration kAdvertiseGapMax = 1280ms;
  // Quality alone is never urgent; twice this at most, so that nodes started together part.
  static constexpr Duration kMetricGap = 5s;
  static constexpr Duration kSaveGap = 5s;  // twin to disk
  static constexpr Duration kModelSaveGap = 10min;

  struct LinkEntry {
    LinkInfo info;
    bool up = false;
    bool silenced = false;  // laboratory
    Time changed{};
    std::shared_ptr<SharedChannel> channel;  // of a link whose channel is shared
    Thrift thrift;                           // of a link whose bytes are paid for
    Time testimonies_not_before{};           // ... and when the next ones may leave there
    bool paid() const { return !info.slow && info.idle_gap > Duration(0); }
  };

  Impl(Time now, Init init, Store& store);

  // ---- node_core.cc
  void Emit(Effect effect);
  void Tell(Time now, std::string kind, std::string text,
            std::map<std::string, std::string> fields);
  std::string NameOf(ShortId id) const;
  void OnTimeout(Time now);
  Time NextDeadline() const;
  // After every event: act on what the parts want now.
  void Settle(Time now);
  std::uint64_t Submit(Time now, Message message, std::string* reason);
  void Persisted(Time now, std::uint64_t token);
  void SaveMap(Time now);

  // ---- node_store.cc
  void PersistRefused(std::uint64_t token);
  void StoreFailed(const std::string& reason);
  // Takes back a message that is not durable yet: it is deleted and its sender told.
  void Withdraw(std::uint64_t message, const std::string& reason);

  // ---- node_custody.cc
  void OnCarry(Time now, const ReceivedMessage& m);
  void OnCustodyNotes(Time now, const ReceivedMessage& m);
  // What this node sends in the name of custody: no class that asks for receipts.
  void SendAside(Time now, ShortId to, PayloadKind kind, Bytes body);
  std::vector<Custody::Own> OwnWaiting() const;
  void UpdateReach(Time now);
  void SettleCustody(Time now);
  // A receipt for somebody out of reach goes back with whoever brought the message.
  void KeepReceipt(Time now, ShortId to, const std::vector<OutgoingPacket>& packets);

  // ---- node_neighbors.cc
  void LinkUp(Time now, LinkId link, const LinkInfo& info);
  void LinkDown(Time now, LinkId link);
  // Links whose bytes are paid for: how much of what is the network's own may leave.
  void KeepAccounts(Time now);
  void OnBeacon(Time now, LinkId link, const PeerAddress& from, ByteSpan frame);
  void RunHandshakes(Time now);
  void SendBeacons(Time now);
  void OnEstablished(Time now, Established e);
  Adjacency* FindAdjacency(LinkId link, const PeerAddress& peer);
  Adjacency* FindAdjacency(AdjacencyIndex index) { return adjacencies_[index.value].get(); }
  void Remove(Time now, AdjacencyIndex index, const std::string& why);
  std::uint16_t NewSessionId();
  // Compares the detector's verdict with what was acted upon and acts.
  void FollowVerdict(Time now, Adjacency* a);
  // Acts on what the loss detector found since the last call.
  void FollowQuality(Time now, Adjacency* a);
  // Turns new packets away from neighbours whose answer is overdue, and back when they answered.
  void AvoidOverdue(Time now);
  void ExcuseOthers(Time now, const Adjacency& suspect);
  void Refresh(Adjacency* a) {
    a->deadline = a->monitor.NextDeadline();
    if (!a->egress.empty()) a->deadline = std::min(a->deadline, a->pacer().next());
  }
  bool Usable(const Adjacency& a) const;
  // The neighbour may be flooded to from now on.
  void MapUp(Adjacency* a);
  void AdvertiseIfDue(Time now);
  EdgeMetric Measure(const Adjacency& a) const;
  void RekeyIfDue(Time now, Adjacency* a);

  // ---- node_traffic.cc
  void OnSealed(Time now, LinkId link, const PeerAddress& from, MutableByteSpan frame);
  void OnContent(Time now, Adjacency* a, std::uint64_t counter, ByteSpan content, bool current);
  void OnLost(Time now, Adjacency* a, std::vector<HeldFrame> lost);
  bool ShouldRepeat(const Adjacency& a, const HeldFrame& lost);
  void OnData(Time now, Adjacency* a, ByteSpan body);
  // Decides and sends one packet. `in`: 0 when it begins here. By which adjacency it left; 0: not.
  AdjacencyIndex Forward(Time now, DataHeader header, ByteSpan payload, AdjacencyIndex in);
  void DeliverHere(Time now, const DataHeader& header, ByteSpan payload, AdjacencyIndex in);
  // `header`: of the packet that brought them by `in`; nullptr when a carrier did.
  void HandUp(Time now, const DataHeader* header, AdjacencyIndex in,
              std::vector<ReceivedMessage> messages);
  void Settle(std::vector<Sender::Settled> settled);
  void SendReceipts(Time now);  // those owed, if they are due
  void SendReceipts(Time now, std::vector<ReceiptBatch::Receipt> receipts);
  // ---- node_egress.cc
  void Transmit(Time now, Adjacency* a, const DataHeader& header, ByteSpan payload,
                AdjacencyIndex in, std::uint8_t attempts);
  void SendData(Time now, Adjacency* a, const DataHeader& header, ByteSpan payload,
                AdjacencyIndex in, std::uint8_t attempts);
  void DrainEgress(Time now, Adjacency* a);
  // Whose packet leaves next by the pacer of `a`; null when none waits.
  Adjacency* NextInTurn(Adjacency* a);
  void FollowPace(Time now, Adjacency* a, const FeedbackOutcome& outcome);
  // What is held and what waits for its turn: for `a` will not carry it.
  std::vector<HeldFrame> TakeUnsent(Adjacency* a);
  // ---- node_traffic.cc
  void SendControl(Time now, Adjacency* a, ByteSpan chunks, std::vector<ShortId> origins,
                   bool eliciting);
  void SendWanted(Time now, Adjacency* a);
  // A frame of padding of `bytes` in all: how many of its like arrive?
  void SendQualityProbe(Time now, Adjacency* a, std::size_t bytes);
  // ---- node_paths.cc
  // True when the message was for this node itself and needs nothing more.
  bool OnPathMessage(Time now, const DataHeader& header, AdjacencyIndex in,
                     const ReceivedMessage& m);
  void NoteWayBack(const DataHeader& header);
  void SendReceipt(Time now, ShortId to, TrafficClass c, std::vector<OutgoingPacket> packets);
  void AnswerProbe(Time now, const ReceivedMessage& m);
  // Best effort, asking not to be led through `avoid`; no flow that is watched.
  void SendAround(Time now, std::vector<OutgoingPacket> packets, const std::vector<ShortId>& avoid);
  void SettlePaths(Time now);
  void TellFinding(Time now, const PathWatch::Finding& f);
  std::string NamesOf(const std::vector<ShortId>& nodes) const;
  // ---- node_model.cc
  void WatchOutcome(Time now, Adjacency* a, const FeedbackOutcome& outcome);
  void OnRadio(Time now, LinkId link, const PeerAddress& from, const RadioReading& reading);
  // Once a second: samples of links in use and of the machine.
  void WatchSecond(Time now);
  void WatchMachine(Time now);
  void FollowAlarm(Time now, Adjacency* a);
  void Treat(Time now, Adjacency* a, Diagnosis diagnosis, const LinkWatch::Alarm& alarm);
  Healer::Case CaseOf(Diagnosis diagnosis) const;
  // Does it if the healer says so, and tells what became of it.
  Healer::Verdict TakeAction(Time now, Adjacency* a, Action action, const Healer::Case& c,
                             const std::string& evidence, bool advise_only);
  void EndDetour(Time now, Adjacency* a, const std::string& outcome);
  // Alarms of the last moments on other links: is it the neighbour, or this node?
  Diagnosis Correlate(Time now, const Adjacency& a, Diagnosis alone) const;
  bool HasOtherWay(const Adjacency& a);
  // ---- node_rules.cc
  void FollowRules(Time now, Adjacency* a);
  void FollowMachineRules(Time now);
  void ActOnRule(Time now, Adjacency* a, const Rule& rule, const std::string& evidence);
  void TellRuleOver(Time now, const Rule& rule, const std::string& neighbor,
                    const std::string& link);
  // ---- node_faults.cc
  // Once a second: what is wrong with each neighbour, told when it changes.
  void NameFaults(Time now);
  int ListedBy(ShortId neighbor) const;
  std::string FaultEvidence(Time now, const Adjacency& a, Fault fault,
                            const Symptoms::Surroundings& s) const;
  void TellFault(Time now, const Adjacency& a, Fault fault, const std::string& evidence);
  void TellFaultOver(Time now, const std::string& who, const std::string& link, Fault fault,
                     Duration lasted);
  // A node was found to drop what it should forward, and is trusted again.
  void NameDropper(Time now, ShortId node, const std::string& evidence);
  void ClearDropper(Time now, ShortId node);
  // ---- node_model_state.cc
  void LoadModels(Time now, Store& store);
  void RefuseModelState(Time now, const std::string& name, const std::string& reason);
  std::string ModelName(const Adjacency& a) const;
  // A fresh watch goes on from what is known of its neighbour on this link.
  void RestoreWatch(Time now, Adjacency* a);
  // The neighbour goes: what was learnt of it waits for its return.
  void KeepWatch(const Adjacency& a);
  void SaveModels(Time now);
  void BeginMachineModel(Time now);
  // ---- node_quarantine.cc
  std::optional<Quarantine::Access> AccessTo(ShortId neighbor) const;
  void SetRoutes(Time now);  // from the map, less what quarantine takes off it
  void OnTestimony(Time now, const Adjacency& from, ByteSpan encoded);
  void Testify(Time now, std::vector<Word> words);
  void SendTestimonies(Time now);
  void SendCheckProbe(Time now, const Quarantine::Probe& p);
  void SettleQuarantine(Time now);
  void TellQuarantine(Time now, const Quarantine::Finding& f);
  // ---- node_share.cc
  std::vector<ShareBook::Kind> OwnKinds() const;
  std::vector<anomaly::Digest> OwnDigests() const;
  // Tells one neighbour that has not heard for a while.
  void ShareModels(Time now);
  void OnModelDigest(Time now, const Adjacency& from, ByteSpan packet);
  // A young model begins from what neighbours have told, if enough have.
  void LearnFromOthers(Time now, Adjacency* a);
  // ---- node_lab.cc
  void RunLab(Time now);
  void Slander(Time now);  // each second
  // ---- direct_datagram.cc
  // True when the message left as a datagram to the neighbour itself.
  bool SubmitDirect(Time now, const OutgoingMessage& m);
  void SendDirect(Time now, Adjacency* a, ByteSpan chunk, std::uint8_t attempts);
  void OnDirect(Adjacency* a, ByteSpan body);
  // ---- second_path.cc
  void SendPackets(Time now, std::vector<OutgoingPacket> packets);
  void SendOne(Time now, const DataHeader& header, ByteSpan payload);
  // Makes the packet avoid the relays it would take. False: there is no other path.
  bool LeadAround(DataHeader* header);
  bool FirstHopDoubtful(const DataHeader& header);
  // What slow radios may add to a round trip to `to`.
  Duration SlowRoundTrip(ShortId to, TrafficClass c);
  // The path to `to` has slow radios, or there is none and this node has such a radio: probes
  // would cost more there than they tell, and a report that is late is no news.
  bool LeadsOverSlow(ShortId to);
  // What everything held for `a` does now that `a` is not to be used.
  void ResendElsewhere(Time now, Adjacency* a, std::vector<HeldFrame> frames);
  void CountDrop(std::uint64_t* reason) {
    ++*reason;
    ++counters_.frames_dropped;
  }
  void NoteRoute(Time now, const DataHeader& header, AdjacencyIndex out);
  Bytes TakeBuffer(std::size_t size);
  // nullopt: it carries data.
  void EmitFrame(Adjacency* a, Bytes frame, std::optional<ControlKind> control);
  void CountControl(ControlKind kind, std::size_t bytes, LinkEntry* link);

  // ---- members
  Identity identity_;
  TrustAnchor anchor_;
  Epoch epoch_;
  std::shared_ptr<Crypto> crypto_;
  Random random_;
  NodeConfig config_;
  ShortId self_;

  std::map<LinkId, LinkEntry> links_;
  Discovery discovery_;
  Handshakes handshakes_;
  std::vector<std::unique_ptr<Adjacency>> adjacencies_;  // by index, 256
  std::vector<Adjacency*> present_;  // those that exist, by index: what each event walks over
  absl::flat_hash_map<std::uint16_t, AdjacencyIndex> sessions_;  // local session id -> adjacency
  std::uint16_t last_session_ = 0;
  std::uint8_t last_index_ = 0;

  MapSync map_;
  Forwarder forwarder_;
  EndToEndCipher end_to_end_;
  Receiver receiver_;
  Sender sender_;
  Custody custody_;
  RouteWatch watch_;
  Progress progress_;
  PathWatch paths_;
  static constexpr std::size_t kWaysBackMax = 256;
  // Per origin of packets that want receipts: the nodes that its newest packet kept off.
  std::map<std::uint32_t, std::vector<ShortId>> way_back_;
  Quarantine quarantine_;
  std::uint32_t testimony_sequence_ = 0;
  Time next_testimonies_{};
  std::uint32_t slander_seconds_ = 0;  // laboratory
  Bytes first_slander_;
  std::uint16_t probe_port_ = 0;     // one of the ports that applications use, drawn once
  bool lab_again_ = false;           // a packet that the laboratory held back goes on
  bool note_routes_ = true;          // off for what takes ways of its own: probes and the like
  std::size_t watched_bytes_ = 0;    // payload of the last packet of a watched flow
  Time answers_since_{};             // answers to probes are counted from then
  int answers_ = 0;

  bool advertise_ = true;        // own links may have changed
  bool advertise_again_ = true;  // even if they have not
  bool metric_due_ = false;      // ... or their quality
  std::vector<AdvertisedAdjacency> last_list_;
  Time advertise_not_before_{};
  Duration advertise_gap_ = kAdvertiseGap;
  Time last_advertised_{};
  Time next_metric_check_{};
  Time next_save_{};
  Time next_model_save_{};
  Time next_housekeeping_{};
  Time next_expiry_{};
  RebuildBudget rebuilds_;
  mutable Time promised_wake_ = kNever;  // what NextDeadline said: measures how late we are woken

  struct WaitingPersist {
    std::uint64_t message = 0;                    // outbox: number of the message
    std::vector<ReceiptBatch::Receipt> receipts;  // or receiver: to be sent
    // ... and carriers to be told that what they brought has arrived
    std::vector<std::pair<ShortId, MessageId>> confirm;
    std::optional<MessageId> carried;  // or custody of this
  };
  std::map<std::uint64_t, WaitingPersist> waiting_;
  std::uint64_t last_token_ = 0;
  std::vector<std::pair<ShortId, MessageId>> unconfirmed_;  // confirm with the next receipts
  std::map<std::uint32_t, ShortId> brought_by_;             // origin -> who last brought from it
  std::string store_failure_;                               // empty: the disk works
  std::uint64_t last_message_ = 0;                          // best effort messages

  Lab lab_;

  static constexpr std::size_t kDroppersMax = 64;
  std::uint32_t listed_digest_ = 0;  // of the map when listed_now was counted
  std::map<std::uint32_t, Time> droppers_;  // short id -> since when it is told to be one
  RuleWatch machine_rules_;
  Healer healer_;
  ModelArchive models_;
  ShareBook book_;
  struct Shared {
    Time at{};
    Epoch epoch;  // of the neighbour: one that restarted may have forgotten
  };
  std::map<std::uint32_t, Shared> shared_;  // short id -> when it was told
  Time next_share_{};
  MachineReading machine_;
  Time machine_at_ = Time::min();
  std::unique_ptr<anomaly::Model> machine_model_;  // from the first reading on
  MachineValues machine_row_{};
  std::string machine_evidence_;  // of its last alarm
  Time machine_alarm_at_ = Time::min();
  std::uint64_t machine_drops_ = 0;
  Duration late_{0};  // worst delay of a wake-up since the last sample

  CutOff cut_off_;
  // Filled by FindByAddress, cleared when the map changes.
  std::map<std::string, NodeId, std::less<>> by_address_;

  RingQueue<Effect> effects_;
  std::deque<Event> events_;
  std::uint64_t last_event_ = 0;
  std::vector<Bytes> spare_;
  NodeCounters counters_;
};

}  // namespace selvage
