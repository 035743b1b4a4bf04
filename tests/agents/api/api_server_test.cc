#define BOOST_TEST_MODULE api_server_test
#include "agents/api/api_server.h"

#include <sys/stat.h>
#include <zmq.h>

#include <boost/test/unit_test.hpp>

#include "core/schema/api.pb.h"
#include "selvage/client.h"
#include "tests/agents/fake_agent.h"

namespace selvage {
namespace {

using namespace std::chrono_literals;
using What = Client::Report::What;

struct Fixture {
  ~Fixture() { StopAgent(); }
  void StartAgent() {
    agent = std::make_unique<FakeAgent>();
    auto made = ApiServer::Create(*agent, endpoint);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    server = *std::move(made);
    thread = std::make_unique<AgentThread>(*agent);
  }
  void StopAgent() {
    thread.reset();
    server.reset();
    agent.reset();
  }
  std::unique_ptr<Client> Attach() {
    std::string error;
    auto client = Client::Connect(endpoint, &error, 5s);
    BOOST_REQUIRE_MESSAGE(client != nullptr, error);
    return client;
  }
  void Report(std::uint64_t number, MessageReport::What what, const std::string& reason = "") {
    thread->Do([&] { agent->report_listener(MessageReport{number, what, reason}); });
  }
  void Arrive(std::uint16_t port, TrafficClass c, std::size_t size) {
    thread->Do([&] {
      auto handler = agent->handlers.find(port);
      if (handler == agent->handlers.end()) return;
      auto copy = handler->second;
      copy(Deliver{TestId(2), c, port, Bytes(size, 'x')});
    });
  }
  std::size_t Submitted() {
    return thread->Do([&] { return agent->submitted.size(); });
  }
  ApiServer::Counters Counters() {
    return thread->Do([&] { return server->counters(); });
  }

  TempDir dir;
  std::string path = dir / "api.sock";
  std::string endpoint = "ipc://" + path;
  std::unique_ptr<FakeAgent> agent;
  std::unique_ptr<ApiServer> server;
  std::unique_ptr<AgentThread> thread;
};

// Speaks the schema without the client library, for what it would never say.
struct RawClient {
  explicit RawClient(const std::string& endpoint, const std::string& routing_id = "") {
    socket = zmq_socket(context, ZMQ_DEALER);
    int zero = 0;
    int patience = 5000;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero));
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof(patience));
    if (!routing_id.empty()) {
      zmq_setsockopt(socket, ZMQ_ROUTING_ID, routing_id.data(), routing_id.size());
    }
    zmq_connect(socket, endpoint.c_str());
  }
  ~RawClient() {
    zmq_close(socket);
    zmq_ctx_term(context);
  }
  void Post(const std::string& bytes, bool more = false) {
    zmq_send(socket, bytes.data(), bytes.size(), more ? ZMQ_SNDMORE : 0);
  }
  void Post(const schema::ApiMessage& message) { Post(message.SerializeAsString()); }
  schema::ApiMessage Next() {
    schema::ApiMessage out;
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket, 0) >= 0) {
      out.ParseFromArray(zmq_msg_data(&part), static_cast<int>(zmq_msg_size(&part)));
    }
    zmq_msg_close(&part);
    return out;
  }
  void Hello() {
    schema::ApiMessage message;
    message.mutable_hello()->set_api_version(1);
    Post(message);
    BOOST_REQUIRE_EQUAL(Next().hello_reply().error(), "");
  }
  void* context = zmq_ctx_new();
  void* socket;
};

schema::ApiMessage SendMessage(std::uint64_t request) {
  schema::ApiMessage message;
  message.mutable_send()->set_request(request);
  message.mutable_send()->set_to("r0c1");
  message.mutable_send()->set_port(7000);
  message.mutable_send()->set_traffic_class(schema::RELIABLE);
  return message;
}

BOOST_FIXTURE_TEST_SUITE(api_server_test, Fixture)

BOOST_AUTO_TEST_CASE(an_application_attaches_and_learns_whose_agent_it_is) {
  StartAgent();
  auto client = Attach();
  BOOST_TEST(client->connected());
  BOOST_TEST(client->node_name() == "r0c0");
  BOOST_TEST(client->node_id() == TestId(1).ToHex());
  BOOST_TEST(client->credits() == ApiServer::kCredits);
}

