// NodeCore: what people and programs ask. Nothing here changes anything.
#include <algorithm>

#include "agents/node/node_impl.h"
#include "agents/node/twin.h"

namespace selvage {

std::string_view ToString(NeighborState s) {
  switch (s) {
    case NeighborState::kUp:
      return "up";
    case NeighborState::kSuspect:
      return "suspect";
    case NeighborState::kOneway:
      return "oneway";
    case NeighborState::kDown:
      return "down";
    case NeighborState::kQuarantined:
      return "quarantined";
  }
  return "?";
}

const Identity& NodeCore::identity() const { return impl_->identity_; }

std::vector<NeighborInfo> NodeCore::Neighbors(Time now) const {
  std::vector<NeighborInfo> out;
  for (const auto& a : impl_->adjacencies_) {
    if (a == nullptr || a->remote_index.value == 0) continue;
    const LinkInfo& link = impl_->links_.at(a->link).info;
    NeighborInfo n;
    n.id = a->certificate.id;
    n.name = a->certificate.name;
    n.link = a->link;
    n.link_name = link.name;
    n.transport = link.transport;
    n.address = a->address;
    n.index = a->index;
    n.rtt_ms = ToMillis(a->monitor.srtt());
    n.jitter_ms = ToMillis(a->monitor.rttvar());
    n.loss = std::max(static_cast<double>(a->monitor.loss_ppm()) / 1e6,
                      a->monitor.quality().loss_permille() / 1e3);
    double weight = 1;
    switch (a->state) {
      case LinkState::kUp:
        n.state = NeighborState::kUp;
        break;
      case LinkState::kSuspect:
        n.state = NeighborState::kSuspect;
        weight = 0.5;
        break;
      case LinkState::kOneway:
        n.state = NeighborState::kOneway;
        weight = 0;
        break;
      case LinkState::kDown:
        n.state = NeighborState::kDown;
        weight = 0;
        break;
    }
    n.health = weight * (1 - n.loss);
    if (n.state == NeighborState::kUp && impl_->quarantine_.Contains(n.id.Short())) {
      n.state = NeighborState::kQuarantined;
    }
    n.in_state = now - a->monitor.detector().since();
    out.push_back(std::move(n));
  }
  return out;
}

std::vector<LinkStatus> NodeCore::Links() const {
  std::vector<LinkStatus> out;
  for (const auto& [id, entry] : impl_->links_) {
    LinkStatus s;
    s.id = id;
    s.info = entry.info;
    s.up = entry.up;
    for (const auto& a : impl_->adjacencies_) {
      if (a != nullptr && a->link == id && a->state == LinkState::kUp) ++s.neighbors;
    }
    out.push_back(std::move(s));
  }
  return out;
}

std::vector<RouteInfo> NodeCore::Routes(Time, TrafficClass c) {
  std::vector<RouteInfo> out;
  for (const auto& [id, record] : impl_->map_.database().records()) {
    const ShortId destination(id);
    if (destination == impl_->self_) continue;
    RouteInfo r;
    r.to = record->origin;
    r.name = impl_->NameOf(destination);
    r.traffic_class = c;
    const std::vector<ShortId> avoid = impl_->paths_.AvoidFor(destination, c);
    const SpfEntry route = impl_->forwarder_.CurrentRoute(c, destination, avoid);
    if (const Adjacency* a = impl_->FindAdjacency(route.first); a != nullptr) {
      r.next_hop = a->certificate.name;
      r.next_link = impl_->links_.at(a->link).info.name;
      r.cost = route.cost;
      r.hops = route.hops;
      const SpfEntry alternate =
          impl_->forwarder_.AlternateRoute(c, destination, route.first, avoid);
      if (const Adjacency* b = impl_->FindAdjacency(alternate.first); b != nullptr) {
        r.alternate = b->certificate.name;
      }
    }
    out.push_back(std::move(r));
  }
  return out;
}

std::vector<std::string> NodeCore::Path(Time, const NodeId& to, TrafficClass c) {
  std::vector<std::string> out = {identity().certificate.name};
  if (to == identity().certificate.id) return out;
  const std::vector<ShortId> path =
      impl_->forwarder_.CurrentPath(c, to.Short(), impl_->paths_.AvoidFor(to.Short(), c), false);
  if (path.empty()) return {};
  for (ShortId node : path) out.push_back(impl_->NameOf(node));
  return out;
}

std::optional<NodeId> NodeCore::FindNode(std::string_view name_or_id) const {
  NodeId id;
  if (NodeId::FromHex(name_or_id, &id)) {
    const Certificate* c = impl_->map_.FindCertificate(id.Short());
    if (c != nullptr && c->id == id) return id;
    return std::nullopt;
  }
  return impl_->map_.FindByName(std::string(name_or_id));
}

// First claim wins, and "first" must mean the same everywhere: the address fixed in a certificate
// before a mere claim, then the lower id.
std::optional<NodeId> NodeCore::FindByAddress(std::string_view ip) const {
  auto cached = impl_->by_address_.find(std::string(ip));
  if (cached != impl_->by_address_.end()) return cached->second;
  std::optional<NodeId> best;
  bool best_fixed = false;
  for (const auto& [id, record] : impl_->map_.database().records()) {
    const auto& addresses = record->addresses;
    if (std::find(addresses.begin(), addresses.end(), ip) == addresses.end()) {
      continue;
    }
    const Certificate* c = impl_->map_.FindCertificate(ShortId(id));
    const bool fixed = c != nullptr && c->tun_address == ip;
    if (!best || (fixed && !best_fixed) || (fixed == best_fixed && record->origin < *best)) {
      best = record->origin;
      best_fixed = fixed;
    }
  }
  if (best && impl_->by_address_.size() < LinkStateDatabase::kNodesMax) {
    impl_->by_address_.emplace(ip, *best);
  }
  return best;
}

std::string NodeCore::NameOf(const NodeId& id) const {
  const Certificate* c = impl_->map_.FindCertificate(id.Short());
  return c != nullptr && c->id == id ? c->name : id.ToHex();
}

Twin NodeCore::GetTwin() const {
  Twin twin;
  // Both are in the order of short ids.
  twin.topology = impl_->map_.database().BuildTopology();
  for (const auto& [id, record] : impl_->map_.database().records()) {
    twin.nodes.push_back(
        {record->origin, NameOf(record->origin), record->version.epoch, record->addresses});
  }
  return twin;
}

std::size_t NodeCore::nodes_known() const { return impl_->map_.database().records().size(); }
std::size_t NodeCore::outbox_messages() const { return impl_->sender_.size(); }
std::size_t NodeCore::carried_messages() const { return impl_->custody_.relay().entries().size(); }
const std::string& NodeCore::store_failure() const { return impl_->store_failure_; }
bool NodeCore::outbox_full() const { return impl_->sender_.full(); }

std::vector<Event> NodeCore::Events(std::uint64_t after, std::size_t count_max) const {
  std::vector<Event> out;
  for (const Event& e : impl_->events_) {
    if (e.number > after) out.push_back(e);
  }
  if (out.size() > count_max)
    out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(count_max));
  return out;
}

