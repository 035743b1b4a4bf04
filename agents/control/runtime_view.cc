#include "agents/control/runtime_view.h"

#include "agents/api/api_server.h"
#include "agents/control/control_server.h"

namespace selvage {

RuntimeView::RuntimeView(NodeRuntime& runtime) : runtime_(runtime) {
  const Certificate& certificate = runtime.core().identity().certificate;
  const AgentConfig& config = runtime.config();
  facts_.node = certificate.name;
  facts_.id = certificate.id;
  facts_.epoch = runtime.epoch();
  facts_.network = certificate.network;
  facts_.version = NodeRuntime::Version();
  facts_.started = runtime.started();
  facts_.state_dir = config.state_dir;
  facts_.config_file = config.source;
  facts_.api_endpoint = config.api_endpoint;
  if (config.tun) {
    facts_.tun_name = config.tun->name;
    facts_.tun_address = config.tun->address;
  }
  facts_.lab_enabled = config.lab;
  facts_.healing = config.healing;
  facts_.certificate_not_after = certificate.not_after;
}

Reactor& RuntimeView::reactor() { return runtime_.reactor(); }
Time RuntimeView::now() const { return runtime_.now(); }
std::vector<NeighborInfo> RuntimeView::Neighbors() const {
  return runtime_.core().Neighbors(runtime_.now());
}
std::vector<LinkStatus> RuntimeView::Links() const { return runtime_.Links(); }
std::vector<RouteInfo> RuntimeView::Routes(TrafficClass c) {
  return runtime_.core().Routes(runtime_.now(), c);
}
std::vector<std::string> RuntimeView::Path(const NodeId& to, TrafficClass c) {
  return runtime_.core().Path(runtime_.now(), to, c);
}
std::optional<NodeId> RuntimeView::FindNode(std::string_view name) const {
  std::optional<NodeId> found = runtime_.core().FindNode(name);
  return found ? found : runtime_.core().FindByAddress(name);
}
std::string RuntimeView::NameOf(const NodeId& id) const { return runtime_.core().NameOf(id); }
Twin RuntimeView::GetTwin() const { return runtime_.core().GetTwin(); }
std::size_t RuntimeView::nodes_known() const { return runtime_.core().nodes_known(); }
std::size_t RuntimeView::outbox_messages() const { return runtime_.core().outbox_messages(); }
OutboxInfo RuntimeView::Outbox() const { return runtime_.core().Outbox(runtime_.now()); }
std::vector<AnomalyInfo> RuntimeView::Anomalies() const {
  return runtime_.core().Anomalies(runtime_.now());
}
std::string RuntimeView::store_failure() const { return runtime_.core().store_failure(); }
std::vector<Event> RuntimeView::Events(std::uint64_t after, std::size_t count_max) const {
  return runtime_.Events(after, count_max);
}
std::map<std::string, std::uint64_t> RuntimeView::Counters() const { return runtime_.Counters(); }

std::string RuntimeView::QuarantineAdd(const NodeId& node, bool force) {
  std::string refusal = runtime_.core().QuarantineAdd(runtime_.now(), node, force);
  runtime_.Kick();
  return refusal;
}

bool RuntimeView::QuarantineRemove(const NodeId& node) {
  const bool done = runtime_.core().QuarantineRemove(runtime_.now(), node);
  runtime_.Kick();
  return done;
}

std::vector<QuarantineInfo> RuntimeView::Quarantined() const {
  return runtime_.core().Quarantined(runtime_.now());
}

std::vector<AccusationInfo> RuntimeView::Accusations() const {
  return runtime_.core().Accusations(runtime_.now());
}

bool RuntimeView::LabSilence(LinkId link) {
  bool done = facts_.lab_enabled && runtime_.core().LabSilence(link);
  runtime_.Kick();
  return done;
}

bool RuntimeView::LabDropForwarded(double share, std::optional<TrafficClass> only,
                                   const std::optional<NodeId>& to) {
  if (!facts_.lab_enabled) return false;
  runtime_.core().LabDropForwarded(share, only, to);
  runtime_.Kick();
  return true;
}

bool RuntimeView::LabLieMetric(double factor) {
  if (!facts_.lab_enabled) return false;
  runtime_.core().LabLieMetric(factor);
  runtime_.Kick();
  return true;
}

bool RuntimeView::LabDelay(Duration delay) {
  if (!facts_.lab_enabled) return false;
  runtime_.core().LabDelay(delay);
  runtime_.Kick();
  return true;
}

bool RuntimeView::LabReplay() {
  if (!facts_.lab_enabled) return false;
  runtime_.core().LabReplay();
  runtime_.Kick();
  return true;
}

bool RuntimeView::LabAccuse(bool flood) {
  if (!facts_.lab_enabled) return false;
  runtime_.core().LabAccuse(flood);
  runtime_.Kick();
  return true;
}

bool RuntimeView::LabOff() {
  if (!facts_.lab_enabled) return false;
  runtime_.core().LabOff();
  runtime_.Kick();
  return true;
}

bool RuntimeView::lab_active() const { return runtime_.core().lab_active(); }
std::uint64_t RuntimeView::Submit(Message message, std::string* reason) {
  return runtime_.Submit(std::move(message), reason);
}
bool RuntimeView::SetDeliverHandler(std::uint16_t port, DeliverHandler handler) {
  return runtime_.SetDeliverHandler(port, std::move(handler));
}
std::uint64_t RuntimeView::AddReportListener(ReportListener listener) {
  return runtime_.AddReportListener(std::move(listener));
}
void RuntimeView::RemoveReportListener(std::uint64_t number) {
  runtime_.RemoveReportListener(number);
}
std::uint64_t RuntimeView::AddEventListener(EventListener listener) {
  return runtime_.AddEventListener(std::move(listener));
}
void RuntimeView::RemoveEventListener(std::uint64_t number) {
  runtime_.RemoveEventListener(number);
}

// ---- the servers over a runtime: here, so that the servers themselves need none

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Create(NodeRuntime& runtime,
                                                                     const std::string& path) {
  return Create(std::make_unique<RuntimeView>(runtime), path);
}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Create(NodeRuntime& runtime,
                                                             const std::string& endpoint) {
  return Create(std::make_unique<RuntimeView>(runtime), endpoint);
}

}  // namespace selvage
