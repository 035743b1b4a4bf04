// A driver of one's own around the node core: two nodes in one process, their link a queue, their
// clock a variable. What firmware does with its radio and its timer, in the smallest form.
#include <cstdio>
#include <deque>
#include <string>
#include <utility>

#include "agents/node/node_core.h"

namespace {

using selvage::Bytes;
using selvage::NodeCore;
using selvage::Time;

constexpr selvage::LinkId kRadio(1);

// What "selvage network admit" does, on the device.
selvage::Identity Admit(selvage::Crypto& crypto, const selvage::SigningKey& network_key,
                        const std::string& name) {
  selvage::Identity identity;
  selvage::Certificate wanted;
  crypto.GenerateSigningKey(&identity.signing_key, &wanted.signing_key);
  crypto.GenerateKeyPair(&identity.agreement_key, &wanted.agreement_key);
  wanted.network = "demo";
  wanted.name = name;
  wanted.serial = 1;
  wanted.not_before = 1;
  wanted.not_after = 4'000'000'000;
  wanted.roles = {"node"};
  identity.certificate = selvage::IssueCertificate(crypto, network_key, wanted).value();
  return identity;
}

struct Device {
  std::unique_ptr<selvage::Store> store = selvage::NewMemoryStore();
  std::unique_ptr<NodeCore> core;
  std::deque<Bytes> air;  // frames on their way to this device
  std::string received;
};

// Performs what the core wants done.
void Drain(Device& device, Device& other, Time now) {
  while (auto effect = device.core->PollEffect()) {
    if (auto* frame = std::get_if<selvage::SendFrame>(&*effect)) {
      other.air.push_back(std::move(frame->frame));
    } else if (auto* persist = std::get_if<selvage::Persist>(&*effect)) {
      std::string error;
      device.store->Write(persist->writes, &error);
      if (persist->token != 0) device.core->OnPersisted(now, persist->token);
    } else if (auto* message = std::get_if<selvage::Deliver>(&*effect)) {
      device.received.assign(message->payload.begin(), message->payload.end());
    }
  }
}

}  // namespace

int main() {
  auto crypto = selvage::NewSodiumCrypto();
  selvage::TrustAnchor anchor;
  anchor.network = "demo";
  selvage::SigningKey network_key;
  crypto->GenerateSigningKey(&network_key, &anchor.key);

  Time now = selvage::TimeFromNanos(1);
  Device a, b;
  for (auto [device, name] : {std::pair<Device*, const char*>{&a, "a"}, {&b, "b"}}) {
    NodeCore::Init init;
    init.identity = Admit(*crypto, network_key, name);
    init.anchor = anchor;
    init.epoch = selvage::Epoch(1);
    init.crypto = crypto;
    init.wall = 1000;
    device->core = std::make_unique<NodeCore>(now, std::move(init), *device->store);
    selvage::LinkInfo radio;
    radio.name = "radio";
    radio.transport = "own";
    device->core->OnLinkUp(now, kRadio, radio);
  }

  bool sent = false;
  for (int millisecond = 0; millisecond < 10'000 && b.received.empty(); ++millisecond) {
    now += std::chrono::milliseconds(1);
    for (auto [here, there] : {std::pair<Device*, Device*>{&a, &b}, {&b, &a}}) {
      for (; !here->air.empty(); here->air.pop_front()) {
        Bytes& frame = here->air.front();
        selvage::PeerAddress from = selvage::PeerAddress::From(
            selvage::ByteSpan(reinterpret_cast<const std::uint8_t*>(here == &a ? "b" : "a"), 1));
        here->core->OnFrame(now, kRadio, from, selvage::MutableByteSpan(frame));
      }
      if (here->core->NextDeadline() <= now) here->core->OnTimeout(now);
      Drain(*here, *there, now);
    }
    auto to = a.core->FindNode("b");
    if (!sent && to && !a.core->Path(now, *to, selvage::TrafficClass::kReliable).empty()) {
      const std::string text = "hello from a";
      std::string reason;
      sent = a.core->Submit(now, {*to, selvage::TrafficClass::kReliable, 4000,
                                  Bytes(text.begin(), text.end())}, &reason) != 0;
    }
  }
  std::printf("b received: %s\n", b.received.c_str());
  return b.received == "hello from a" ? 0 : 1;
}
