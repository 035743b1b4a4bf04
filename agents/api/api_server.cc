#include "agents/api/api_server.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "agents/api/api_socket.h"
#include "core/schema/api.pb.h"

namespace selvage {
namespace {

constexpr int kMessagesPerTurn = 64;
// How often what could not be handed over is tried again.
constexpr long kRetryNanos = 5'000'000;
constexpr std::uint32_t kApiVersion = 1;
constexpr char kQueueFull[] = "queue full";

bool IsProtected(TrafficClass c) {
  return c == TrafficClass::kCritical || c == TrafficClass::kReliable;
}

struct Waiting {
  std::string bytes;
  bool message_protected;  // a critical or reliable message, not an answer
};
struct Retry {
  std::uint64_t request;
  Message message;
};
struct Application {
  std::uint32_t in_flight = 0;  // sends without an answer
  bool subscribed = false;
  bool gone = false;  // swept at the end of the turn
  std::set<std::uint16_t> ports;
  std::deque<Waiting> out;  // for a slow receiver
  std::size_t out_bytes = 0;
  std::deque<Retry> retries;  // for a full core
  std::size_t retry_bytes = 0;
};
struct Awaited {
  std::string peer;
  std::uint64_t request;
  bool accepted;
};

}  // namespace

struct ApiServer::Impl {
  explicit Impl(AgentView& a) : agent(a) {}
  ~Impl();
  absl::Status Open(const std::string& endpoint);

  void OnReadable();
  void OnTimer();
  void OnBytes(const std::string& peer, const std::string& bytes);
  void OnHello(const std::string& peer, const schema::Hello& hello);
  void OnBind(const std::string& peer, Application& app, const schema::Bind& bind);
  void OnSend(const std::string& peer, Application& app, schema::Send* send);
  void OnReport(const MessageReport& report);
  void OnEvent(const Event& event);
  void OnDeliver(const std::string& peer, const Deliver& deliver);

  bool TakesPort(const std::string& peer, std::uint16_t port);
  // False: the core is full, try again.
  bool TrySubmit(const std::string& peer, Application& app, std::uint64_t request, Message message);
  void RetrySends();
  void AnswerSend(const std::string& peer, Application& app, std::uint64_t request,
                  const std::string& error);
  void AnswerHello(const std::string& peer, const std::string& error);
  void Post(const std::string& peer, const schema::ApiMessage& message, bool message_protected);
  void PostLossy(const std::string& peer, Application& app, const schema::ApiMessage& message);
  void Overflow(Application& app);
  void FlushWaiting();
  void ProbeAll();
  void ReleasePorts(Application& app);
  void Sweep();
  void ArmTimer();

  // While one is alive no application is forgotten, so references to them stay good; the last one
  // to end sweeps. Calls into the agent may come back here before they return.
  struct Turn {
    explicit Turn(Impl* i) : impl(i) { ++impl->turns; }
    ~Turn() {
      if (--impl->turns == 0) impl->Sweep();
    }
    Impl* impl;
  };
  int turns = 0;
  bool retrying = false;

  AgentView& agent;
  std::unique_ptr<AgentView> owned;  // empty: somebody else's; outlives what ~Impl() does
  std::unique_ptr<ApiSocket> socket;
  int timer_fd = -1;
  bool timer_armed = false;
  std::uint64_t listener = 0;
  std::uint64_t report_listener = 0;
  std::map<std::string, Application> apps;
  std::map<std::uint16_t, std::string> port_owner;
  std::map<std::uint64_t, Awaited> awaited;  // by the core's message number
  Counters counters;
};

absl::Status ApiServer::Impl::Open(const std::string& endpoint) {
  auto bound = ApiSocket::Bind(endpoint, kMessageBytesMax, kZmqQueueMax);
  if (!bound.ok()) return bound.status();
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer_fd < 0) return absl::UnavailableError("timerfd_create failed");
  socket = *std::move(bound);
  agent.reactor().AddZmqSocket(socket->handle(), [this] { OnReadable(); });
  agent.reactor().AddFd(timer_fd, [this] { OnTimer(); });
  report_listener =
      agent.AddReportListener([this](const MessageReport& report) { OnReport(report); });
  listener = agent.AddEventListener([this](const Event& event) { OnEvent(event); });
  return absl::OkStatus();
}

ApiServer::Impl::~Impl() {
  if (socket != nullptr) {
    for (auto& [port, peer] : port_owner) agent.SetDeliverHandler(port, nullptr);
    agent.RemoveEventListener(listener);
    agent.RemoveReportListener(report_listener);
    agent.reactor().RemoveFd(timer_fd);
    agent.reactor().RemoveZmqSocket(socket->handle());
  }
  if (timer_fd >= 0) close(timer_fd);
}

// ---- from applications

