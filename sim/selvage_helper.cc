#include "sim/selvage_helper.h"

#include <utility>

#include "core/random.h"
#include "ns3/abort.h"
#include "sim/udp_carrier.h"

namespace selvage::sim {
namespace {

constexpr WallSeconds kWall = 1700000000;  // when the simulated world begins
constexpr WallSeconds kYear = 365 * 24 * 3600;

// What seeds are drawn for; the purpose keeps them apart.
enum : std::uint64_t { kNetworkKeys = 1, kNodeKeys = 2, kNodeRandom = 4 };

std::uint64_t SeedFor(std::uint64_t seed, std::uint64_t purpose, std::uint64_t node) {
  return Random((seed * 1000003ull + purpose) * 1000003ull + node).U64();
}

}  // namespace

SelvageHelper::SelvageHelper(std::uint64_t seed, Cryptography cryptography)
    : seed_(seed), cryptography_(cryptography) {
  agents_.SetTypeId(SelvageApplication::GetTypeId());
  network_crypto_ = NewCrypto(kNetworkKeys, 0);
  network_crypto_->GenerateSigningKey(&network_key_, &anchor_.key);
  anchor_.network = "simulated";
}

std::shared_ptr<Crypto> SelvageHelper::NewCrypto(std::uint64_t purpose, std::uint32_t node) const {
  if (cryptography_ == Cryptography::kSodium) return NewSodiumCrypto();
  return NewStandInCrypto(SeedFor(seed_, purpose, node));
}

ns3::ApplicationContainer SelvageHelper::Install(const ns3::NodeContainer& nodes) {
  ns3::ApplicationContainer agents;
  for (auto node = nodes.Begin(); node != nodes.End(); ++node) {
    agents.Add(Install(*node, NewUdpCarrier(false)));
  }
  return agents;
}

ns3::Ptr<SelvageApplication> SelvageHelper::Install(ns3::Ptr<ns3::Node> node,
                                                    std::unique_ptr<Carrier> carrier) {
  const std::uint32_t index = installed_++;
  auto crypto = std::make_shared<WatchedCrypto>(NewCrypto(kNodeKeys, index), sealed_);
  NodeCore::Init init;
  Certificate wanted;
  wanted.network = anchor_.network;
  wanted.name = "n" + std::to_string(index);
  wanted.serial = index + 1;
  wanted.not_before = kWall - kYear;
  wanted.not_after = kWall + kYear;
  crypto->GenerateSigningKey(&init.identity.signing_key, &wanted.signing_key);
  crypto->GenerateKeyPair(&init.identity.agreement_key, &wanted.agreement_key);
  auto certificate = IssueCertificate(*network_crypto_, network_key_, wanted);
  NS_ABORT_MSG_UNLESS(certificate.ok(), certificate.status().message());  // all of it is ours
  init.identity.certificate = *std::move(certificate);
  init.anchor = anchor_;
  init.epoch = Epoch(1);
  init.crypto = crypto;
  init.seed = SeedFor(seed_, kNodeRandom, index);
  init.wall = kWall;
  init.pool = pool_;
  auto agent = agents_.Create<SelvageApplication>();
  agent->Configure(std::move(init), std::move(crypto), std::move(carrier));
  node->AddApplication(agent);
  return agent;
}

std::int64_t SelvageHelper::AssignStreams(const ns3::ApplicationContainer& agents,
                                          std::int64_t stream) {
  std::int64_t used = 0;
  for (auto agent = agents.Begin(); agent != agents.End(); ++agent) {
    auto selvage = ns3::DynamicCast<SelvageApplication>(*agent);
    if (selvage != nullptr) used += selvage->AssignStreams(stream + used);
  }
  return used;
}

}  // namespace selvage::sim
