#include "transports/radios/satellite_link.h"

#include <time.h>

#include <cmath>
#include <cstdlib>

namespace selvage {
namespace {

constexpr double kSlotOffsetDefault = 12;

class SatelliteLink final : public IpRadio {
 public:
  SatelliteLink(const TransportContext& context, Tariff tariff, double offset)
      : IpRadio(context, {"satellite", false, false}), tariff_(tariff), offset_(offset) {}

  absl::Status Start() override { return StartCarrier(""); }
  std::optional<LinkTelemetry> Telemetry(const PeerAddress&) const override {
    timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    LinkTelemetry t;
    t.sampled_at = context_.reactor.now();
    const double seconds = static_cast<double>(wall.tv_sec) + wall.tv_nsec / 1e9;
    SetTelemetry(*FindTelemetryField("slot_phase_s"), SlotPhase(seconds, offset_), &t);
    return t;
  }
  std::string RadioState() const override { return "slots of 15 s; the terminal is not asked"; }

 private:
  void Shape(LinkInfo* info) override {
    info->tariff = tariff_;
    if (tariff_ != Tariff::kFree) info->idle_gap = kMeteredIdleGap;
  }
  const Tariff tariff_;
  const double offset_;
};

}  // namespace

double SlotPhase(double unix_seconds, double offset_seconds) {
  const double phase = std::fmod(unix_seconds - offset_seconds, kSatelliteSlotSeconds);
  return phase < 0 ? phase + kSatelliteSlotSeconds : phase;
}

absl::StatusOr<std::unique_ptr<Transport>> CreateSatellite(const TransportContext& context) {
  const auto tariff = TariffOption(context.config, Tariff::kCostly);
  if (!tariff.ok()) return tariff.status();
  const auto it = context.config.options.find("slot_offset_s");
  const double offset =
      it == context.config.options.end() ? kSlotOffsetDefault : std::atof(it->second.c_str());
  if (context.config.peers.empty() && context.config.listen.empty()) {
    return absl::InvalidArgumentError(
        "a satellite network carries no multicast, so nobody is found on it: name peers "
        "(peers = [\"zmq+tcp://hub.example:7701?key=KEY\"])");
  }
  return std::make_unique<SatelliteLink>(context, *tariff, offset);
}

}  // namespace selvage
