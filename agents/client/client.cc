#include "selvage/client.h"

#include <zmq.h>

#include <deque>
#include <map>
#include <set>

#include "agents/client/client_link.h"
#include "core/schema/api.pb.h"

namespace selvage {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kMessageBytesMax = Client::kPayloadBytesMax + 1024;
// After a refusal or a failed attachment: how long until the next try.
constexpr milliseconds kAttachAgain(500);

std::string Hex(const std::string& bytes) {
  static const char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes) {
    out += kDigits[c >> 4];
    out += kDigits[c & 15];
  }
  return out;
}

// Keeps the newest `max`.
template <typename T>
void PushBounded(std::deque<T>* queue, std::size_t max, T value, std::uint64_t* dropped) {
  if (queue->size() >= max) {
    queue->pop_front();
    ++*dropped;
  }
  queue->push_back(std::move(value));
}

Client::Result Ok(std::uint64_t request = 0) { return {Client::Code::kOk, "", request}; }

}  // namespace

struct Client::Impl {
  ~Impl() {
    link.reset();
    if (context != nullptr) zmq_ctx_term(context);
  }

  void Attach();
  void Detach();
  void Take();
  void OnBytes(const std::string& bytes);
  void OnHelloReply(const schema::HelloReply& reply);
  bool Post(const schema::ApiMessage& message) {
    return link != nullptr && link->Send(message.SerializeAsString());
  }
  void PostBind(std::uint16_t port);
  void PushReport(std::uint64_t request, Report::What what, const std::string& error);
  // Takes in what comes until `done` or the time is up.
  template <typename Done>
  bool WaitFor(milliseconds timeout, Done done);
  Result Hand(std::string_view to, Class c, std::uint16_t port, std::string_view payload,
              milliseconds timeout, milliseconds deadline, Code no_credit);
  template <typename T>
  Result Next(std::deque<T>* queue, T* out, milliseconds timeout);

  void* context = nullptr;
  std::string endpoint;
  std::unique_ptr<ClientLink> link;
  Clock::time_point attach_at{};
  bool attached = false;
  bool was_attached = false;
  std::string refusal;  // what the agent said to Hello
  std::string name;
  std::string id;
  std::uint32_t credits = 0;
  std::uint64_t next_request = 1;
  std::set<std::uint64_t> outstanding;  // sends without an answer, at most the credits granted
  std::set<std::uint16_t> ports;
  std::map<std::uint16_t, std::string> bind_results;
  bool subscribed = false;
  std::uint64_t reconnects = 0;
  std::uint64_t dropped = 0;
  std::deque<Message> messages;
  std::deque<Report> reports;
  std::deque<Event> events;
};

void Client::Impl::Attach() {
  if (link != nullptr || Clock::now() < attach_at) return;
  std::string error;
  link = ClientLink::Open(context, endpoint, kMessageBytesMax, &error);
  if (link == nullptr) {
    refusal = error;
    attach_at = Clock::now() + kAttachAgain;
    return;
  }
  schema::ApiMessage hello;
  hello.mutable_hello()->set_api_version(1);
  Post(hello);
  for (std::uint16_t port : ports) PostBind(port);
  if (subscribed) {
    schema::ApiMessage message;
    message.mutable_subscribe();
    Post(message);
  }
}

void Client::Impl::Detach() {
  link.reset();
  attached = false;
  credits = 0;
  for (std::uint64_t request : outstanding) {
    PushReport(request, Report::What::kUnknown, "the agent went away before it answered");
  }
  outstanding.clear();
}

void Client::Impl::PostBind(std::uint16_t port) {
  schema::ApiMessage message;
  message.mutable_bind()->set_port(port);
  Post(message);
}

void Client::Impl::PushReport(std::uint64_t request, Report::What what, const std::string& error) {
  Report report;
  report.request = request;
  report.what = what;
  report.error = error;
  PushBounded(&reports, kReportsMax, std::move(report), &dropped);
}

void Client::Impl::Take() {
  Attach();
  if (link == nullptr) return;
  std::string bytes;
  // Bounded, so that a caller with a timeout comes back under a flood.
  for (int i = 0; i < 4096 && link != nullptr && link->Receive(&bytes); ++i) OnBytes(bytes);
  if (link != nullptr && link->Ended()) {
    while (link != nullptr && link->Receive(&bytes)) OnBytes(bytes);
    Detach();
    Attach();
  }
}

void Client::Impl::OnHelloReply(const schema::HelloReply& reply) {
  if (!reply.error().empty()) {
    // Refused, or forgotten by the agent: begin anew after a while.
    refusal = reply.error();
    Detach();
    attach_at = Clock::now() + kAttachAgain;
    return;
  }
  if (attached) return;
  attached = true;
  refusal.clear();
  name = reply.node_name();
  id = Hex(reply.node_id());
  credits = reply.credits();
  if (was_attached) ++reconnects;
  was_attached = true;
}

