#include "selvage/node.h"

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "agents/runtime/config.h"
#include "agents/runtime/delivery_thread.h"
#include "agents/runtime/node_runtime.h"
#include "agents/runtime/servers.h"

namespace selvage {
namespace {

// Reports awaited at a time; the core's own bounds are smaller.
constexpr std::size_t kAwaitedMax = 65536;

TrafficClass ToInner(Node::Class c) {
  switch (c) {
    case Node::Class::kCritical:
      return TrafficClass::kCritical;
    case Node::Class::kReliable:
      return TrafficClass::kReliable;
    case Node::Class::kTelemetry:
      return TrafficClass::kTelemetry;
    case Node::Class::kBulk:
      break;
  }
  return TrafficClass::kBulk;
}

Node::Class ToOuter(TrafficClass c) {
  switch (c) {
    case TrafficClass::kCritical:
      return Node::Class::kCritical;
    case TrafficClass::kReliable:
      return Node::Class::kReliable;
    case TrafficClass::kTelemetry:
      return Node::Class::kTelemetry;
    case TrafficClass::kBulk:
      break;
  }
  return Node::Class::kBulk;
}

bool IsProtected(TrafficClass c) {
  return c == TrafficClass::kCritical || c == TrafficClass::kReliable;
}

}  // namespace

struct Node::Impl {
  enum class State { kCreated, kRunning, kStopped };
  struct Awaited {
    ReportFunction report;
  };

  std::unique_ptr<NodeRuntime> runtime;
  Servers servers;  // before runtime goes
  DeliveryThread delivery;
  std::thread protocol;
  mutable std::mutex mutex;  // guards state
  State state = State::kCreated;
  // On the protocol thread only:
  std::map<std::uint64_t, Awaited> awaited;
  std::shared_ptr<EventFunction> on_event;

  ~Impl() {
    delivery.Stop();
    servers = Servers();
  }

  void Report(const std::shared_ptr<ReportFunction>& report, Node::Report what) {
    if (report == nullptr || !*report) return;
    delivery.Add(true, [report, what = std::move(what)] { (*report)(what); });
  }

