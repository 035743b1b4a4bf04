// Transport "lorawan" with mode = "gateway": the agent as network server of a local gateway.
//
// A packet forwarder on the same machine (Semtech UDP, PUSH and PULL) brings what the radio hears
// and takes what it is to send; devices join here, without a cloud. Each device is a neighbour,
// addressed by its DevEUI (lorawan_device_link.h is its end). To a device of class C a unit leaves
// at once, one after the other, for two at the same time are refused; for one of class A it waits
// for the windows after the device's next uplink. Counters and air time are on disk before the
// frame is given to the forwarder (network_server.h). The protocol has no authentication: listen on
// loopback or inside a tunnel. See transport.h for the thread rule.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/random.h"
#include "transports/ip/udp_lane.h"
#include "transports/lorawan/gateway/network_server.h"
#include "transports/radios/control_budget.h"
#include "transports/small/small_link.h"

namespace selvage {

class LorawanGatewayLink final : public SmallLink {
 public:
  struct Options {
    SocketAddress listen;
    const lorawan::Region* region = nullptr;
    std::vector<lorawan::ServerDevice> devices;
    int rx_delay_s = 1;
    Duration patience{0};  // how long an answer of a class A device may take; 0: all are class C
  };
  static constexpr Duration kForwarderCheck = 5s;

  LorawanGatewayLink(const TransportContext& context, Options options, std::uint64_t seed);
  ~LorawanGatewayLink() override;
  absl::Status Start() override;
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override;
  std::string RadioState() const override;
  const lorawan::ServerCounters& server_counters() const { return server_.counters(); }
  // As the kernel has it (port filled in). REQUIRES: started.
  const SocketAddress& local() const { return lane_->local(); }

 private:
  struct Station {
    bool class_c = false;
    bool joined = false;
    Time heard = Time::min();
    int rssi_dbm = 0;
    int snr_deci_db = 0;
    int data_rate = 0;
  };
  // ---- UnitCarrier
  std::size_t unit_bytes_max() const override;
  SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) override;
  // ---- SmallLink
  void OnRadioTimeout(Time now) override;
  Time RadioDeadline() const override;

  void Perform();
  bool PerformOne(const lorawan::ServerEffect& effect);
  void Judge();
  std::size_t joined() const;
  Duration AirtimeOf(const Station& s, std::size_t payload_bytes) const;
  std::string Key(const std::string& what) const { return "radio/lorawan-gateway/" + what; }
  WallSeconds wall() const { return context_.store == nullptr ? 0 : context_.store->wall(); }

  const Options options_;
  Random random_;
  lorawan::NetworkServer server_;
  ControlBudget budget_;
  TransportCounters lane_counters_;
  std::unique_ptr<UdpLane> lane_;
  std::map<std::uint64_t, Station> stations_;  // by DevEUI
  std::deque<lorawan::ServerEffect> effects_;
  bool waiting_for_disk_ = false;
  Time persist_again_ = kNever;
  Time check_at_{};
  Time busy_until_ = Time::min();  // class C: the last one is on air
  std::uint64_t token_ = 0;
  bool perform_ = false;
};

// InvalidArgument for a section that cannot work.
absl::StatusOr<std::unique_ptr<Transport>> CreateLorawanGateway(const TransportContext& context);

}  // namespace selvage
