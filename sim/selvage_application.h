// The node core as an ns-3 application: the same code as on a device, on ns-3's clock and channels.
//
// Frames travel over the node's carrier (UDP over Wi-Fi, or abstract links). The core learns what a
// device would learn: arriving datagrams and the time. Persisted writes are durable at once (a disk
// that takes no time).
//
// Attributes: Healing, Quarantine, Model (on, off, threshold), Laboratory.
// Trace sources, in virtual time:
//   Delivery     const Deliver&   a message reached this node, once
//   RouteChange  const Event&     traffic moved: from and to whom, for which evidence
//   Detection    const Event&     a neighbour, a path, a link or this machine was found wanting
//   Reported     const Event&     everything that the node says of itself, these included
//   Drop         const std::string& reason, std::uint64_t frames   frames that went no further
//
// Thread rule: ns-3's. SelvageHelper makes them; who does it by hand calls Configure() before the
// start, on one node each.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/node/node_core.h"
#include "core/random.h"
#include "core/store.h"
#include "core/time.h"
#include "ns3/application.h"
#include "ns3/event-id.h"
#include "ns3/traced-callback.h"
#include "sim/carrier.h"
#include "sim/frame_sight.h"
#include "sim/ledger.h"

namespace selvage::sim {

// How long to wait for a deadline, Time::min() ("now") and past ones included. One that is already
// due is served a microsecond later, so that time always moves. REQUIRES: deadline != kNever.
constexpr Duration TimerWait(Time now, Time deadline) {
  constexpr Duration kMin = 1us;
  return deadline < now + kMin ? kMin : deadline - now;
}

class SelvageApplication : public ns3::Application {
 public:
  using DeliveryCallback = void (*)(const Deliver& deliver);
  using EventCallback = void (*)(const Event& event);
  using DropCallback = void (*)(const std::string& reason, std::uint64_t frames);
  enum Model { kModelOn, kModelOff, kModelThreshold };  // as ns-3 wants enumerations

  static ns3::TypeId GetTypeId();
  SelvageApplication();
  ~SelvageApplication() override;

  // Before the application starts. `crypto` is init.crypto, watched.
  void Configure(NodeCore::Init init, std::shared_ptr<WatchedCrypto> crypto,
                 std::unique_ptr<Carrier> carrier);
  // Before the application starts: draws from this ns-3 stream. Returns 1, the streams used.
  std::int64_t AssignStreams(std::int64_t stream);

  const NodeId& id() const { return id_; }
  // False: not started, or refused by the core; *reason says why.
  bool Submit(Message message, std::string* reason);
  // Null before the start.
  NodeCore* core() { return core_.get(); }
  // Over everything the core asked for, with node and time, in order.
  std::uint64_t EffectsHash() const { return hash_.value(); }

 private:
  void StartApplication() override;
  void StopApplication() override;
  void DoDispose() override;

  void OnLinkUp(LinkId link, const LinkInfo& info);
  void OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame);
  // What the radio says, as often as a driver is asked.
  void ReadRadio(LinkId link, const PeerAddress& from);
  void OnTimer();
  // Carries out all pending effects, then arms the timer for the next deadline.
  void Settle();
  void Perform(SendFrame* effect);
  void Perform(Persist* effect);
  void Report(const Event& event);
  void TraceDrops();
  void HashEffect(const Effect& effect);
  void ArmTimer();

  std::optional<NodeCore::Init> init_;
  std::shared_ptr<WatchedCrypto> crypto_;
  NodeId id_;
  bool healing_ = true;
  bool quarantine_ = true;
  bool laboratory_ = false;
  Model model_ = kModelOn;
  ns3::TracedCallback<const Deliver&> delivery_;
  ns3::TracedCallback<const Event&> route_change_;
  ns3::TracedCallback<const Event&> detection_;
  ns3::TracedCallback<const Event&> reported_;
  ns3::TracedCallback<const std::string&, std::uint64_t> drop_;
  std::map<std::string, std::uint64_t> drops_;  // told so far, by reason
  std::unique_ptr<NodeCore> core_;
  std::unique_ptr<Carrier> carrier_;
  ns3::EventId timer_;
  Time armed_ = kNever;
  std::map<std::pair<LinkId, PeerAddress>, Time> radio_read_;
  Random radio_random_{0};
  TraceHash hash_;
};

}  // namespace selvage::sim