  void OnReport(const MessageReport& report);
  void Submit(const std::string& to, Message message, ReportFunction report);
  void Deliver(const selvage::Deliver& d, const std::shared_ptr<ReceiveFunction>& function);
  Status MakeStatus() const;
};

void Node::Impl::OnReport(const MessageReport& report) {
  const auto it = awaited.find(report.message);
  if (it == awaited.end()) return;
  Node::Report out;
  const bool last = report.what != MessageReport::What::kAccepted;
  switch (report.what) {
    case MessageReport::What::kAccepted:
      out.what = Report::What::kAccepted;
      break;
    case MessageReport::What::kDelivered:
      out.what = Report::What::kDelivered;
      break;
    case MessageReport::What::kFailed:
      out.what = Report::What::kFailed;
      break;
  }
  out.reason = report.reason;
  auto call = std::make_shared<ReportFunction>(it->second.report);
  if (last) awaited.erase(it);
  Impl::Report(call, std::move(out));
}

void Node::Impl::Submit(const std::string& to, Message message, ReportFunction report) {
  const auto call = std::make_shared<ReportFunction>(std::move(report));
  const std::optional<NodeId> id = runtime->core().FindNode(to);
  if (!id) {
    Report(call, {Report::What::kFailed, "unknown node \"" + to + "\""});
    return;
  }
  message.to = *id;
  const bool is_protected = IsProtected(message.traffic_class);
  if (is_protected && *call && awaited.size() >= kAwaitedMax) {
    Report(call, {Report::What::kFailed, "queue full"});
    return;
  }
  std::string reason;
  const std::uint64_t number = runtime->Submit(std::move(message), &reason);
  if (number == 0) {
    Report(call, {Report::What::kFailed, reason});
  } else if (!is_protected) {
    Report(call, {Report::What::kAccepted, ""});
  } else if (*call) {
    awaited[number].report = *call;
  }
}

void Node::Impl::Deliver(const selvage::Deliver& d,
                         const std::shared_ptr<ReceiveFunction>& function) {
  Received r;
  r.from = runtime->core().NameOf(d.from);
  r.from_id = d.from.ToHex();
  r.port = d.port;
  r.traffic_class = ToOuter(d.traffic_class);
  r.payload.assign(d.payload.begin(), d.payload.end());
  delivery.Add(IsProtected(d.traffic_class), [function, r = std::move(r)] { (*function)(r); });
}

Node::Status Node::Impl::MakeStatus() const {
  Status s;
  const NodeCore& core = runtime->core();
  const Certificate& certificate = core.identity().certificate;
  s.node = certificate.name;
  s.id = certificate.id.ToHex();
  s.network = certificate.network;
  s.epoch = runtime->epoch().value;
  s.uptime_s = ToSeconds(runtime->now() - runtime->started());
  for (const NeighborInfo& n : core.Neighbors(runtime->now())) {
    s.neighbors.push_back({n.name, n.link_name, n.transport, std::string(ToString(n.state)),
                           n.rtt_ms, n.loss, n.health});
  }
  s.nodes_known = core.nodes_known();
  s.outbox_messages = core.outbox_messages();
  s.counters = runtime->Counters();
  return s;
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Node::~Node() { Stop(); }

namespace {

Node::Created Failed(const absl::Status& s) { return {nullptr, std::string(s.message())}; }

}  // namespace

Node::Created Node::CreateFromFile(const std::string& path) {
  auto config = LoadConfig(path);
  if (!config.ok()) return Failed(config.status());
  auto runtime = NodeRuntime::Create(std::move(*config));
  if (!runtime.ok()) return Failed(runtime.status());
  auto impl = std::make_unique<Impl>();
  impl->runtime = std::move(*runtime);
  return {std::unique_ptr<Node>(new Node(std::move(impl))), ""};
}

Node::Created Node::CreateFromText(const std::string& toml) {
  auto config = ParseConfig(toml, "");
  if (!config.ok()) return Failed(config.status());
  auto runtime = NodeRuntime::Create(std::move(*config));
  if (!runtime.ok()) return Failed(runtime.status());
  auto impl = std::make_unique<Impl>();
  impl->runtime = std::move(*runtime);
  return {std::unique_ptr<Node>(new Node(std::move(impl))), ""};
}

std::string Node::Start() {
  Impl* const impl = impl_.get();
  const std::lock_guard<std::mutex> lock(impl->mutex);
  if (impl->state != Impl::State::kCreated) return "the node was started before";
  impl->state = Impl::State::kStopped;  // unless all goes well
  if (absl::Status s = impl->runtime->Start(); !s.ok()) return std::string(s.message());
  auto servers = OpenServers(*impl->runtime);
  if (!servers.ok()) return std::string(servers.status().message());
  impl->servers = std::move(*servers);
  impl->runtime->AddReportListener([impl](const MessageReport& r) { impl->OnReport(r); });
  impl->runtime->AddEventListener([impl](const Event& e) {
    if (impl->on_event == nullptr) return;
    impl->delivery.Add(
        false, [function = impl->on_event, info = EventInfo{e.number, e.kind, e.text, e.fields}] {
          (*function)(info);
        });
  });
  if (!impl->delivery.Start()) return "the system has no thread to give";
  try {
    impl->protocol = std::thread([impl] {
      pthread_setname_np(pthread_self(), "protocol");
      impl->runtime->Run();
    });
  } catch (const std::system_error& e) {
    return std::string("cannot start a thread: ") + e.what();
  }
  impl->state = Impl::State::kRunning;
  return "";
}

void Node::Stop() {
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    if (impl_->state != Impl::State::kRunning) return;
    impl_->state = Impl::State::kStopped;
  }
  impl_->runtime->Stop();
  impl_->protocol.join();
  impl_->delivery.Stop();
}

std::string Node::Send(const std::string& to, Class traffic_class, std::uint16_t port,
                       std::string payload, ReportFunction report,
                       std::chrono::milliseconds deadline) {
  if (payload.size() > kPayloadBytesMax) {
    return "payload of " + std::to_string(payload.size()) + " bytes; at most " +
           std::to_string(kPayloadBytesMax);
  }
  if (port == 0) return "port 0 belongs to TUN; use 1 to 65535";
  Impl* const impl = impl_.get();
  const std::lock_guard<std::mutex> lock(impl->mutex);
  if (impl->state != Impl::State::kRunning) return "the node is not running";
  Message message;
  message.traffic_class = ToInner(traffic_class);
  message.port = port;
  message.payload.assign(payload.begin(), payload.end());
  message.deadline = deadline;
  const bool taken = impl->runtime->Post(
      [impl, to, message = std::move(message), report = std::move(report)]() mutable {
        impl->Submit(to, std::move(message), std::move(report));
      });
  return taken ? "" : "queue full";
}

void Node::OnReceive(std::uint16_t port, ReceiveFunction function) {
  Impl* const impl = impl_.get();
  const auto shared = std::make_shared<ReceiveFunction>(std::move(function));
  impl->runtime->Post([impl, port, shared] {
    impl->runtime->SetDeliverHandler(port, nullptr);
    if (!*shared) return;
    impl->runtime->SetDeliverHandler(
        port, [impl, shared](const selvage::Deliver& d) { impl->Deliver(d, shared); });
  });
}

void Node::OnEvent(EventFunction function) {
  Impl* const impl = impl_.get();
  auto shared = function ? std::make_shared<EventFunction>(std::move(function)) : nullptr;
  impl->runtime->Post([impl, shared] { impl->on_event = shared; });
}

Node::Status Node::GetStatus() const {
  struct Answer {
    std::mutex mutex;
    std::condition_variable wake;
    bool ready = false;
    Status status;
  };
  const auto answer = std::make_shared<Answer>();
  Impl* const impl = impl_.get();
  {
    const std::lock_guard<std::mutex> lock(impl->mutex);
    if (impl->state != Impl::State::kRunning) return impl->MakeStatus();
    const bool taken = impl->runtime->Post([impl, answer] {
      Status status = impl->MakeStatus();
      status.running = true;
      const std::lock_guard<std::mutex> answer_lock(answer->mutex);
      answer->status = std::move(status);
      answer->ready = true;
      answer->wake.notify_one();
    });
    if (!taken) return Status();
  }
  // A node that is stopped meanwhile does not answer any more.
  std::unique_lock<std::mutex> lock(answer->mutex);
  answer->wake.wait_for(lock, std::chrono::seconds(2), [&answer] { return answer->ready; });
  return std::move(answer->status);
}

std::uint64_t Node::dropped() const { return impl_->delivery.dropped(); }

}  // namespace selvage
