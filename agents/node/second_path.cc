// NodeCore: the second copy of a critical packet, on a path that shares no relay with the first.
#include <algorithm>

#include "agents/node/node_impl.h"

namespace selvage {

// A relay can die with all its links, so the second copy avoids the relays of the first, not only
// its links: it asks not to be led through them. Only those that would be on its way are named, one
// after the other, until the path that the map offers meets none; that is seldom more than half of
// them. What the map cannot go around is shared.
bool NodeCore::Impl::LeadAround(DataHeader* header) {
  const TrafficClass c = header->traffic_class;
  const ShortId to = header->destination;
  // What the packet keeps off already, it keeps off on both paths.
  std::vector<ShortId> avoid;
  for (EdgeId e : header->carried) {
    if (e.names_node()) avoid.push_back(e.node);
  }
  std::vector<ShortId> first = forwarder_.CurrentPath(c, to, avoid, false);
  if (first.empty()) return false;
  if (forwarder_.CurrentPath(c, to, avoid, true).empty()) avoid.clear();
  const std::size_t given = avoid.size();
  first.pop_back();  // the destination
  if (first.empty()) {
    const AdjacencyIndex direct = forwarder_.CurrentRoute(c, to, avoid).first;
    if (forwarder_.AlternateRoute(c, to, direct, avoid).first.value == 0) return false;
    header->carried.Add({self_, direct});
    return true;
  }
  std::vector<ShortId> shared;  // no way around these
  auto in = [](const std::vector<ShortId>& nodes, ShortId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  };
  // Each round names one more relay of the first path, or finds that it cannot be avoided.
  for (std::size_t round = 0; round <= 2 * first.size() && avoid.size() < kCarriedMax; ++round) {
    const std::vector<ShortId> second = forwarder_.CurrentPath(c, to, avoid, true);
    if (second.empty()) {
      shared.push_back(avoid.back());
      avoid.pop_back();
      continue;
    }
    const auto met = std::find_if(second.begin(), second.end(), [&](ShortId node) {
      return in(first, node) && !in(shared, node);
    });
    if (met == second.end()) break;
    avoid.push_back(*met);
  }
  if (avoid.size() > given && forwarder_.CurrentPath(c, to, avoid, true).empty()) avoid.pop_back();
  for (ShortId node : avoid) header->carried.Add(EdgeId::WholeNode(node));
  return avoid.size() > given;
}

// Before the verdict: the next hop has been silent for so long that it was asked.
bool NodeCore::Impl::FirstHopDoubtful(const DataHeader& header) {
  const AdjacencyIndex first =
      forwarder_.CurrentRoute(header.traffic_class, header.destination).first;
  const Adjacency* a = first.value == 0 ? nullptr : FindAdjacency(first);
  return a != nullptr && (a->doubted || a->monitor.detector().asked());
}

// Without a path a packet is tried over every link that may work (routing/forwarder.h): the copy
// waits for the slowest of them.
Duration NodeCore::Impl::SlowRoundTrip(ShortId to, TrafficClass c) {
  // Asked for each packet: networks without slow radios must not pay for tables with the answer.
  const bool own = std::any_of(present_.begin(), present_.end(),
                               [](const Adjacency* a) { return a->slow; });
  if (!own && !forwarder_.routes().topology().has_slow()) return Duration(0);
  if (const auto known = forwarder_.SlowRoundTrip(c, to)) return *known;
  Duration longest{0};
  for (const Adjacency* a : present_) {
    if (!a->slow || (a->confirmed && !Usable(*a))) continue;
    longest = std::max({longest, links_[a->link].info.patience, a->monitor.srtt(),
                        2 * Forwarder::kSlowHopMin});
  }
  return longest;
}

bool NodeCore::Impl::LeadsOverSlow(ShortId to) {
  return SlowRoundTrip(to, TrafficClass::kTelemetry) > Duration(0);
}

void NodeCore::Impl::SendPackets(Time now, std::vector<OutgoingPacket> packets) {
  using Paths = OutgoingPacket::Paths;
  for (OutgoingPacket& p : packets) {
    const DataHeader& h = p.header;
    if (config_.healing && paths_.avoids_anything()) {
      for (ShortId node : paths_.AvoidFor(h.destination, h.traffic_class)) {
        p.header.carried.Add(EdgeId::WholeNode(node));
      }
    }
    if (config_.healing && p.paths == Paths::kOne && h.traffic_class == TrafficClass::kCritical &&
        FirstHopDoubtful(h)) {
      p.paths = Paths::kTwo;
    }
    // The way around the first path as it is now: sending the first copy may change it.
    DataHeader second = h;
    second.copy = 1;
    const bool twice = config_.healing && p.paths != Paths::kOne && LeadAround(&second);
    if (p.paths != Paths::kSecondOnly) SendOne(now, h, p.payload);
    if (!twice) continue;
    ++counters_.second_copies;
    Forward(now, second, p.payload, AdjacencyIndex(0));
  }
}

void NodeCore::Impl::SendOne(Time now, const DataHeader& h, ByteSpan payload) {
  ++counters_.frames_originated;
  const Adjacency* out = FindAdjacency(Forward(now, h, payload, AdjacencyIndex(0)));
  const bool control = (h.id.flow & 0x3fffu) >= kPortsEnd;  // receipts, reports: nothing to watch
  if (!config_.healing || out == nullptr || out->slow || control) return;
  if (LeadsOverSlow(h.destination)) return;
  watched_bytes_ = payload.size();
  paths_.flows().OnSent(now, h.destination, h.traffic_class, h.id.flow, h.id.sequence);
}

}  // namespace selvage
