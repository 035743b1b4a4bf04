// NodeCore: what is wrong with neighbours gets a name, told when it changes and when it is over.
#include <algorithm>

#include "agents/node/node_impl.h"

namespace selvage {
namespace {

// Others may have lost a neighbour some seconds before this node does, on a link that is idle.
constexpr int kListedLess = 8;

std::string Seconds(Duration d) {
  const auto tenths = d / 100ms;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

// How many nodes besides this one list the neighbour, as far as it lists them itself: its
// neighbours take it off their lists when they lose it, it cannot do that for them.
int NodeCore::Impl::ListedBy(ShortId neighbor) const {
  const LinkStateRecord* own = map_.database().Find(neighbor);
  if (own == nullptr) return 0;
  int listed = 0;
  for (const AdvertisedAdjacency& a : own->adjacencies) {
    if (a.neighbor == self_) continue;
    const LinkStateRecord* other = map_.database().Find(a.neighbor);
    if (other == nullptr) continue;
    const auto names = [neighbor](const AdvertisedAdjacency& b) { return b.neighbor == neighbor; };
    listed += std::any_of(other->adjacencies.begin(), other->adjacencies.end(), names) ? 1 : 0;
  }
  return listed;
}

void NodeCore::Impl::NameFaults(Time now) {
  std::size_t known = 0;
  std::size_t out = 0;
  for (const Adjacency* a : present_) {
    if (a->remote_index.value == 0) continue;
    ++known;
    out += a->symptoms.out() ? 1 : 0;
  }
  const bool map_changed = listed_digest_ != map_.database().Digest();
  listed_digest_ = map_.database().Digest();
  for (Adjacency* a : present_) {
    if (a->remote_index.value == 0) continue;
    const ShortId neighbor = a->neighbor();
    Symptoms::Surroundings s;
    s.last_heard = a->monitor.detector().last_heard();
    s.link_full = a->pacer().on();
    if (map_changed) a->listed_now = ListedBy(neighbor);
    if (a->symptoms.out()) {
      s.all_out = known > 1 && out == known;
      s.reachable = !cut_off_.Has(neighbor);
      s.others_unreachable = static_cast<int>(cut_off_.size()) - (s.reachable ? 0 : 1);
      s.listed = a->listed_now;
      s.listed_before = a->listed_by;
    } else if (a->listed_now >= a->listed_by || ++a->listed_less >= kListedLess) {
      a->listed_by = a->listed_now;
      a->listed_less = 0;
    }
    const Fault fault = a->symptoms.Name(now, s);
    if (fault == a->fault) continue;
    const Fault before = a->fault;
    a->fault = fault;
    if (fault != Fault::kNone) {
      if (before == Fault::kNone) a->fault_since = now;
      TellFault(now, *a, fault, FaultEvidence(now, *a, fault, s));
    } else {
      TellFaultOver(now, a->certificate.name, links_[a->link].info.name, before,
                    now - a->fault_since);
    }
  }
}

std::string NodeCore::Impl::FaultEvidence(Time now, const Adjacency& a, Fault fault,
                                          const Symptoms::Surroundings& s) const {
  const std::string unheard = "nothing heard for " + Seconds(now - s.last_heard);
  switch (fault) {
    case Fault::kLosesLarge:
      return a.monitor.quality().evidence();
    case Fault::kLosesFrames:
    case Fault::kFading: {
      std::string text = a.watch != nullptr && a.watch->last_alarm()
                             ? a.watch->last_alarm()->evidence
                         : a.monitor.quality().evidence().empty() ? "suspected and cleared in turns"
                                                                  : a.monitor.quality().evidence();
      if (a.symptoms.out() && fault == Fault::kFading) text += "; then " + unheard;
      return text;
    }
    case Fault::kFlapping:
      return "came back and was gone again within seconds; " + a.monitor.detector().evidence();
    case Fault::kOneWay:
      return a.monitor.detector().evidence();
    case Fault::kNeighborGone:
      return unheard + ", and " + std::to_string(s.listed_before - s.listed) + " of " +
             std::to_string(s.listed_before) + " other neighbours of it have lost it too";
    case Fault::kPartitioned:
      return unheard + ", and the map has no way to it or to " +
             std::to_string(s.others_unreachable) + " more nodes";
    case Fault::kLinkSilent:
      return unheard + ", while others still have it as a neighbour";
    case Fault::kIsolated:
      return "no neighbour is left on any link of this node";
    case Fault::kCongested:
      return s.link_full                                   ? "more waits for it than it carries"
             : a.watch != nullptr && a.watch->last_alarm() ? a.watch->last_alarm()->evidence
                                                           : "round trips are longer than usual";
    default:
      return "";
  }
}

void NodeCore::Impl::TellFault(Time now, const Adjacency& a, Fault fault,
                               const std::string& evidence) {
  const std::string& link = links_[a.link].info.name;
  const std::string name(ToString(fault));
  ++counters_.faults_named;
  Tell(now, "fault", a.certificate.name + " on " + link + ": " + name + ": " + evidence,
       {{"neighbor", a.certificate.name}, {"link", link}, {"fault", name}, {"evidence", evidence}});
}

void NodeCore::Impl::TellFaultOver(Time now, const std::string& who, const std::string& link,
                                   Fault fault, Duration lasted) {
  std::map<std::string, std::string> fields = {{"neighbor", who},
                                               {"fault", std::string(ToString(fault))}};
  if (!link.empty()) fields["link"] = link;
  Tell(now, "fault-over",
       who + (link.empty() ? "" : " on " + link) + ": " + std::string(ToString(fault)) +
           ": over after " + Seconds(lasted),
       std::move(fields));
}

void NodeCore::Impl::NameDropper(Time now, ShortId node, const std::string& evidence) {
  const auto [known, fresh] = droppers_.emplace(node.value, now);
  if (!fresh || droppers_.size() > kDroppersMax) {
    if (fresh) droppers_.erase(known);
    return;
  }
  const std::string name(ToString(Fault::kDropsTransit));
  ++counters_.faults_named;
  Tell(now, "fault", NameOf(node) + ": " + name + ": " + evidence,
       {{"neighbor", NameOf(node)}, {"fault", name}, {"evidence", evidence}});
}

void NodeCore::Impl::ClearDropper(Time now, ShortId node) {
  const auto known = droppers_.find(node.value);
  if (known == droppers_.end()) return;
  TellFaultOver(now, NameOf(node), "", Fault::kDropsTransit, now - known->second);
  droppers_.erase(known);
}

}  // namespace selvage
