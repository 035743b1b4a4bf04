#include "sim/abstract_network.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "ns3/nstime.h"
#include "ns3/simulator.h"

namespace selvage::sim {
namespace {

constexpr double kNanosPerMilli = 1e6;
// A signal wanders slowly (shadowing, Gudmundson 1991: correlation falls exponentially).
constexpr double kWanderDb = 1.5;
constexpr double kWanderSeconds = 5;

// Loss of a frame at this margin: 10 % where the mode is said to need it (IEEE 802.11 defines
// sensitivity so), 0.1 % 3 dB above, nearly everything 3 dB below.
double LossAt(double margin_db) { return 1 / (1 + 9 * std::exp(1.5 * margin_db)); }

// Standard normal: twelve uniform numbers.
double Normal(ScenarioRandom* random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += random->Uniform();
  return sum;
}

}  // namespace

// The end of a node's links that its application holds.
class AbstractCarrier final : public Carrier {
 public:
  AbstractCarrier(AbstractNetwork* network, std::uint32_t node) : network_(network), node_(node) {}
  ~AbstractCarrier() override { Close(); }

  void Open(ns3::Ptr<ns3::Node> /*node*/, Receive receive) override {
    network_->receivers_[node_] = std::move(receive);
  }
  void Close() override { network_->receivers_[node_] = nullptr; }

  std::vector<LinkInfo> Links() const override {
    std::vector<LinkInfo> links;
    for (const AbstractNetwork::Line& line : network_->lines_[node_]) {
      LinkInfo link;
      link.name = "to-n" + std::to_string(line.to);
      link.transport = "abstract";
      link.mtu_bytes = kAbstractMtuBytes;
      link.rate_bps = static_cast<std::uint64_t>(line.quality.rate_kbps * 1000);
      links.push_back(std::move(link));
    }
    return links;
  }

  std::optional<double> MarginDb(LinkId link, const PeerAddress& /*from*/) override {
    if (network_->scenario_.abstract_margin_db == 0) return std::nullopt;
    return network_->MarginDb(node_, link);
  }

  // All of a link is its one neighbour: to everybody and to the peer is the same.
  void Send(LinkId link, const PeerAddress& /*to*/, Bytes* frame,
            const PacketLabel* label) override {
    network_->Send(node_, link, frame, label);
  }