void ApiServer::Impl::OnReadable() {
  Turn turn(this);
  std::string peer;
  std::string bytes;
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    ApiSocket::Received received = socket->Receive(&peer, &bytes);
    if (received == ApiSocket::Received::kNothing) break;
    if (received == ApiSocket::Received::kBad) {
      ++counters.messages_bad;
      if (!peer.empty())
        AnswerHello(peer, "a message has one part and at most " + std::to_string(kMessageBytesMax) +
                              " bytes");
      continue;
    }
    OnBytes(peer, bytes);
  }
}

void ApiServer::Impl::OnBytes(const std::string& peer, const std::string& bytes) {
  schema::ApiMessage message;
  if (!message.ParseFromString(bytes)) {
    ++counters.messages_bad;
    return AnswerHello(peer, "not a message of the application API");
  }
  if (message.has_hello()) return OnHello(peer, message.hello());
  auto app = apps.find(peer);
  if (app == apps.end() || app->second.gone) {
    ++counters.messages_bad;
    return AnswerHello(peer, "not attached: say Hello first");
  }
  switch (message.message_case()) {
    case schema::ApiMessage::kBind:
      return OnBind(peer, app->second, message.bind());
    case schema::ApiMessage::kSend:
      return OnSend(peer, app->second, message.mutable_send());
    case schema::ApiMessage::kSubscribe:
      app->second.subscribed = true;
      return;
    default:
      ++counters.messages_bad;
      return AnswerHello(peer, "not a message an application sends");
  }
}

void ApiServer::Impl::OnHello(const std::string& peer, const schema::Hello& hello) {
  std::string error;
  if (hello.api_version() != kApiVersion) {
    error = "this agent speaks version " + std::to_string(kApiVersion) + " of the application API";
  } else if (apps.count(peer) == 0) {
    if (apps.size() >= kClientsMax) {
      ProbeAll();
      Sweep();
    }
    if (apps.size() >= kClientsMax) {
      error = "too many applications are attached (" + std::to_string(kClientsMax) + ")";
    } else {
      apps.emplace(peer, Application());
      ++counters.clients_attached;
    }
  }
  if (!error.empty()) ++counters.clients_refused;
  AnswerHello(peer, error);
}

void ApiServer::Impl::AnswerHello(const std::string& peer, const std::string& error) {
  schema::ApiMessage message;
  schema::HelloReply& reply = *message.mutable_hello_reply();
  const AgentFacts& facts = agent.facts();
  reply.set_node_name(facts.node);
  reply.set_node_id(facts.id.bytes.data(), facts.id.bytes.size());
  reply.set_credits(error.empty() ? kCredits : 0);
  reply.set_error(error);
  if (apps.count(peer) != 0) return Post(peer, message, false);
  // Nobody we keep a queue for: told if it reads, forgotten if not.
  socket->Send(peer, message.SerializeAsString());
}

bool ApiServer::Impl::TakesPort(const std::string& peer, std::uint16_t port) {
  auto owner = port_owner.find(port);
  if (owner != port_owner.end()) {
    if (owner->second == peer) return true;
    // An application that was killed is only noticed when something is sent to it.
    ProbeAll();
    if (port_owner.count(port) != 0) return false;
  }
  bool free = agent.SetDeliverHandler(
      port, [this, peer](const Deliver& deliver) { OnDeliver(peer, deliver); });
  if (free) port_owner[port] = peer;
  return free;
}

void ApiServer::Impl::OnBind(const std::string& peer, Application& app, const schema::Bind& bind) {
  schema::ApiMessage message;
  message.mutable_bind_result()->set_port(bind.port());
  std::string error;
  if (bind.port() < 1 || bind.port() > 65535) {
    error = "a port is a number from 1 to 65535";
  } else if (app.ports.size() >= kPortsMax) {
    error = "an application has at most " + std::to_string(kPortsMax) + " ports";
  } else if (!TakesPort(peer, static_cast<std::uint16_t>(bind.port()))) {
    error = "port " + std::to_string(bind.port()) + " belongs to another application";
  } else {
    app.ports.insert(static_cast<std::uint16_t>(bind.port()));
  }
  message.mutable_bind_result()->set_error(error);
  Post(peer, message, false);
}

