#include "transports/ethernet/ethernet.h"

#include "transports/ip/ip_transport.h"

namespace selvage {

absl::StatusOr<std::unique_ptr<Transport>> CreateEthernet(const TransportContext& context) {
  return IpTransport::Create(context, {"ethernet"});
}

}  // namespace selvage
