// Puts terminals of access networks on nodes, all reaching each other through one exchange.
//
//   AccessHelper access;
//   auto modem = access.InstallCell(node, "verizon");        // RedCap: measured round trips
//   auto dish = access.InstallLeo(node, shell, site, gateway);
//   auto host = access.InstallFixed(server, ns3::MilliSeconds(2));
//   access.AssignStreams(700);
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ns3/nstime.h"
#include "ns3/node.h"
#include "sim/model/access_net_device.h"
#include "sim/model/cell_access.h"
#include "sim/model/leo_access.h"

namespace selvage::sim {

class AccessHelper {
 public:
  AccessHelper() : channel_(ns3::CreateObject<AccessChannel>()) {}

  // RedCap, one antenna: 10 Mb/s up, 50 down (what such modems get, not their peak), 1,400 bytes,
  // 1 W while awake and 10 s of tail (estimates; both attributes).
  ns3::Ptr<AccessNetDevice> InstallCell(ns3::Ptr<ns3::Node> node, const std::string& network);
  // Broadband satellite: 10.5 Mb/s up, 138 down (medians of the measurement), 30 W all the time.
  ns3::Ptr<AccessNetDevice> InstallLeo(ns3::Ptr<ns3::Node> node, std::shared_ptr<LeoShell> shell,
                                       const orbit::Site& terminal, const orbit::Site& gateway);
  // A host at a cable: 100 Mb/s.
  ns3::Ptr<AccessNetDevice> InstallFixed(ns3::Ptr<ns3::Node> node, ns3::Time one_way);
  ns3::Ptr<AccessNetDevice> Install(ns3::Ptr<ns3::Node> node, ns3::Ptr<AccessNetDevice> device,
                                    ns3::Ptr<AccessModel> model);
  ns3::Ptr<AccessChannel> channel() const { return channel_; }
  // Seeds all models made so far. Returns the streams used.
  std::int64_t AssignStreams(std::int64_t stream);

 private:
  ns3::Ptr<AccessChannel> channel_;
  std::vector<ns3::Ptr<AccessModel>> models_;
};

}  // namespace selvage::sim