 private:
  AbstractNetwork* network_;
  std::uint32_t node_;
};

AbstractNetwork::AbstractNetwork(const Scenario& scenario, const Layout& layout, FaultTable* faults,
                                 Sent sent, Arrived arrived)
    : scenario_(scenario),
      layout_(layout),
      faults_(faults),
      sent_(std::move(sent)),
      arrived_(std::move(arrived)),
      random_(scenario.seed * 86028121ull + 7),
      radio_random_(scenario.seed * 49979687ull + 5),
      lines_(layout.size()),
      receivers_(layout.size()) {
  for (std::uint32_t a = 0; a < layout.size(); ++a) {
    for (std::size_t i = 0; i < layout.neighbours[a].size(); ++i) {
      const std::uint32_t b = layout.neighbours[a][i];
      const auto& back = layout.neighbours[b];
      const auto place = std::lower_bound(back.begin(), back.end(), a) - back.begin();
      Line line;
      line.from = a;
      line.to = b;
      line.link_at_receiver = LinkId(static_cast<std::uint16_t>(place));
      line.quality = layout.qualities.empty()
                         ? LinkQuality{scenario.abstract_rate_kbps, scenario.abstract_delay_ms,
                                       scenario.abstract_loss}
                         : layout.qualities[a][i];
      lines_[a].push_back(std::move(line));
    }
  }
}

std::unique_ptr<Carrier> AbstractNetwork::NewCarrier(std::uint32_t node) {
  return std::make_unique<AbstractCarrier>(this, node);
}

double AbstractNetwork::MarginOf(const Line& line) {
  Line* keeper = &lines_[line.to][line.link_at_receiver.value];
  if (line.from < line.to) {
    keeper = &lines_[keeper->to][keeper->link_at_receiver.value];
  }
  const std::int64_t now = ns3::Simulator::Now().GetNanoSeconds();
  const double elapsed = static_cast<double>(now - keeper->wandered_ns) * 1e-9;
  const double kept = std::exp(-elapsed / kWanderSeconds);
  keeper->wander_db = kept * keeper->wander_db +
                      std::sqrt(1 - kept * kept) * kWanderDb * Normal(&radio_random_);
  keeper->wandered_ns = now;
  return scenario_.abstract_margin_db + keeper->wander_db -
         faults_->FadeDb(static_cast<double>(now) * 1e-9, line.from, line.to);
}

double AbstractNetwork::MarginDb(std::uint32_t node, LinkId link) {
  const Line& out = lines_[node][link.value];
  return MarginOf(lines_[out.to][out.link_at_receiver.value]);
}

void AbstractNetwork::Send(std::uint32_t node, LinkId link, Bytes* frame,
                           const PacketLabel* label) {
  if (link.value >= lines_[node].size()) return;
  Line& line = lines_[node][link.value];
  const auto bytes = static_cast<std::uint32_t>(frame->size()) + kCarrierBytes;
  sent_(node, bytes, label);
  const std::int64_t now = ns3::Simulator::Now().GetNanoSeconds();
  while (!line.departures.empty() && line.departures.front() <= now) line.departures.pop_front();
  if (line.departures.size() >= scenario_.abstract_queue_packets) {
    ++lost_to_queues_;
    return;
  }
  // bytes * 8 bit / (kbit/s) = ms
  const double on_line_ms = bytes * 8.0 / line.quality.rate_kbps;
  line.idle_at_ns =
      std::max(line.idle_at_ns, now) + static_cast<std::int64_t>(on_line_ms * kNanosPerMilli);
  line.departures.push_back(line.idle_at_ns);
  double delay_ms = line.quality.delay_ms;
  if (scenario_.abstract_jitter_ms > 0) {
    delay_ms += random_.Uniform() * scenario_.abstract_jitter_ms;
  }
  // What is lost has had its turn on the line all the same.
  if (line.quality.loss > 0 && random_.Uniform() < line.quality.loss) {
    ++lost_at_random_;
    return;
  }
  const bool faded =
      scenario_.abstract_margin_db > 0 && radio_random_.Uniform() < LossAt(MarginOf(line));
  if (faded || faults_->Loses(static_cast<double>(now) * 1e-9, line.from, line.to,
                              static_cast<std::uint32_t>(frame->size()))) {
    ++lost_to_faults_;
    if (label != nullptr && lost_) lost_(line.from, line.to, *label);
    return;
  }
  line.last_arrival_ns = std::max(
      line.last_arrival_ns, line.idle_at_ns + static_cast<std::int64_t>(delay_ms * kNanosPerMilli));
  Flight flight;
  flight.frame = std::move(*frame);
  flight.labelled = label != nullptr;
  if (label != nullptr) flight.label = *label;
  line.flights.push_back(std::move(flight));
  ns3::Simulator::Schedule(ns3::NanoSeconds(line.last_arrival_ns - now),
                           [this, at = &line] { Arrive(at); });
}

void AbstractNetwork::Arrive(Line* line) {
  Flight flight = std::move(line->flights.front());
  line->flights.pop_front();
  if (faults_->Blocked(line->from, line->to)) {
    ++lost_to_faults_;
    return;
  }
  if (flight.labelled) arrived_(line->from, line->to, flight.label);
  const Carrier::Receive& receive = receivers_[line->to];
  // The peer's address on its link; any constant would do, its number helps whoever debugs.
  const std::uint32_t from = line->from;
  const std::array<std::uint8_t, 4> address = {
      static_cast<std::uint8_t>(from >> 24), static_cast<std::uint8_t>(from >> 16),
      static_cast<std::uint8_t>(from >> 8), static_cast<std::uint8_t>(from)};
  if (receive) receive(line->link_at_receiver, PeerAddress::From(address), flight.frame);
}

}  // namespace selvage::sim
