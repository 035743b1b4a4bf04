#include "sim/model/access_helper.h"

#include <utility>

#include "ns3/double.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"

namespace selvage::sim {
namespace {

ns3::Ptr<AccessNetDevice> NewDevice(const std::string& up, const std::string& down,
                                    std::uint32_t mtu) {
  auto device = ns3::CreateObject<AccessNetDevice>();
  device->SetAttribute("UpRate", ns3::StringValue(up));
  device->SetAttribute("DownRate", ns3::StringValue(down));
  device->SetAttribute("Mtu", ns3::UintegerValue(mtu));
  return device;
}

}  // namespace

ns3::Ptr<AccessNetDevice> AccessHelper::Install(ns3::Ptr<ns3::Node> node,
                                                ns3::Ptr<AccessNetDevice> device,
                                                ns3::Ptr<AccessModel> model) {
  device->SetAddress(ns3::Mac48Address::Allocate());
  node->AddDevice(device);
  device->Attach(channel_, model);
  models_.push_back(model);
  return device;
}

ns3::Ptr<AccessNetDevice> AccessHelper::InstallCell(ns3::Ptr<ns3::Node> node,
                                                    const std::string& network) {
  auto device = NewDevice("10Mbps", "50Mbps", 1400);
  device->SetAttribute("ActiveWatts", ns3::DoubleValue(1));
  device->SetAttribute("Tail", ns3::TimeValue(ns3::Seconds(10)));
  auto model = ns3::CreateObject<CellAccess>();
  model->SetAttribute("Network", ns3::StringValue(network));
  if (network == "verizon") {
    model->SetAttribute("GapsPerHour", ns3::DoubleValue(90));
    model->SetAttribute("GapMedian", ns3::DoubleValue(0.29));
    model->SetAttribute("GapSigma", ns3::DoubleValue(1.34));
    model->SetAttribute("GapMax", ns3::DoubleValue(8));
  }
  return Install(node, device, model);
}

ns3::Ptr<AccessNetDevice> AccessHelper::InstallLeo(ns3::Ptr<ns3::Node> node,
                                                   std::shared_ptr<LeoShell> shell,
                                                   const orbit::Site& terminal,
                                                   const orbit::Site& gateway) {
  auto device = NewDevice("10.5Mbps", "138Mbps", 1500);
  device->SetAttribute("IdleWatts", ns3::DoubleValue(30));
  auto model = ns3::CreateObject<LeoAccess>();
  model->Configure(std::move(shell), terminal, gateway);
  return Install(node, device, model);
}

ns3::Ptr<AccessNetDevice> AccessHelper::InstallFixed(ns3::Ptr<ns3::Node> node, ns3::Time one_way) {
  auto model = ns3::CreateObject<FixedAccess>();
  model->SetAttribute("OneWay", ns3::TimeValue(one_way));
  return Install(node, NewDevice("100Mbps", "100Mbps", 1500), model);
}

std::int64_t AccessHelper::AssignStreams(std::int64_t stream) {
  std::int64_t used = 0;
  for (const auto& model : models_) used += model->AssignStreams(stream + used);
  return used;
}

}  // namespace selvage::sim