BOOST_AUTO_TEST_CASE(nobody_there_is_told_within_the_timeout) {
  std::string error;
  BOOST_TEST((Client::Connect(endpoint, &error, 50ms) == nullptr));
  BOOST_TEST(error.find(endpoint) != std::string::npos);
  BOOST_TEST((Client::Connect("nonsense", &error, 50ms) == nullptr));
  BOOST_TEST(error.find("not an endpoint") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_reliable_message_is_accepted_only_after_the_core_says_it_is_durable) {
  StartAgent();
  auto client = Attach();
  auto sent = client->Send("r0c1", Client::Class::kReliable, 7000, "hello", 5s, 250ms);
  BOOST_REQUIRE(sent);
  while (Submitted() == 0) {
  }
  Client::Report report;
  BOOST_TEST(!client->NextReport(&report, 20ms));
  thread->Do([&] {
    const Message& message = agent->submitted[0];
    BOOST_TEST((message.to == TestId(2)));
    BOOST_TEST((message.traffic_class == TrafficClass::kReliable));
    BOOST_TEST(message.port == 7000);
    BOOST_TEST(ByteSpan(message.payload).ToString() == "hello");
    BOOST_TEST(message.deadline.count() == 250'000'000);
  });
  Report(1, MessageReport::What::kAccepted);
  BOOST_REQUIRE(client->NextReport(&report, 5s));
  BOOST_TEST((report.what == What::kAccepted));
  BOOST_TEST(report.request == sent.request);
  BOOST_TEST(client->credits() == ApiServer::kCredits);
  Report(1, MessageReport::What::kDelivered);
  BOOST_REQUIRE(client->NextReport(&report, 5s));
  BOOST_TEST((report.what == What::kDelivered));
}

BOOST_AUTO_TEST_CASE(a_failure_before_acceptance_refuses_and_one_after_is_a_receipt) {
  StartAgent();
  auto client = Attach();
  client->Send("r0c1", Client::Class::kCritical, 7000, "a", 5s);
  client->Send("r0c1", Client::Class::kCritical, 7000, "b", 5s);
  while (Submitted() < 2) {
  }
  Report(1, MessageReport::What::kFailed, "disk full");
  Report(2, MessageReport::What::kAccepted);
  Report(2, MessageReport::What::kFailed, "deadline passed");
  Client::Report report;
  BOOST_REQUIRE(client->NextReport(&report, 5s));
  BOOST_TEST((report.what == What::kRefused));
  BOOST_TEST(report.error == "disk full");
  BOOST_REQUIRE(client->NextReport(&report, 5s));
  BOOST_TEST((report.what == What::kAccepted));
  BOOST_REQUIRE(client->NextReport(&report, 5s));
  BOOST_TEST((report.what == What::kFailed));
  BOOST_TEST(report.error == "deadline passed");
}

BOOST_AUTO_TEST_CASE(telemetry_is_answered_at_once) {
  StartAgent();
  auto client = Attach();
  BOOST_TEST(bool(client->SendAndConfirm("r0c1", Client::Class::kTelemetry, 7000, "t", 5s)));
  BOOST_TEST(Submitted() == 1u);
}

BOOST_AUTO_TEST_CASE(wrong_sends_are_refused_with_a_reason) {
  StartAgent();
  auto client = Attach();
  auto nobody = client->SendAndConfirm("nobody", Client::Class::kTelemetry, 7000, "t", 5s);
  BOOST_TEST((nobody.code == Client::Code::kRefused));
  BOOST_TEST(nobody.error == "no node called nobody is known here");
  std::string large(Client::kPayloadBytesMax + 1, 'x');
  auto too_large = client->Send("r0c1", Client::Class::kTelemetry, 7000, large, 5s);
  BOOST_TEST((too_large.code == Client::Code::kInvalid));
  BOOST_TEST(
      (client->Send("r0c1", Client::Class::kTelemetry, 0, "", 5s).code == Client::Code::kInvalid));
  large.pop_back();
  BOOST_TEST(bool(client->SendAndConfirm("r0c1", Client::Class::kBulk, 7000, large, 5s)));
  BOOST_TEST(Counters().sends_refused == 1u);
}

BOOST_AUTO_TEST_CASE(without_credit_try_send_says_so_and_send_waits_for_an_answer) {
  StartAgent();
  auto client = Attach();
  for (std::uint32_t i = 0; i < ApiServer::kCredits; ++i) {
    BOOST_REQUIRE(client->TrySend("r0c1", Client::Class::kReliable, 7000, "x"));
  }
  auto blocked = client->TrySend("r0c1", Client::Class::kReliable, 7000, "x");
  BOOST_TEST((blocked.code == Client::Code::kWouldBlock));
  auto timed_out = client->Send("r0c1", Client::Class::kReliable, 7000, "x", 20ms);
  BOOST_TEST((timed_out.code == Client::Code::kTimeout));
  while (Submitted() < ApiServer::kCredits) {
  }
  BOOST_TEST(Submitted() == ApiServer::kCredits);
  Report(1, MessageReport::What::kAccepted);
  BOOST_TEST(bool(client->Send("r0c1", Client::Class::kReliable, 7000, "x", 5s)));
}

BOOST_AUTO_TEST_CASE(an_application_that_ignores_its_credits_is_answered_with_an_error) {
  StartAgent();
  RawClient raw(endpoint);
  raw.Hello();
  for (std::uint32_t i = 1; i <= ApiServer::kCredits + 1; ++i) raw.Post(SendMessage(i));
  schema::ApiMessage answer = raw.Next();
  BOOST_TEST(answer.send_result().request() == ApiServer::kCredits + 1);
  BOOST_TEST(answer.send_result().error() == "no credit left: wait for answers");
  BOOST_TEST(Submitted() == ApiServer::kCredits);
}

BOOST_AUTO_TEST_CASE(what_a_full_core_does_not_take_waits_in_order_and_is_not_refused) {
  StartAgent();
  thread->Do([&] { agent->refusal = "queue full: 1024 messages wait"; });
  auto client = Attach();
  for (const char* payload : {"one", "two", "three"}) {
    BOOST_REQUIRE(client->Send("r0c1", Client::Class::kTelemetry, 7000, payload, 5s));
  }
  Client::Report report;
  BOOST_TEST(!client->NextReport(&report, 30ms));
  BOOST_TEST(client->credits() == ApiServer::kCredits - 3);
  thread->Do([&] { agent->refusal.clear(); });
  for (int i = 0; i < 3; ++i) {
    BOOST_REQUIRE(client->NextReport(&report, 5s));
    BOOST_TEST((report.what == What::kAccepted));
  }
  thread->Do([&] {
    BOOST_REQUIRE_EQUAL(agent->submitted.size(), 3u);
    BOOST_TEST(ByteSpan(agent->submitted[0].payload).ToString() == "one");
    BOOST_TEST(ByteSpan(agent->submitted[2].payload).ToString() == "three");
  });
  BOOST_TEST(Counters().sends_waited == 3u);
}

BOOST_AUTO_TEST_CASE(messages_reach_the_application_that_has_the_port) {
  StartAgent();
  auto client = Attach();
  BOOST_REQUIRE(client->Bind(7000));
  Arrive(7000, TrafficClass::kReliable, 5);
  Client::Message message;
  BOOST_REQUIRE(client->Receive(&message, 5s));
  BOOST_TEST(message.from == "r0c1");
  BOOST_TEST(message.from_id == TestId(2).ToHex());
  BOOST_TEST(message.port == 7000);
  BOOST_TEST((message.traffic_class == Client::Class::kReliable));
  BOOST_TEST(message.payload == "xxxxx");
}

BOOST_AUTO_TEST_CASE(a_port_has_one_owner_and_is_free_again_when_the_owner_is_gone) {
  StartAgent();
  auto first = Attach();
  auto second = Attach();
  BOOST_REQUIRE(first->Bind(7000));
  auto refused = second->Bind(7000);
  BOOST_TEST((refused.code == Client::Code::kRefused));
  BOOST_TEST(refused.error.find("another application") != std::string::npos);
  BOOST_TEST((second->Bind(0).code == Client::Code::kInvalid));
  first.reset();
  // ZeroMQ's thread at the agent sees the end a moment later.
  Client::Result again;
  for (int i = 0; i < 1000 && !(again = second->Bind(7000)); ++i) {
  }
  BOOST_TEST(bool(again));
  Arrive(7000, TrafficClass::kTelemetry, 1);
  Client::Message message;
  BOOST_TEST(bool(second->Receive(&message, 5s)));
}

BOOST_AUTO_TEST_CASE(a_slow_receiver_loses_telemetry_counted_but_no_protected_message) {
  StartAgent();
  RawClient raw(endpoint);
  raw.Hello();
  schema::ApiMessage bind;
  bind.mutable_bind()->set_port(7000);
  raw.Post(bind);
  BOOST_TEST(raw.Next().bind_result().error() == "");
  constexpr int kProtected = 100;
  for (int i = 0; i < 6000; ++i) Arrive(7000, TrafficClass::kTelemetry, 20000);
  for (int i = 0; i < kProtected; ++i) Arrive(7000, TrafficClass::kReliable, 100);
  BOOST_TEST(Counters().telemetry_dropped > 0u);
  int telemetry = 0;
  int reliable = 0;
  while (reliable < kProtected) {
    schema::ApiMessage message = raw.Next();
    BOOST_REQUIRE(message.has_received());
    ++(message.received().traffic_class() == schema::RELIABLE ? reliable : telemetry);
  }
  BOOST_TEST(telemetry + static_cast<int>(Counters().telemetry_dropped) == 6000);
  BOOST_TEST(Counters().protected_lost == 0u);
}

BOOST_AUTO_TEST_CASE(
    a_receiver_that_never_reads_is_detached_at_the_bound_and_what_it_lost_counted) {
  StartAgent();
  RawClient raw(endpoint);
  raw.Hello();
  schema::ApiMessage bind;
  bind.mutable_bind()->set_port(7000);
  raw.Post(bind);
  BOOST_TEST(raw.Next().bind_result().error() == "");
  for (int i = 0; i < 6000 && Counters().clients_too_slow == 0; ++i) {
    Arrive(7000, TrafficClass::kReliable, 20000);
  }
  BOOST_TEST(Counters().clients_too_slow == 1u);
  while (thread->Do([&] { return server->clients(); }) > 0) {
  }
  BOOST_TEST(Counters().protected_lost > 0u);
  BOOST_TEST(thread->Do([&] { return agent->handlers.empty(); }));
}

BOOST_AUTO_TEST_CASE(unknown_messages_are_counted_and_answered) {
  StartAgent();
  RawClient raw(endpoint);
  raw.Post(SendMessage(1));
  BOOST_TEST(raw.Next().hello_reply().error() == "not attached: say Hello first");
  raw.Post(std::string("\xff\xff\xff garbage"));
  BOOST_TEST(raw.Next().hello_reply().error() == "not a message of the application API");
  schema::ApiMessage old;
  old.mutable_hello()->set_api_version(9);
  raw.Post(old);
  BOOST_TEST(raw.Next().hello_reply().error().find("version 1") != std::string::npos);
  raw.Hello();
  schema::ApiMessage reply;
  reply.mutable_receipt()->set_request(1);
  raw.Post(reply);
  BOOST_TEST(raw.Next().hello_reply().error() == "not a message an application sends");
  raw.Post("part", true);
  raw.Post("another part");
  BOOST_TEST(raw.Next().hello_reply().error().find("one part") != std::string::npos);
  schema::ApiMessage bind;
  bind.mutable_bind()->set_port(65536);
  raw.Post(bind);
  BOOST_TEST(raw.Next().bind_result().error() == "a port is a number from 1 to 65535");
  BOOST_TEST(Counters().messages_bad == 4u);
}

BOOST_AUTO_TEST_CASE(a_message_over_the_size_bound_ends_its_connection_not_the_agent) {
  StartAgent();
  {
    RawClient raw(endpoint);
    raw.Hello();
    raw.Post(std::string(ApiServer::kMessageBytesMax + 1, 'x'));
  }
  auto client = Attach();
  BOOST_TEST(bool(client->SendAndConfirm("r0c1", Client::Class::kTelemetry, 7000, "t", 5s)));
  BOOST_TEST(Submitted() == 1u);
}

BOOST_AUTO_TEST_CASE(a_peer_that_chose_its_own_routing_id_is_ignored) {
  StartAgent();
  RawClient raw(endpoint, "somebody");
  schema::ApiMessage hello;
  hello.mutable_hello()->set_api_version(1);
  raw.Post(hello);
  while (Counters().messages_bad == 0) {
  }
  BOOST_TEST(thread->Do([&] { return server->clients(); }) == 0u);
}

BOOST_AUTO_TEST_CASE(the_application_beyond_the_bound_is_refused_until_one_goes) {
  StartAgent();
  std::vector<std::unique_ptr<RawClient>> raws;
  for (std::size_t i = 0; i < ApiServer::kClientsMax; ++i) {
    raws.push_back(std::make_unique<RawClient>(endpoint));
    raws.back()->Hello();
  }
  std::string error;
  BOOST_TEST((Client::Connect(endpoint, &error, 5s) == nullptr));
  BOOST_TEST(error.find("too many applications") != std::string::npos);
  raws.pop_back();
  std::unique_ptr<Client> client;
  for (int i = 0; i < 100 && client == nullptr; ++i) client = Client::Connect(endpoint, &error, 5s);
  BOOST_TEST((client != nullptr));
}

BOOST_AUTO_TEST_CASE(events_come_to_those_who_subscribed) {
  StartAgent();
  auto client = Attach();
  auto other = Attach();
  BOOST_REQUIRE(client->Subscribe());
  // The agent works in order: after this answer it has seen the subscription.
  BOOST_REQUIRE(client->SendAndConfirm("r0c1", Client::Class::kTelemetry, 7000, "", 5s));
  thread->Do([&] { agent->Tell("reroute", "left r1c0", {{"link", "l3"}}); });
  Client::Event event;
  BOOST_REQUIRE(client->NextEvent(&event, 5s));
  BOOST_TEST(event.kind == "reroute");
  BOOST_TEST(event.text == "left r1c0");
  BOOST_TEST(event.json == "{\"link\":\"l3\"}");
  BOOST_TEST((other->NextEvent(&event, 20ms).code == Client::Code::kTimeout));
}

BOOST_AUTO_TEST_CASE(a_client_outlives_its_agent_binds_again_and_says_what_is_unknown) {
  StartAgent();
  auto client = Attach();
  BOOST_REQUIRE(client->Bind(7000));
  auto sent = client->Send("r0c1", Client::Class::kReliable, 7000, "x", 5s);
  while (Submitted() == 0) {
  }
  StopAgent();
  Client::Report report;
  BOOST_REQUIRE(client->NextReport(&report, 5s));
  BOOST_TEST((report.what == What::kUnknown));
  BOOST_TEST(report.request == sent.request);
  BOOST_TEST(!client->connected());
  BOOST_TEST((client->TrySend("r0c1", Client::Class::kReliable, 7000, "x").code ==
              Client::Code::kDisconnected));

  StartAgent();
  BOOST_REQUIRE(client->SendAndConfirm("r0c1", Client::Class::kTelemetry, 7000, "y", 10s));
  BOOST_TEST(client->reconnects() == 1u);
  BOOST_TEST(Submitted() == 1u);
  Arrive(7000, TrafficClass::kReliable, 3);
  Client::Message message;
  BOOST_TEST(bool(client->Receive(&message, 5s)));
}

BOOST_AUTO_TEST_CASE(the_endpoint_has_mode_0660_and_is_not_taken_from_a_living_agent) {
  StartAgent();
  struct stat info;
  BOOST_REQUIRE_EQUAL(stat(path.c_str(), &info), 0);
  BOOST_TEST((info.st_mode & 0777) == 0660u);
  FakeAgent other;
  BOOST_TEST(absl::IsAlreadyExists(ApiServer::Create(other, endpoint).status()));
  BOOST_TEST(absl::IsInvalidArgument(ApiServer::Create(other, "tcp://127.0.0.1:1").status()));
  auto client = Attach();
  BOOST_TEST(client->connected());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace selvage
