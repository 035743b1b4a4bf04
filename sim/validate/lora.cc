// LoRa: air time, pure ALOHA, and what capture makes of it.
#include <cmath>
#include <memory>
#include <vector>

#include "ns3/boolean.h"
#include "ns3/constant-position-mobility-model.h"
#include "ns3/double.h"
#include "ns3/integer.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"
#include "sim/model/lora_helper.h"
#include "sim/scenario_random.h"
#include "sim/validate/validate.h"

namespace selvage::sim {
namespace {

constexpr std::int64_t kChannelsHz[] = {868'100'000, 868'300'000, 868'500'000};
constexpr double kDutyShare = 0.01;
constexpr double kPeriodJitter = 0.1;  // of the period: phases drift, as those of real clocks

ns3::Ptr<ns3::Node> NodeAt(double x) {
  auto node = ns3::CreateObject<ns3::Node>();
  auto place = ns3::CreateObject<ns3::ConstantPositionMobilityModel>();
  place->SetPosition(ns3::Vector(x, 0, 0));
  node->AggregateObject(place);
  return node;
}

std::uint32_t Whole(const ValidationParameters& p, const std::string& key) {
  return static_cast<std::uint32_t>(p.at(key));
}

// Senders that neither listen nor obey a region, all as far from the receiver.
LoraHelper Senders(const ValidationParameters& p) {
  LoraHelper lora;
  lora.Set("Region", ns3::StringValue("none"));
  lora.Set("Listening", ns3::BooleanValue(false));
  if (p.count("factor") > 0) {
    lora.Set("SpreadingFactor", ns3::UintegerValue(Whole(p, "factor")));
  }
  return lora;
}

ns3::Time After(double seconds) { return ns3::NanoSeconds(std::llround(seconds * 1e9)); }

class Aloha {
 public:
  explicit Aloha(const ValidationParameters& p)
      : p_(p), random_(static_cast<std::uint64_t>(p.at("seed"))), lora_(Senders(p)) {
    for (int i = 0; i < kSenders; ++i) senders_.push_back(lora_.Install(NodeAt(500)));
    lora_.Set("Listening", ns3::BooleanValue(true));
    lora_.Set("Capture", ns3::BooleanValue(false));
    receiver_ = lora_.Install(NodeAt(0));
  }

  ValidationRow Run() {
    airtime_s_ = ToSeconds(senders_[0]->TimeOnAir(Whole(p_, "bytes")));
    Next();
    ns3::Simulator::Run();
    const double elapsed = last_s_ - first_s_;
    const auto successes = receiver_->FatesOf(LoraFate::kReceived);
    const double load = p_.at("load");
    return {{"load", load},
            {"throughput", static_cast<double>(successes) * airtime_s_ / elapsed},
            {"expected", load * std::exp(-2 * load)},
            {"successes", static_cast<double>(successes)},
            {"frames", static_cast<double>(frames_)}};
  }

 private:
  // More at once than this have no place; at a load of 2 that is one in 10^60.
  static constexpr int kSenders = 80;

  void Next() {
    const double gap = -std::log(1 - random_.Uniform()) * airtime_s_ / p_.at("load");
    ns3::Simulator::Schedule(After(gap), [this] {
      if (first_s_ == 0) first_s_ = ns3::Simulator::Now().GetSeconds();
      last_s_ = ns3::Simulator::Now().GetSeconds();
      if (receiver_->FatesOf(LoraFate::kReceived) >= p_.at("successes")) return;
      for (const auto& sender : senders_) {
        if (sender->sending()) continue;
        sender->Send(ns3::Create<ns3::Packet>(Whole(p_, "bytes")), sender->GetBroadcast(), 0);
        ++frames_;
        break;
      }
      Next();
    });
  }

