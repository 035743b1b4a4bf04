// What every protocol under test has to do: set up nodes, send a numbered packet, say what arrived.
//
// The runner knows protocols only through this, so that faults, flows, counting and evaluation are
// the same code for all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-address.h"
#include "ns3/net-device-container.h"
#include "ns3/node-container.h"
#include "sim/carrier.h"
#include "sim/layout.h"
#include "sim/scenario.h"

namespace selvage::sim {

// Nodes, devices and addresses as a protocol finds them; all vectors by node. Without a radio there
// are no devices and no addresses, only carriers.
struct Stage {
  const Scenario* scenario = nullptr;
  const Layout* layout = nullptr;
  ns3::NodeContainer nodes;
  ns3::NetDeviceContainer devices;
  std::vector<ns3::Ipv4Address> addresses;
  // What a node's frames travel over, when asked for; called once per node.
  std::function<std::unique_ptr<Carrier>(std::uint32_t node)> new_carrier;
};

// Something a node reported about itself: time, which node, what, one line for people.
struct Incident {
  double t_s = 0;
  std::uint32_t node = 0;
  std::string kind;
  std::string text;
  // Reroute: node name and class of the traffic that moved, "n12 telemetry". Empty otherwise.
  std::string traffic;
};

class Protocol {
 public:
  // A packet of a flow reached the flow's destination (once per arrival, duplicates included).
  using Arrival = std::function<void(std::uint32_t flow, std::uint32_t sequence)>;

  virtual ~Protocol() = default;
  // Chooses the routing of the IP stack about to be installed.
  virtual void ConfigureStack(ns3::InternetStackHelper* stack) = 0;
  // After the stack and addresses are in place. `stage` outlives the protocol.
  virtual void Install(const Stage& stage, Arrival arrival) = 0;
  virtual void Send(std::uint32_t flow, std::uint32_t sequence) = 0;
  // Off: the node forwards nothing of others any more but goes on taking part (blackhole). False:
  // the runner shall do it by dropping data packets as they come up from the device.
  virtual bool SetForwarding(std::uint32_t /*node*/, bool /*on*/) { return false; }
  // An attacker from now on: "drop20", "accuse", "lie" (sim/attackers.h); "": honest again. Nothing
  // where a protocol has no such lies.
  virtual void Misbehave(std::uint32_t /*node*/, const std::string& /*how*/) {}
  // Fingerprint of what the protocol did; 0 when it keeps none.
  virtual std::uint64_t EffectsHash() const { return 0; }
  // Sums over all nodes, for the manifest.
  virtual std::map<std::string, std::uint64_t> Counters() const { return {}; }
  // In order of time; bounded, the first ones are kept.
  virtual std::vector<Incident> Incidents() const { return {}; }
};

// aodv, olsr or dsdv of ns-3 with UDP sockets on top.
std::unique_ptr<Protocol> NewIpProtocol(const std::string& name);
// Selvage's own node core, one per node.
std::unique_ptr<Protocol> NewSelvageProtocol();

}  // namespace selvage::sim