void Client::Impl::OnBytes(const std::string& bytes) {
  schema::ApiMessage message;
  if (!message.ParseFromString(bytes)) return;
  switch (message.message_case()) {
    case schema::ApiMessage::kHelloReply:
      return OnHelloReply(message.hello_reply());
    case schema::ApiMessage::kBindResult: {
      std::uint16_t port = static_cast<std::uint16_t>(message.bind_result().port());
      if (ports.count(port) != 0) bind_results[port] = message.bind_result().error();
      return;
    }
    case schema::ApiMessage::kSendResult: {
      const schema::SendResult& result = message.send_result();
      if (outstanding.erase(result.request()) == 0) return;
      ++credits;
      return PushReport(result.request(),
                        result.error().empty() ? Report::What::kAccepted : Report::What::kRefused,
                        result.error());
    }
    case schema::ApiMessage::kReceipt:
      return PushReport(
          message.receipt().request(),
          message.receipt().delivered() ? Report::What::kDelivered : Report::What::kFailed,
          message.receipt().error());
    case schema::ApiMessage::kReceived: {
      schema::Received& in = *message.mutable_received();
      Message out;
      out.from = in.from_name();
      out.from_id = Hex(in.from());
      out.port = static_cast<std::uint16_t>(in.port());
      out.traffic_class = static_cast<Class>(in.traffic_class() & 3);
      out.payload = std::move(*in.mutable_payload());
      return PushBounded(&messages, kReceivedMax, std::move(out), &dropped);
    }
    case schema::ApiMessage::kEvent: {
      schema::Event& in = *message.mutable_event();
      Event out;
      out.number = in.number();
      out.time_ns = static_cast<std::int64_t>(in.time_ns());
      out.kind = in.kind();
      out.text = in.text();
      out.json = in.json();
      return PushBounded(&events, kEventsMax, std::move(out), &dropped);
    }
    default:
      return;  // the agent's way to see whether we are there
  }
}

template <typename Done>
bool Client::Impl::WaitFor(milliseconds timeout, Done done) {
  Clock::time_point end = Clock::now() + timeout;
  for (;;) {
    Take();
    if (done()) return true;
    auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
    if (end <= Clock::now()) return false;
    left += milliseconds(1);  // rounded up, or the last millisecond would spin
    if (link != nullptr) {
      link->Wait(left);
    } else {
      // No socket to wait on: only until the next try to attach.
      auto until = std::chrono::duration_cast<milliseconds>(attach_at - Clock::now());
      zmq_poll(nullptr, 0, std::max<long>(1, std::min(left, until).count()));
    }
  }
}

Client::Result Client::Impl::Hand(std::string_view to, Class c, std::uint16_t port,
                                  std::string_view payload, milliseconds timeout,
                                  milliseconds deadline, Code no_credit) {
  if (payload.size() > kPayloadBytesMax) {
    return {Code::kInvalid, "a payload has at most 65536 bytes", 0};
  }
  if (port == 0) return {Code::kInvalid, "a port is a number from 1 to 65535", 0};
  if (deadline.count() < 0 || deadline.count() > UINT32_MAX) {
    return {Code::kInvalid, "a deadline has 0 to 4294967295 ms", 0};
  }
  if (!WaitFor(timeout, [this] { return attached && credits > 0; })) {
    if (!attached) return {Code::kDisconnected, "no agent at " + endpoint, 0};
    return {no_credit, "no credit: the agent has not answered earlier sends yet", 0};
  }
  schema::ApiMessage message;
  schema::Send& send = *message.mutable_send();
  send.set_request(next_request);
  send.set_to(to.data(), to.size());
  send.set_port(port);
  send.set_traffic_class(static_cast<schema::Class>(c));
  send.set_payload(payload.data(), payload.size());
  send.set_deadline_ms(static_cast<std::uint32_t>(deadline.count()));
  if (!Post(message)) return {no_credit, "the way to the agent is full", 0};
  --credits;
  outstanding.insert(next_request);
  return Ok(next_request++);
}

template <typename T>
Client::Result Client::Impl::Next(std::deque<T>* queue, T* out, milliseconds timeout) {
  if (queue->empty() && !WaitFor(timeout, [queue] { return !queue->empty(); })) {
    if (!attached) return {Code::kDisconnected, "no agent at " + endpoint, 0};
    return {Code::kTimeout, "nothing in time", 0};
  }
  *out = std::move(queue->front());
  queue->pop_front();
  return Ok();
}

// ---- the public face

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

