// The media of a field: one channel per kind of radio, devices on the nodes that have them, and
// what all of it cost.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "ns3/net-device-container.h"
#include "ns3/node-container.h"
#include "sim/field/abstract_air.h"
#include "sim/field/field_scenario.h"
#include "sim/field/radio_set.h"
#include "sim/model/access_helper.h"
#include "sim/model/lora_helper.h"
#include "sim/model/message_net_device.h"

namespace selvage::sim {

class FieldRadios {
 public:
  // Nodes have mobility models. Installs everything. `field` and `drawn` outlive this.
  FieldRadios(const FieldScenario& field, const std::vector<FieldNode>& drawn,
              const ns3::NodeContainer& nodes);

  // New carriers for a node, in the order of its group's radios. Once per node.
  std::vector<RadioSet::Radio> NewCarriers(std::uint32_t node);
  // Whose address that is on a medium; nullopt: nobody's.
  std::optional<std::uint32_t> NodeOf(RadioKind kind, const PeerAddress& address) const;
  bool Has(std::uint32_t node, RadioKind kind) const;

  struct Cost {
    double joules = 0;  // of the radio, listening and sending
    double cents = 0;
    double airtime_s = 0;   // LoRa
    double duty_share = 0;  // LoRa: of the legal limit of an hour, now
    std::uint64_t credits = 0;  // SBD
  };
  Cost CostOf(std::uint32_t node, RadioKind kind) const;
  // Switches the device itself, where it has a life of its own.
  void Switch(std::uint32_t node, RadioKind kind, bool on);

 private:
  void InstallWifi(const ns3::NodeContainer& nodes);
  void InstallLora(const ns3::NodeContainer& nodes);
  void InstallAccess(RadioKind kind, const ns3::NodeContainer& nodes);
  void InstallSbd(const ns3::NodeContainer& nodes);
  ns3::NodeContainer With(RadioKind kind, const ns3::NodeContainer& nodes) const;

  const FieldScenario& field_;
  const std::vector<FieldNode>& drawn_;
  LoraHelper lora_;
  std::map<RadioKind, AccessHelper> access_;
  ns3::Ptr<MessageChannel> sky_;
  std::unique_ptr<AbstractAir> air_;  // null: Wi-Fi has a PHY
  std::map<std::uint32_t, ns3::Ptr<LoraNetDevice>> lora_devices_;  // by node
  std::map<RadioKind, std::map<std::uint32_t, ns3::Ptr<AccessNetDevice>>> access_devices_;
  std::map<std::uint32_t, ns3::Ptr<MessageNetDevice>> sbd_devices_;
  std::map<std::uint32_t, ns3::Ptr<ns3::NetDevice>> wifi_devices_;
  std::map<RadioKind, std::map<PeerAddress, std::uint32_t>> addresses_;
  std::map<std::uint32_t, std::uint64_t> wifi_bytes_;
};

}  // namespace selvage::sim
