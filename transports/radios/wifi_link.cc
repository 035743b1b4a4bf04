#include "transports/radios/wifi_link.h"

#include <algorithm>

#include "transports/ip/socket_address.h"
#include "transports/wifi/wifi_telemetry.h"

namespace selvage {
namespace {

class WifiLink final : public IpRadio {
 public:
  WifiLink(const TransportContext& context, Tariff tariff)
      : IpRadio(context, {"wifi", true, true}),
        tariff_(tariff),
        telemetry_(context.reactor, context.config.interface) {}

  absl::Status Start() override {
    if (absl::Status s = StartCarrier(""); !s.ok()) return s;
    telemetry_.Start();
    return absl::OkStatus();
  }
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override {
    if (const auto mac = MacOfPeer(peer)) {
      if (auto found = telemetry_.sampler().Find(*mac)) return found;
    }
    return telemetry_.sampler().Whole();
  }
  std::string RadioState() const override {
    const std::size_t stations = telemetry_.sampler().stations();
    if (telemetry_.state() != "nl80211") return "no telemetry: " + telemetry_.state();
    return std::to_string(stations) + (stations == 1 ? " station" : " stations");
  }

 private:
  void Shape(LinkInfo* info) override { info->tariff = tariff_; }
  const Tariff tariff_;
  wifi::WifiTelemetry telemetry_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> CreateWifi(const TransportContext& context) {
  if (context.config.interface.empty()) {
    return absl::InvalidArgumentError("Wi-Fi needs its interface: interface = \"wlan0\"");
  }
  const auto tariff = TariffOption(context.config, Tariff::kFree);
  if (!tariff.ok()) return tariff.status();
  return std::make_unique<WifiLink>(context, *tariff);
}

std::optional<wifi::MacAddress> MacOfPeer(const PeerAddress& peer) {
  // tag | fe80:: and an interface identifier xx:xx:xx:ff:fe:xx:xx:xx | port | scope
  constexpr std::size_t kIdentifierAt = 1 + 8;
  if (peer.size < kIdentifierAt + 8 || peer.bytes[0] != kPeerTagIpv6 || peer.bytes[1] != 0xfe ||
      peer.bytes[2] != 0x80) {
    return std::nullopt;
  }
  const std::uint8_t* id = peer.bytes.data() + kIdentifierAt;
  if (id[3] != 0xff || id[4] != 0xfe) return std::nullopt;
  return wifi::MacAddress{static_cast<std::uint8_t>(id[0] ^ 2), id[1], id[2], id[5], id[6], id[7]};
}

}  // namespace selvage