void ApiServer::Impl::OnSend(const std::string& peer, Application& app, schema::Send* send) {
  ++counters.sends;
  std::string error;
  std::optional<NodeId> to;
  if (app.in_flight >= kCredits) {
    ++counters.messages_bad;
    error = "no credit left: wait for answers";
  } else if (send->payload().size() > NodeCore::kPayloadBytesMax) {
    error = "payload too large: at most " + std::to_string(NodeCore::kPayloadBytesMax) + " bytes";
  } else if (send->port() < 1 || send->port() > 65535) {
    error = "a port is a number from 1 to 65535";
  } else if (send->traffic_class() < 0 || send->traffic_class() >= kTrafficClasses) {
    error = "no such class";
  } else if (!(to = agent.FindNode(send->to()))) {
    error = "no node called " + send->to() + " is known here";
  }
  ++app.in_flight;
  if (!error.empty()) return AnswerSend(peer, app, send->request(), error);

  Message message;
  message.to = *to;
  message.traffic_class = static_cast<TrafficClass>(send->traffic_class());
  message.port = static_cast<std::uint16_t>(send->port());
  message.payload.assign(send->payload().begin(), send->payload().end());
  message.deadline = std::chrono::milliseconds(send->deadline_ms());
  // In order: nothing overtakes what waits already.
  if (app.retries.empty() && TrySubmit(peer, app, send->request(), message)) return;
  if (app.retry_bytes + message.payload.size() > kRetryBytesMax) {
    return AnswerSend(peer, app, send->request(), "the agent's queue is full; try again later");
  }
  ++counters.sends_waited;
  app.retry_bytes += message.payload.size();
  app.retries.push_back(Retry{send->request(), std::move(message)});
  ArmTimer();
}

bool ApiServer::Impl::TrySubmit(const std::string& peer, Application& app, std::uint64_t request,
                                Message message) {
  bool is_protected = IsProtected(message.traffic_class);
  if (is_protected && awaited.size() >= kReceiptsMax) return false;
  std::string reason;
  std::uint64_t number = agent.Submit(std::move(message), &reason);
  if (number == 0) {
    if (reason.rfind(kQueueFull, 0) == 0) return false;
    AnswerSend(peer, app, request, reason.empty() ? "refused" : reason);
  } else if (is_protected) {
    awaited.emplace(number, Awaited{peer, request, false});
  } else {
    AnswerSend(peer, app, request, "");
  }
  return true;
}

void ApiServer::Impl::RetrySends() {
  if (retrying) return;
  retrying = true;
  for (auto& [peer, app] : apps) {
    while (!app.gone && !app.retries.empty()) {
      // Copied, for a full core takes nothing and the message must stay.
      const Retry& first = app.retries.front();
      std::size_t bytes = first.message.payload.size();
      if (!TrySubmit(peer, app, first.request, first.message)) break;
      app.retry_bytes -= bytes;
      app.retries.pop_front();
    }
  }
  retrying = false;
}

void ApiServer::Impl::AnswerSend(const std::string& peer, Application& app, std::uint64_t request,
                                 const std::string& error) {
  if (app.in_flight > 0) --app.in_flight;
  if (!error.empty()) ++counters.sends_refused;
  schema::ApiMessage message;
  message.mutable_send_result()->set_request(request);
  message.mutable_send_result()->set_error(error);
  Post(peer, message, false);
}

// ---- from the agent

void ApiServer::Impl::OnReport(const MessageReport& report) {
  auto found = awaited.find(report.message);
  if (found == awaited.end()) return;
  Turn turn(this);
  bool last = report.what != MessageReport::What::kAccepted;
  Awaited entry = found->second;
  if (last) {
    awaited.erase(found);
  } else {
    found->second.accepted = true;
  }
  auto app = apps.find(entry.peer);
  if (app != apps.end() && !app->second.gone) {
    bool failed = report.what == MessageReport::What::kFailed;
    if (!entry.accepted) {
      AnswerSend(entry.peer, app->second, entry.request,
                 failed ? (report.reason.empty() ? "failed" : report.reason) : "");
    }
    if (last && (entry.accepted || !failed)) {
      schema::ApiMessage message;
      schema::Receipt& receipt = *message.mutable_receipt();
      receipt.set_request(entry.request);
      receipt.set_delivered(!failed);
      receipt.set_error(failed ? report.reason : "");
      Post(entry.peer, message, false);
    }
  }
  RetrySends();
}

void ApiServer::Impl::OnDeliver(const std::string& peer, const Deliver& deliver) {
  auto app = apps.find(peer);
  if (app == apps.end() || app->second.gone) return;
  schema::ApiMessage message;
  schema::Received& received = *message.mutable_received();
  received.set_from(deliver.from.bytes.data(), deliver.from.bytes.size());
  received.set_from_name(agent.NameOf(deliver.from));
  received.set_port(deliver.port);
  received.set_traffic_class(static_cast<schema::Class>(deliver.traffic_class));
  received.set_payload(deliver.payload.data(), deliver.payload.size());
  if (IsProtected(deliver.traffic_class)) {
    ++counters.received;
    Post(peer, message, true);
  } else {
    PostLossy(peer, app->second, message);
  }
  // Not swept here: that would take away the handler this is called from.
  if (app->second.gone) ArmTimer();
}

