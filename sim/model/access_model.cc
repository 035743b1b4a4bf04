#include "sim/model/access_model.h"

#include "ns3/nstime.h"

namespace selvage::sim {

NS_OBJECT_ENSURE_REGISTERED(AccessModel);
NS_OBJECT_ENSURE_REGISTERED(FixedAccess);

ns3::TypeId AccessModel::GetTypeId() {
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::AccessModel").SetParent<ns3::Object>();
  return kId;
}

std::int64_t AccessModel::AssignStreams(std::int64_t stream) {
  seed_ = static_cast<std::uint64_t>(stream);
  return 1;
}

ns3::TypeId FixedAccess::GetTypeId() {
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::FixedAccess")
          .SetParent<AccessModel>()
          .AddConstructor<FixedAccess>()
          .AddAttribute("OneWay", "Delay to the exchange.", ns3::TimeValue(ns3::MilliSeconds(2)),
                        ns3::MakeTimeAccessor(&FixedAccess::one_way_), ns3::MakeTimeChecker());
  return kId;
}

AccessModel::Passage FixedAccess::Up(Time /*now*/) {
  return {false, Duration(one_way_.GetNanoSeconds())};
}

AccessModel::Passage FixedAccess::Down(Time now) { return Up(now); }

}  // namespace selvage::sim
