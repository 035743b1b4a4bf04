// Puts Selvage's agents on ns-3 nodes: one network, a certificate for each node, ns-3's usual way.
//
//   SelvageHelper selvage(1);  // seed of keys and of everything random
//   selvage.Set("Model", ns3::StringValue("off"));
//   ns3::ApplicationContainer agents = selvage.Install(nodes);  // nodes with an IPv4 stack
//   agents.Start(ns3::Seconds(0));
//
// Attributes and trace sources are those of SelvageApplication. sim/examples/ has a whole program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agents/membership/certificate.h"
#include "agents/node/record_pool.h"
#include "core/crypto.h"
#include "ns3/application-container.h"
#include "ns3/node-container.h"
#include "ns3/object-factory.h"
#include "sim/carrier.h"
#include "sim/frame_sight.h"
#include "sim/selvage_application.h"

namespace selvage::sim {

class SelvageHelper {
 public:
  // kStandIn: same lengths and failures, no security, fast. kSodium: what devices run.
  enum class Cryptography { kStandIn, kSodium };
  explicit SelvageHelper(std::uint64_t seed, Cryptography cryptography = Cryptography::kStandIn);

  // Of the applications installed from now on.
  void Set(const std::string& name, const ns3::AttributeValue& value) { agents_.Set(name, value); }

  // An agent on each node, whose frames are UDP datagrams over the node's IPv4 stack. The n-th node
  // of all that this helper installs is called "n<n-1>".
  ns3::ApplicationContainer Install(const ns3::NodeContainer& nodes);
  // The same over any medium.
  ns3::Ptr<SelvageApplication> Install(ns3::Ptr<ns3::Node> node, std::unique_ptr<Carrier> carrier);

  // Agents draw from random streams `stream`, `stream` + 1, ... instead of from the helper's seed.
  // Before they start. Returns how many streams were used.
  static std::int64_t AssignStreams(const ns3::ApplicationContainer& agents, std::int64_t stream);

 private:
  std::shared_ptr<Crypto> NewCrypto(std::uint64_t purpose, std::uint32_t node) const;

  const std::uint64_t seed_;
  const Cryptography cryptography_;
  ns3::ObjectFactory agents_;
  std::shared_ptr<Crypto> network_crypto_;
  SigningKey network_key_{};
  TrustAnchor anchor_;
  std::shared_ptr<RecordPool> pool_ = std::make_shared<RecordPool>();  // all agents: one thread
  std::shared_ptr<SealedPackets> sealed_ = std::make_shared<SealedPackets>();
  std::uint32_t installed_ = 0;
};

}  // namespace selvage::sim