std::unique_ptr<Client> Client::Connect(const std::string& endpoint, std::string* error,
                                        milliseconds timeout) {
  auto impl = std::make_unique<Impl>();
  impl->endpoint = endpoint;
  impl->context = zmq_ctx_new();
  if (impl->context == nullptr) {
    *error = "cannot start ZeroMQ";
    return nullptr;
  }
  impl->WaitFor(timeout, [&] { return impl->attached || !impl->refusal.empty(); });
  if (!impl->attached) {
    *error = impl->refusal.empty()
                 ? "no agent answers at " + endpoint + "; is selvaged running with [api] endpoint?"
                 : impl->refusal;
    return nullptr;
  }
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Client::Result Client::Send(std::string_view to, Class traffic_class, std::uint16_t port,
                            std::string_view payload, milliseconds timeout, milliseconds deadline) {
  return impl_->Hand(to, traffic_class, port, payload, timeout, deadline, Code::kTimeout);
}

Client::Result Client::TrySend(std::string_view to, Class traffic_class, std::uint16_t port,
                               std::string_view payload, milliseconds deadline) {
  return impl_->Hand(to, traffic_class, port, payload, milliseconds(0), deadline,
                     Code::kWouldBlock);
}

Client::Result Client::SendAndConfirm(std::string_view to, Class traffic_class, std::uint16_t port,
                                      std::string_view payload, milliseconds timeout,
                                      milliseconds deadline) {
  Clock::time_point end = Clock::now() + timeout;
  Result sent = Send(to, traffic_class, port, payload, timeout, deadline);
  if (!sent) return sent;
  std::uint64_t request = sent.request;
  auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now());
  if (!impl_->WaitFor(left, [&] { return impl_->outstanding.count(request) == 0; })) {
    return {Code::kTimeout, "handed over, but the agent has not answered in time", request};
  }
  for (auto report = impl_->reports.begin(); report != impl_->reports.end(); ++report) {
    if (report->request != request) continue;
    if (report->what != Report::What::kAccepted && report->what != Report::What::kRefused &&
        report->what != Report::What::kUnknown) {
      continue;
    }
    Code code = report->what == Report::What::kAccepted  ? Code::kOk
                : report->what == Report::What::kRefused ? Code::kRefused
                                                         : Code::kDisconnected;
    Result result{code, report->error, request};
    impl_->reports.erase(report);
    return result;
  }
  return {Code::kTimeout, "the report was dropped: fetch reports more often", request};
}

Client::Result Client::NextReport(Report* report, milliseconds timeout) {
  return impl_->Next(&impl_->reports, report, timeout);
}

Client::Result Client::Bind(std::uint16_t port, milliseconds timeout) {
  if (port == 0) return {Code::kInvalid, "a port is a number from 1 to 65535", 0};
  impl_->ports.insert(port);
  impl_->bind_results.erase(port);
  impl_->PostBind(port);
  if (!impl_->WaitFor(timeout, [&] { return impl_->bind_results.count(port) != 0; })) {
    impl_->ports.erase(port);
    return {impl_->attached ? Code::kTimeout : Code::kDisconnected, "the agent does not answer", 0};
  }
  std::string error = impl_->bind_results[port];
  impl_->bind_results.erase(port);
  if (error.empty()) return Ok();
  impl_->ports.erase(port);
  return {Code::kRefused, error, 0};
}

Client::Result Client::Receive(Message* message, milliseconds timeout) {
  return impl_->Next(&impl_->messages, message, timeout);
}

Client::Result Client::Subscribe() {
  impl_->subscribed = true;
  schema::ApiMessage message;
  message.mutable_subscribe();
  if (!impl_->Post(message)) return {Code::kDisconnected, "no agent at " + impl_->endpoint, 0};
  return Ok();
}

Client::Result Client::NextEvent(Event* event, milliseconds timeout) {
  return impl_->Next(&impl_->events, event, timeout);
}

void Client::Poll() { impl_->Take(); }
bool Client::connected() const { return impl_->attached; }
const std::string& Client::node_name() const { return impl_->name; }
const std::string& Client::node_id() const { return impl_->id; }
std::uint32_t Client::credits() const { return impl_->credits; }
std::uint64_t Client::reconnects() const { return impl_->reconnects; }
std::uint64_t Client::dropped() const { return impl_->dropped; }
int Client::fd() const { return impl_->link == nullptr ? -1 : impl_->link->fd(); }

const char* ToString(Client::Class c) {
  switch (c) {
    case Client::Class::kCritical:
      return "critical";
    case Client::Class::kReliable:
      return "reliable";
    case Client::Class::kTelemetry:
      return "telemetry";
    case Client::Class::kBulk:
      return "bulk";
  }
  return "?";
}

bool ParseClass(std::string_view name, Client::Class* out) {
  for (Client::Class c : {Client::Class::kCritical, Client::Class::kReliable,
                          Client::Class::kTelemetry, Client::Class::kBulk}) {
    if (name == ToString(c)) {
      *out = c;
      return true;
    }
  }
  return false;
}

}  // namespace selvage