  const ValidationParameters& p_;
  ScenarioRandom random_;
  LoraHelper lora_;
  std::vector<ns3::Ptr<LoraNetDevice>> senders_;
  ns3::Ptr<LoraNetDevice> receiver_;
  double airtime_s_ = 0;
  double first_s_ = 0;
  double last_s_ = 0;
  std::uint64_t frames_ = 0;
};

class Capture {
 public:
  explicit Capture(const ValidationParameters& p)
      : p_(p), random_(static_cast<std::uint64_t>(p.at("seed"))), lora_(Senders(p)) {
    const std::uint32_t factors = Whole(p, "factors");
    for (std::uint32_t i = 0; i < Whole(p, "nodes"); ++i) {
      const std::uint32_t logical = i % (factors * Whole(p, "channels"));
      // One factor: 12, for which the curve was published.
      lora_.Set("SpreadingFactor", ns3::UintegerValue(12 - logical % factors));
      lora_.Set("FrequencyHz", ns3::IntegerValue(kChannelsHz[logical / factors]));
      senders_.push_back(lora_.Install(NodeAt(500)));
    }
    lora_.Set("Listening", ns3::BooleanValue(true));
    lora_.Set("Gateway", ns3::BooleanValue(true));
    lora_.Set("Demodulators", ns3::UintegerValue(Whole(p, "demodulators")));
    lora_.Set("NoiseFigureDb", ns3::DoubleValue(0.5));
    gateway_ = lora_.Install(NodeAt(0));
  }

  ValidationRow Run() {
    for (std::size_t i = 0; i < senders_.size(); ++i) {
      ns3::Simulator::Schedule(After(PeriodOf(i) * random_.Uniform()), [this, i] { Send(i); });
    }
    ns3::Simulator::Run();
    const auto frames = static_cast<double>(frames_);
    const auto share = [&](LoraFate fate) {
      return 100 * static_cast<double>(gateway_->FatesOf(fate)) / frames;
    };
    return {{"nodes", p_.at("nodes")},
            {"frames", frames},
            {"loss_percent", 100 - share(LoraFate::kReceived)},
            {"busy_percent", share(LoraFate::kBusy)},
            {"preamble_percent", share(LoraFate::kNoPreamble)},
            {"interference_percent", share(LoraFate::kInterference)},
            {"other_factor_percent", share(LoraFate::kOtherFactor)}};
  }

 private:
  double PeriodOf(std::size_t i) const {
    return ToSeconds(senders_[i]->TimeOnAir(Whole(p_, "bytes"))) / kDutyShare;
  }

  void Send(std::size_t i) {
    if (frames_ >= static_cast<std::uint64_t>(p_.at("frames"))) return;
    senders_[i]->Send(ns3::Create<ns3::Packet>(Whole(p_, "bytes")), senders_[i]->GetBroadcast(),
                      0);
    ++frames_;
    const double jitter = 1 + kPeriodJitter * (random_.Uniform() - 0.5);
    ns3::Simulator::Schedule(After(PeriodOf(i) * jitter), [this, i] { Send(i); });
  }

  const ValidationParameters& p_;
  ScenarioRandom random_;
  LoraHelper lora_;
  std::vector<ns3::Ptr<LoraNetDevice>> senders_;
  ns3::Ptr<LoraNetDevice> gateway_;
  std::uint64_t frames_ = 0;
};

}  // namespace

ValidationRow ValidateLoraAloha(const ValidationParameters& p) {
  ValidationRow row = Aloha(p).Run();
  ns3::Simulator::Destroy();
  return row;
}

ValidationRow ValidateLoraCapture(const ValidationParameters& p) {
  ValidationRow row = Capture(p).Run();
  ns3::Simulator::Destroy();
  return row;
}

ValidationRow ValidateLoraAirtime(const ValidationParameters& p) {
  LoraHelper lora;
  lora.Set("Region", ns3::StringValue("none"));
  lora.Set("SpreadingFactor", ns3::UintegerValue(Whole(p, "factor")));
  lora.Set("BandwidthHz", ns3::UintegerValue(Whole(p, "bandwidth_hz")));
  lora.Set("CodingRate", ns3::UintegerValue(Whole(p, "coding_rate")));
  const auto sender = lora.Install(NodeAt(0));
  const auto receiver = lora.Install(NodeAt(0));
  std::int64_t received_ns = -1;
  receiver->TraceConnectWithoutContext(
      "PhyRx", ns3::Callback<void, ns3::Ptr<const ns3::Packet>, double>(
                   [&](ns3::Ptr<const ns3::Packet>, double) {
                     received_ns = ns3::Simulator::Now().GetNanoSeconds();
                   }));
  sender->Send(ns3::Create<ns3::Packet>(Whole(p, "bytes")), sender->GetBroadcast(), 0);
  ns3::Simulator::Run();
  ns3::Simulator::Destroy();
  return {{"factor", p.at("factor")},
          {"bytes", p.at("bytes")},
          {"airtime_ns", static_cast<double>(received_ns)}};
}

}  // namespace selvage::sim