void ApiServer::Impl::OnEvent(const Event& event) {
  Turn turn(this);
  schema::ApiMessage message;
  for (auto& [peer, app] : apps) {
    if (!app.subscribed || app.gone) continue;
    if (!message.has_event()) {
      schema::Event& out = *message.mutable_event();
      out.set_number(event.number);
      out.set_time_ns(static_cast<std::uint64_t>(ToNanos(event.time)));
      out.set_kind(event.kind);
      out.set_text(event.text);
      out.set_json(nlohmann::json(event.fields)
                       .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    PostLossy(peer, app, message);
  }
}

// ---- to applications

void ApiServer::Impl::PostLossy(const std::string& peer, Application& app,
                                const schema::ApiMessage& message) {
  // Behind what waits for it already, or it would overtake.
  ApiSocket::Sent sent =
      app.out.empty() ? socket->Send(peer, message.SerializeAsString()) : ApiSocket::Sent::kFull;
  if (sent == ApiSocket::Sent::kGone) app.gone = true;
  if (sent == ApiSocket::Sent::kFull) ++counters.telemetry_dropped;
  if (sent == ApiSocket::Sent::kSent && message.has_received()) ++counters.received;
}

void ApiServer::Impl::Post(const std::string& peer, const schema::ApiMessage& message,
                           bool message_protected) {
  auto found = apps.find(peer);
  if (found == apps.end() || found->second.gone) return;
  Application& app = found->second;
  std::string bytes = message.SerializeAsString();
  if (app.out.empty()) {
    ApiSocket::Sent sent = socket->Send(peer, bytes);
    if (sent == ApiSocket::Sent::kSent) return;
    if (sent == ApiSocket::Sent::kGone) {
      app.gone = true;
      if (message_protected) ++counters.protected_lost;
      return;
    }
  }
  app.out_bytes += bytes.size();
  app.out.push_back(Waiting{std::move(bytes), message_protected});
  if (app.out.size() > kWaitingMax || app.out_bytes > kWaitingBytesMax) return Overflow(app);
  ArmTimer();
}

void ApiServer::Impl::Overflow(Application& app) {
  ++counters.clients_too_slow;
  app.gone = true;
}

void ApiServer::Impl::FlushWaiting() {
  for (auto& [peer, app] : apps) {
    while (!app.gone && !app.out.empty()) {
      ApiSocket::Sent sent = socket->Send(peer, app.out.front().bytes);
      if (sent == ApiSocket::Sent::kFull) break;
      if (sent == ApiSocket::Sent::kGone) {
        app.gone = true;
        break;
      }
      app.out_bytes -= app.out.front().bytes.size();
      app.out.pop_front();
    }
  }
}

void ApiServer::Impl::OnTimer() {
  std::uint64_t times = 0;
  (void)!read(timer_fd, &times, sizeof(times));
  timer_armed = false;
  Turn turn(this);
  FlushWaiting();
  RetrySends();
  for (auto& [peer, app] : apps) {
    if (!app.out.empty() || !app.retries.empty()) ArmTimer();
  }
}

void ApiServer::Impl::ArmTimer() {
  if (timer_armed) return;
  itimerspec when{};
  when.it_value.tv_nsec = kRetryNanos;
  timerfd_settime(timer_fd, 0, &when, nullptr);
  timer_armed = true;
}

// An empty message means nothing to an application, but ROUTER tells us whether it is there.
void ApiServer::Impl::ProbeAll() {
  for (auto& [peer, app] : apps) {
    if (!app.gone && socket->Send(peer, "") == ApiSocket::Sent::kGone) app.gone = true;
    if (app.gone) ReleasePorts(app);
  }
}

void ApiServer::Impl::ReleasePorts(Application& app) {
  for (std::uint16_t port : app.ports) {
    agent.SetDeliverHandler(port, nullptr);
    port_owner.erase(port);
  }
  app.ports.clear();
}

void ApiServer::Impl::Sweep() {
  for (auto app = apps.begin(); app != apps.end();) {
    if (!app->second.gone) {
      ++app;
      continue;
    }
    ReleasePorts(app->second);
    for (const Waiting& waiting : app->second.out) {
      if (waiting.message_protected) ++counters.protected_lost;
    }
    app = apps.erase(app);
  }
}

ApiServer::ApiServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ApiServer::~ApiServer() = default;
const ApiServer::Counters& ApiServer::counters() const { return impl_->counters; }
std::size_t ApiServer::clients() const { return impl_->apps.size(); }

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Create(AgentView& agent,
                                                             const std::string& endpoint) {
  auto impl = std::make_unique<Impl>(agent);
  if (absl::Status s = impl->Open(endpoint); !s.ok()) return s;
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<ApiServer>> ApiServer::Create(std::unique_ptr<AgentView> agent,
                                                             const std::string& endpoint) {
  auto server = Create(*agent, endpoint);
  if (server.ok()) (*server)->impl_->owned = std::move(agent);
  return server;
}

}  // namespace selvage
