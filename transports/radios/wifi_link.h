// Transport "wifi": the IP carrier on a Wi-Fi interface, with what nl80211 knows of it.
//
// How the interface was made (mesh point without kernel forwarding, IBSS, station, access point) is
// the system's business. All in reach share one channel, which the node is told. Where nl80211 is
// missing, or the interface is something else, everything works but the telemetry. A station is
// matched to a peer by the MAC address in its link-local address (RFC 4291, appendix A); where
// addresses are made otherwise (RFC 7217), only the link as a whole has values.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "transports/radios/ip_radio.h"
#include "transports/wifi/nl80211.h"

namespace selvage {

// InvalidArgument without an interface.
absl::StatusOr<std::unique_ptr<Transport>> CreateWifi(const TransportContext& context);

// The MAC address that an IPv6 link-local peer's address was made from; nullopt: another kind.
std::optional<wifi::MacAddress> MacOfPeer(const PeerAddress& peer);

}  // namespace selvage
