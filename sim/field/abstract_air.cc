#include "sim/field/abstract_air.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ns3/mobility-model.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"
#include "sim/layout.h"

namespace selvage::sim {
namespace {

constexpr std::uint32_t kHeaderBytes = 28;  // IPv4 and UDP
constexpr std::uint32_t kMtuBytes = 1452;
// Frames that would wait longer are lost, as in ns-3's WifiMacQueue (MaxDelay, 500 ms).
constexpr std::int64_t kWaitMaxNanos = 500000000;
// Nodes move at most some metres meanwhile.
constexpr std::int64_t kLookEveryNanos = 1000000000;
constexpr double kNanosPerMilli = 1e6;

}  // namespace

class AbstractAir::Terminal final : public Carrier {
 public:
  Terminal(AbstractAir* air, std::uint32_t node) : air_(air), node_(node) {}
  ~Terminal() override { Close(); }

  void Open(ns3::Ptr<ns3::Node> /*node*/, Receive receive) override {
    air_->receivers_[node_] = std::move(receive);
  }
  void Close() override { air_->receivers_[node_] = nullptr; }
  std::vector<LinkInfo> Links() const override {
    LinkInfo link;
    link.name = "wifi0";
    link.transport = "abstract";
    link.mtu_bytes = kMtuBytes;
    link.rate_bps = static_cast<std::uint64_t>(air_->parameters_.rate_kbps * 1000);
    link.broadcast = true;
    return {link};
  }
  void Send(LinkId /*link*/, const PeerAddress& to, Bytes* frame,
            const PacketLabel* /*label*/) override {
    air_->Send(node_, to, frame);
  }

 private:
  AbstractAir* air_;
  const std::uint32_t node_;
};

AbstractAir::AbstractAir(const Parameters& parameters, const ns3::NodeContainer& nodes)
    : parameters_(parameters),
      nodes_(nodes),
      random_(parameters.seed * 86028121ull + 13),
      receivers_(nodes.GetN()),
      present_(nodes.GetN(), false),
      idle_at_ns_(nodes.GetN(), 0),
      bytes_sent_(nodes.GetN(), 0),
      places_(nodes.GetN()) {}

std::unique_ptr<Carrier> AbstractAir::NewCarrier(std::uint32_t node) {
  present_[node] = true;
  looked_at_ns_ = -1;
  return std::make_unique<Terminal>(this, node);
}

PeerAddress AbstractAir::AddressOf(std::uint32_t node) {
  const std::array<std::uint8_t, 4> bytes = {
      static_cast<std::uint8_t>(node >> 24), static_cast<std::uint8_t>(node >> 16),
      static_cast<std::uint8_t>(node >> 8), static_cast<std::uint8_t>(node)};
  return PeerAddress::From(bytes);
}

AbstractAir::Cell AbstractAir::CellOf(std::uint32_t node) const {
  return {static_cast<std::int64_t>(std::floor(places_[node].first / parameters_.range_m)),
          static_cast<std::int64_t>(std::floor(places_[node].second / parameters_.range_m))};
}

void AbstractAir::Look() {
  const std::int64_t now = ns3::Simulator::Now().GetNanoSeconds();
  if (looked_at_ns_ >= 0 && now - looked_at_ns_ < kLookEveryNanos) return;
  looked_at_ns_ = now;
  cells_.clear();
  for (std::uint32_t i = 0; i < places_.size(); ++i) {
    if (!present_[i]) continue;
    const ns3::Vector at = nodes_.Get(i)->GetObject<ns3::MobilityModel>()->GetPosition();
    places_[i] = {at.x, at.y};
    cells_[CellOf(i)].push_back(i);
  }
}

bool AbstractAir::InRange(std::uint32_t a, std::uint32_t b) const {
  return a != b && present_[b] &&
         std::hypot(places_[a].first - places_[b].first, places_[a].second - places_[b].second) <=
             parameters_.range_m;
}

std::vector<std::uint32_t> AbstractAir::Hearers(std::uint32_t node) const {
  std::vector<std::uint32_t> hearers;
  const Cell home = CellOf(node);
  for (std::int64_t x = home.first - 1; x <= home.first + 1; ++x) {
    for (std::int64_t y = home.second - 1; y <= home.second + 1; ++y) {
      const auto cell = cells_.find({x, y});
      if (cell == cells_.end()) continue;
      for (const std::uint32_t other : cell->second) {
        if (InRange(node, other)) hearers.push_back(other);
      }
    }
  }
  std::sort(hearers.begin(), hearers.end());
  return hearers;
}

void AbstractAir::Send(std::uint32_t from, const PeerAddress& to, Bytes* frame) {
  const std::int64_t now = ns3::Simulator::Now().GetNanoSeconds();
  const std::size_t bytes = frame->size() + kHeaderBytes;
  bytes_sent_[from] += bytes;
  if (idle_at_ns_[from] > now + kWaitMaxNanos) {
    ++lost_to_queues_;
    return;
  }
  // bytes * 8 bit / (kbit/s) = ms
  const double on_air_ms = static_cast<double>(bytes) * 8 / parameters_.rate_kbps;
  idle_at_ns_[from] =
      std::max(idle_at_ns_[from], now) + static_cast<std::int64_t>(on_air_ms * kNanosPerMilli);
  Look();
  std::vector<std::uint32_t> hearers;
  if (to.IsBroadcast()) {
    hearers = Hearers(from);
  } else if (to.size == 4) {
    const std::uint32_t node = std::uint32_t{to.bytes[0]} << 24 |
                               std::uint32_t{to.bytes[1]} << 16 |
                               std::uint32_t{to.bytes[2]} << 8 | std::uint32_t{to.bytes[3]};
    if (node < places_.size() && InRange(from, node)) hearers.push_back(node);
  }
  if (parameters_.loss > 0) {
    hearers.erase(std::remove_if(hearers.begin(), hearers.end(),
                                 [this](std::uint32_t) {
                                   return random_.Uniform() < parameters_.loss;
                                 }),
                  hearers.end());
  }
  if (hearers.empty()) return;
  const std::int64_t at =
      idle_at_ns_[from] + static_cast<std::int64_t>(parameters_.delay_ms * kNanosPerMilli);
  ns3::Simulator::Schedule(
      ns3::NanoSeconds(at - now),
      [this, from, hearers = std::move(hearers), bytes_of = std::move(*frame)] {
        Arrive(from, hearers, bytes_of);
      });
}

void AbstractAir::Arrive(std::uint32_t from, const std::vector<std::uint32_t>& to,
                         const Bytes& frame) {
  for (const std::uint32_t node : to) {
    if (!receivers_[node]) continue;
    Bytes own = frame;  // receivers decrypt in place
    receivers_[node](LinkId(0), AddressOf(from), own);
  }
}

}  // namespace selvage::sim
