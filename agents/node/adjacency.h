// One neighbour over one link: session, monitor and what the node says of it.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "agents/healer/healer.h"
#include "agents/healer/rules.h"
#include "agents/healer/symptoms.h"
#include "agents/membership/certificate.h"
#include "agents/node/link_watch.h"
#include "agents/session/session_cipher.h"
#include "core/ids.h"
#include "core/link.h"
#include "core/time.h"
#include "routing/egress_queue.h"
#include "routing/link_monitor.h"
#include "routing/pacer.h"
#include "routing/path_cost.h"

namespace selvage {

// What all neighbours on one shared channel have in common.
struct SharedChannel {
  QueueEstimator queue;
  Pacer pacer{Pacer::Options::Shared()};
};

struct Adjacency {
  AdjacencyIndex index;         // as numbered by this node
  AdjacencyIndex remote_index;  // as numbered by the neighbour; 0 until its first hello
  LinkId link;
  PeerAddress address;
  Certificate certificate;
  Epoch epoch;  // the neighbour's
  std::unique_ptr<SessionCipher> cipher;
  // The session before the last rekey: still opened for a moment, for frames under way.
  std::unique_ptr<SessionCipher> previous;
  Time previous_until{};
  Time keyed_at{};
  LinkMonitor monitor;
  Pacer own_pacer;
  std::shared_ptr<SharedChannel> channel;  // null where this link serves one neighbour alone
  EgressQueue egress;                      // packets that wait for the pacer
  LinkState state = LinkState::kUp;  // as last acted upon; the detector may be ahead for a moment
  bool confirmed = false;            // ... and whether that is certain
  Time deadline = kNever;            // cached from the monitor
  bool slow = false;
  std::size_t size_limit = 0;  // of frames, as last acted upon; 0: what the link says
  bool shared = false;
  bool overdue = false;  // shared: new packets go elsewhere until it answers
  Time queued_until{};   // shared: frames to it wait behind those to one that is overdue
  bool listed = false;  // in the last advertisement
  std::unique_ptr<LinkWatch> watch;  // the model of it; null until it carries traffic
  Healer::Patient patient;           // what was done about its alarms
  RuleWatch rules;                   // how the operator's rules stand with it
  Symptoms symptoms;                 // from which what is wrong with it gets its name
  Fault fault = Fault::kNone;        // as last told
  Time fault_since{};
  int listed_now = 0;     // other nodes that have it as a neighbour
  int listed_by = 0;      // ... and had it when it was last in use
  int listed_less = 0;    // seconds for which it has been fewer than that, while in use
  bool doubted = false;              // critical packets go a second way too, for a moment
  // As last advertised; changes by little are not worth a flood.
  EdgeMetric advertised;

  Adjacency(Time now, const LinkInfo& link, std::shared_ptr<SharedChannel> shared_channel)
      : monitor(now, link.slow, link.shared, link.idle_gap, link.patience),
        channel(std::move(shared_channel)),
        slow(link.slow),
        shared(link.shared) {}
  Pacer& pacer() { return channel ? channel->pacer : own_pacer; }
  const Pacer& pacer() const { return channel ? channel->pacer : own_pacer; }
  const QueueEstimator& queue() const { return channel ? channel->queue : monitor.queue(); }
  ShortId neighbor() const { return certificate.id.Short(); }
};

}  // namespace selvage