namespace {

void AddControlByKind(const NodeCounters& c, std::map<std::string, std::uint64_t>* out) {
  static constexpr const char* kNames[] = {
      "hello",     "feedback", "probe",     "quality", "map",
      "testimony", "model",    "handshake", "beacon",  "other"};
  static_assert(std::size(kNames) == kControlKinds);
  for (std::size_t kind = 0; kind < kControlKinds; ++kind) {
    (*out)["control_bytes_" + std::string(kNames[kind]) + "_total"] = c.control_bytes_by_kind[kind];
  }
}

}  // namespace

std::map<std::string, std::uint64_t> NodeCore::Counters() const {
  const NodeCounters& c = impl_->counters_;
  const MapSync::Counters& m = impl_->map_.counters();
  const Receiver::Counters& r = impl_->receiver_.counters();
  const Sender::Counters& s = impl_->sender_.counters();
  const Custody::Counters& custody = impl_->custody_.counters();
  std::uint64_t hold_overflow = 0;
  for (const auto& a : impl_->adjacencies_) {
    if (a != nullptr) hold_overflow += a->monitor.held().overflowed();
  }
  std::map<std::string, std::uint64_t> out = {
      {"frames_received_total", c.frames_received},
      {"frames_forwarded_total", c.frames_forwarded},
      {"frames_originated_total", c.frames_originated},
      {"frames_second_copies_total", c.second_copies},
      {"frames_delivered_total", c.frames_delivered},
      {"frames_dropped_total", c.frames_dropped},
      {"frames_dropped_hop_limit_total", c.dropped_hop_limit},
      {"frames_dropped_exhausted_total", c.dropped_exhausted},
      {"frames_dropped_no_neighbor_total", c.dropped_no_neighbor},
      {"frames_dropped_unreachable_total", c.dropped_unreachable},
      {"frames_dropped_mtu_total", c.dropped_mtu},
      {"frames_shed_critical_total", c.dropped_shed[0]},
      {"frames_shed_reliable_total", c.dropped_shed[1]},
      {"frames_shed_telemetry_total", c.dropped_shed[2]},
      {"frames_shed_bulk_total", c.dropped_shed[3]},
      {"frames_dropped_lab_total", c.dropped_lab},
      {"frames_dropped_resend_limit_total", c.dropped_resend_limit},
      {"frames_dropped_unknown_origin_total", c.dropped_unknown_origin},
      {"frames_walk_duplicate_total", c.walk_duplicates},
      {"frames_resent_same_link_total", c.resent_same_link},
      {"frames_resent_alternate_total", c.resent_alternate},
      {"control_frames_sent_total", c.control_frames_sent},
      {"control_bytes_sent_total", c.control_bytes_sent},
      {"routes_made_total", c.routes_made},
      {"data_frames_sent_total", c.data_frames_sent},
      {"data_bytes_sent_total", c.data_bytes_sent},
      {"reroutes_total", c.reroutes},
      {"suspicions_total", c.suspicions},
      {"frames_forged_total", c.forged},
      {"frames_replayed_total", c.replayed},
      {"frames_malformed_total", c.malformed},
      {"frames_unknown_session_total", c.unknown_session},
      {"frames_other_version_total", c.other_version},
      {"handshakes_malformed_total", impl_->handshakes_.malformed()},
      {"handshakes_refused_total", impl_->handshakes_.refused()},
      {"handshakes_throttled_total", impl_->handshakes_.throttled()},
      {"rekeys_total", c.rekeys},
      {"short_id_conflicts_total", c.short_id_conflicts},
      {"link_state_accepted_total", m.accepted},
      {"link_state_stale_total", m.stale},
      {"link_state_forged_total", m.forged},
      {"link_state_malformed_total", m.malformed},
      {"link_state_waiting_dropped_total", m.waiting_dropped},
      {"payloads_forged_total", r.forged},
      {"payloads_duplicate_total", r.duplicates},
      {"payloads_malformed_total", r.malformed},
      {"payloads_partial_dropped_total", r.partial_dropped},
      {"payloads_refused_full_total", r.refused_full},
      {"payloads_reordered_total", r.reordered},
      {"payloads_gone_total", r.gone},
      {"payloads_second_copy_first_total", r.second_copies},
      {"reorder_evicted_total", impl_->receiver_.reorder().evicted()},
      {"messages_expired_total", s.expired},
      {"messages_retried_total", s.retries},
      {"messages_stored_late_total", s.stored_late},
      {"worries_total", s.worries},
      {"gone_reports_sent_total", s.gone_reports},
      {"carried_taken_total", custody.taken},
      {"carried_refused_total", impl_->custody_.relay().refused()},
      {"carried_passed_on_total", custody.passed_on},
      {"carried_copies_total", custody.copies},
      {"carried_expired_total", custody.expired},
      {"hold_overflow_total", hold_overflow},
      {"events_dropped_total", c.events_dropped},
      {"progress_reports_sent_total", c.progress_reports},
      {"path_suspicions_total", c.path_suspicions},
      {"path_probes_sent_total", c.path_probes},
      {"nodes_distrusted_total", c.distrusts},
      {"model_samples_total", c.model_samples},
      {"model_states_restored_total", c.model_states_restored},
      {"model_states_refused_total", c.model_states_refused},
      {"model_digests_sent_total", c.model_digests_sent},
      {"model_digests_taken_total", c.model_digests_taken},
      {"model_digests_refused_total", c.model_digests_refused},
      {"model_priors_taken_total", c.model_priors_taken},
      {"anomalies_total", c.anomalies},
      {"detours_total", c.detours},
      {"detours_proved_total", c.detours_proved},
      {"detours_in_vain_total", c.detours_in_vain},
      {"treatments_refused_total", c.treatments_refused},
      {"rules_begun_total", c.rules_begun},
      {"faults_named_total", c.faults_named},
      {"quarantines_total", c.quarantines},
      {"quarantine_checks_total", impl_->quarantine_.counters().checks},
      {"quarantine_probes_sent_total", impl_->quarantine_.counters().probes},
      {"quarantine_strikes_total", impl_->quarantine_.counters().strikes},
      {"testimonies_sent_total", c.testimonies_sent},
      {"testimonies_accepted_total", c.testimonies_accepted},
      {"testimonies_stale_total", c.testimonies_stale},
      {"testimonies_forged_total", c.testimonies_forged},
      {"testimonies_malformed_total", c.testimonies_malformed},
      {"testimonies_unknown_total", c.testimonies_unknown},
      {"testimonies_throttled_total", c.testimonies_throttled},
      {"route_tables_computed_total", impl_->forwarder_.routes().tables_computed()},
  };
  AddControlByKind(c, &out);
  return out;
}

}  // namespace selvage
