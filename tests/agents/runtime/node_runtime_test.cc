#define BOOST_TEST_MODULE node_runtime_test
#include "agents/runtime/node_runtime.h"

#include <stdlib.h>
#include <time.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "agents/membership/state_files.h"
#include "tests/faulty_store.h"

namespace selvage {
namespace {

namespace fs = std::filesystem;

// A link that keeps what is sent, and lets a test report what it likes.
class RecordingLink final : public Transport {
 public:
  RecordingLink(LinkId id, LinkListener& listener) : id(id), listener(listener) {}
  absl::Status Start() override {
    started = true;
    LinkInfo info;
    info.name = "test";
    info.transport = "test";
    listener.OnLinkUp(id, info);
    return start_status;
  }
  void Send(const PeerAddress&, ByteSpan frame) override {
    frames.push_back(frame.ToBytes());
    ++counters_.frames_sent;
  }
  void Flush() override { ++flushes; }
  const TransportCounters& counters() const override { return counters_; }

  const LinkId id;
  LinkListener& listener;
  absl::Status start_status;
  std::vector<Bytes> frames;
  int flushes = 0;
  bool started = false;

 private:
  TransportCounters counters_;
};

// A network of two admitted nodes, a and b, in a directory of its own.
struct World {
  World() {
    char name[] = "/tmp/selvage-runtime-XXXXXX";
    dir = mkdtemp(name);
    BOOST_REQUIRE(CreateNetwork(dir + "/net", "test").ok());
    for (const std::string node : {"a", "b"}) {
      AdmitOptions options;
      options.now = static_cast<WallSeconds>(time(nullptr));
      BOOST_REQUIRE(AdmitNode(dir + "/net", node, dir + "/" + node, options).ok());
    }
  }
  ~World() { fs::remove_all(dir); }

  AgentConfig Config(const std::string& node) const {
    AgentConfig config;
    config.node_name = node;
    config.state_dir = dir + "/" + node;
    return config;
  }
  NodeRuntime::Parts Parts() {
    NodeRuntime::Parts parts;
    parts.make_link = [this](const LinkConfig&, LinkId id, Reactor&,
                             LinkListener& listener) -> absl::StatusOr<std::unique_ptr<Transport>> {
      auto made = std::make_unique<RecordingLink>(id, listener);
      link = made.get();
      return std::unique_ptr<Transport>(std::move(made));
    };
    return parts;
  }

  std::string dir;
  RecordingLink* link = nullptr;  // the last one made
};

std::unique_ptr<NodeRuntime> MustCreate(AgentConfig config, NodeRuntime::Parts parts = {}) {
  auto runtime = NodeRuntime::Create(std::move(config), std::move(parts));
  BOOST_REQUIRE_MESSAGE(runtime.ok(), runtime.status().ToString());
  return std::move(*runtime);
}

BOOST_AUTO_TEST_CASE(a_restart_has_the_same_identity_and_a_higher_epoch) {
  World world;
  Epoch first;
  NodeId id;
  {
    const auto runtime = MustCreate(world.Config("a"));
    first = runtime->epoch();
    id = runtime->core().identity().certificate.id;
    BOOST_TEST(first.value > 0u);
  }
  const auto runtime = MustCreate(world.Config("a"));
  BOOST_TEST(runtime->epoch().value == first.value + 1);
  BOOST_TEST((runtime->core().identity().certificate.id == id));
}

BOOST_AUTO_TEST_CASE(what_the_model_has_learnt_survives_an_orderly_end) {
  World world;
  for (const std::uint64_t restored : {0u, 1u}) {
    const auto runtime = MustCreate(world.Config("a"));
    NodeCore& core = runtime->core();
    const Time later = runtime->now() + 2s;
    MachineReading reading;
    reading.cpu = 0.2F;
    core.OnMachine(later, reading);
    core.OnTimeout(later);
    BOOST_TEST(core.Counters().at("model_samples_total") == 1u);
    BOOST_TEST(core.Counters().at("model_states_restored_total") == restored);
  }
}

BOOST_AUTO_TEST_CASE(an_epoch_goes_on_also_when_the_store_was_lost) {
  World world;
  Epoch first;
  {
    const auto runtime = MustCreate(world.Config("a"));
    first = runtime->epoch();
  }
  fs::remove_all(world.dir + "/a/store");
  const auto runtime = MustCreate(world.Config("a"));
  BOOST_TEST(runtime->epoch().value >= first.value);
}

BOOST_AUTO_TEST_CASE(a_node_that_is_not_admitted_is_told_how) {
  World world;
  AgentConfig config = world.Config("a");
  config.state_dir = world.dir + "/nobody";
  const auto runtime = NodeRuntime::Create(config);
  BOOST_TEST((runtime.status().code() == absl::StatusCode::kNotFound));
  BOOST_TEST(runtime.status().message().find("selvage network admit") != absl::string_view::npos);
}

BOOST_AUTO_TEST_CASE(a_certificate_of_another_name_is_refused) {
  World world;
  AgentConfig config = world.Config("a");
  config.node_name = "b";
  const auto runtime = NodeRuntime::Create(config);
  BOOST_TEST((runtime.status().code() == absl::StatusCode::kFailedPrecondition));
  BOOST_TEST(runtime.status().message().find("is for node \"a\"") != absl::string_view::npos);
}

BOOST_AUTO_TEST_CASE(a_state_directory_in_use_is_refused) {
  World world;
  const auto runtime = MustCreate(world.Config("a"));
  const auto second = NodeRuntime::Create(world.Config("a"));
  BOOST_TEST((second.status().code() == absl::StatusCode::kUnavailable));
  BOOST_TEST(second.status().message().find("another agent") != absl::string_view::npos);
}

BOOST_AUTO_TEST_CASE(an_unknown_transport_is_refused_with_its_section) {
  World world;
  AgentConfig config = world.Config("a");
  config.links.push_back({"telepathy", "eth0", "", {}});
  const auto runtime = MustCreate(config);
  const absl::Status s = runtime->Start();
  BOOST_TEST(s.message().find("[[link]] number 1 (telepathy, interface eth0)") == 0u, s.ToString());
  BOOST_TEST(s.message().find("ethernet") != absl::string_view::npos);
}

BOOST_AUTO_TEST_CASE(a_link_that_comes_up_is_told_and_gets_frames_with_one_flush) {
  World world;
  AgentConfig config = world.Config("a");
  config.links.push_back({"test", "x", "", {}});
  const auto runtime = MustCreate(config, world.Parts());
  std::vector<std::string> kinds;
  const auto number = runtime->AddEventListener([&](const Event& e) { kinds.push_back(e.kind); });
  BOOST_TEST(number != 0u);
  BOOST_REQUIRE(runtime->Start().ok());
  BOOST_TEST(world.link->started);
  // The core greets the link at its first deadline.
  for (int i = 0; i < 100 && world.link->frames.empty(); ++i) runtime->RunOnce();
  BOOST_TEST(!world.link->frames.empty());
  BOOST_TEST(world.link->flushes >= 1);
  BOOST_TEST(world.link->flushes <= static_cast<int>(world.link->frames.size()));
  BOOST_REQUIRE(!kinds.empty());
  BOOST_TEST(kinds[0] == "link-up");
  world.link->listener.OnLinkDown(world.link->id, "cable pulled");
  const auto events = runtime->Events(0, 100);
  BOOST_REQUIRE(events.size() >= 2u);
  BOOST_TEST(events.back().kind == "link-down");
  BOOST_TEST(events.back().fields.at("reason") == "cable pulled");
  for (std::size_t i = 0; i < events.size(); ++i) BOOST_TEST(events[i].number == i + 1);
  BOOST_TEST(runtime->Events(events.back().number, 10).empty());
  BOOST_TEST(runtime->Events(1, 1).size() == 1u);
  BOOST_TEST(runtime->Counters().at("link_frames_sent_total") == world.link->frames.size());
}

BOOST_AUTO_TEST_CASE(random_bytes_from_a_link_are_survived) {
  World world;
  AgentConfig config = world.Config("a");
  config.links.push_back({"test", "x", "", {}});
  const auto runtime = MustCreate(config, world.Parts());
  BOOST_REQUIRE(runtime->Start().ok());
  const auto crypto = NewSodiumCrypto();
  for (std::size_t i = 0; i < 2000; ++i) {
    Bytes frame(i % 1500);
    crypto->RandomBytes(frame);
    world.link->listener.OnFrame(world.link->id, PeerAddress::From(frame), frame);
  }
  BOOST_TEST(runtime->core().Neighbors(runtime->now()).empty());
}

BOOST_AUTO_TEST_CASE(posted_functions_run_on_the_thread_and_are_bounded) {
  World world;
  const auto runtime = MustCreate(world.Config("a"));
  BOOST_REQUIRE(runtime->Start().ok());
  std::size_t ran = 0;
  std::size_t taken = 0;
  std::thread poster([&] {
    while (taken < 2 * NodeRuntime::kPostedMax && runtime->Post([&ran] { ++ran; })) ++taken;
  });
  poster.join();
  BOOST_TEST(taken == NodeRuntime::kPostedMax);
  for (int i = 0; i < 10 && ran < taken; ++i) runtime->RunOnce();
  BOOST_TEST(ran == taken);
  BOOST_TEST(runtime->Post([] {}));
}

BOOST_AUTO_TEST_CASE(ports_have_one_owner_and_port_0_has_none) {
  World world;
  const auto runtime = MustCreate(world.Config("a"));
  BOOST_TEST(!runtime->SetDeliverHandler(0, [](const Deliver&) {}));
  BOOST_TEST(runtime->SetDeliverHandler(7, [](const Deliver&) {}));
  BOOST_TEST(!runtime->SetDeliverHandler(7, [](const Deliver&) {}));
  BOOST_TEST(runtime->SetDeliverHandler(7, nullptr));
  BOOST_TEST(runtime->SetDeliverHandler(7, [](const Deliver&) {}));
  for (std::size_t port = 100; port < 100 + NodeRuntime::kPortsMax - 1; ++port) {
    BOOST_TEST_REQUIRE(
        runtime->SetDeliverHandler(static_cast<std::uint16_t>(port), [](const Deliver&) {}));
  }
  BOOST_TEST(!runtime->SetDeliverHandler(60000, [](const Deliver&) {}));
  Message message;
  std::string reason;
  BOOST_TEST(runtime->Submit(message, &reason) == 0u);
  BOOST_TEST(reason == "port 0 belongs to TUN");
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_messages_says_so_and_recovers) {
  World world;
  auto faulty = std::make_unique<FaultyStore>(NewMemoryStore());
  FaultyStore* const disk = faulty.get();
  AgentConfig config_a = world.Config("a");
  AgentConfig config_b = world.Config("b");
  config_a.links.push_back({"ethernet", "", "127.0.0.1:47711", {"udp://127.0.0.1:47712"}});
  config_b.links.push_back({"ethernet", "", "127.0.0.1:47712", {"udp://127.0.0.1:47711"}});
  NodeRuntime::Parts parts;
  parts.store = std::move(faulty);
  const auto a = MustCreate(config_a, std::move(parts));
  const auto b = MustCreate(config_b);
  BOOST_REQUIRE(a->Start().ok());
  BOOST_REQUIRE(b->Start().ok());
  std::vector<MessageReport> reports;
  a->AddReportListener([&](const MessageReport& r) { reports.push_back(r); });
  // Both loops on this thread in turn; what is posted keeps a turn from waiting.
  auto run_until = [&](const std::function<bool()>& done) {
    const Time patience = a->reactor().ReadClock() + 20s;
    while (!done() && a->reactor().ReadClock() < patience) {
      a->Post([] {});
      b->Post([] {});
      a->RunOnce();
      b->RunOnce();
    }
    return done();
  };
  Message message;
  message.to = b->core().identity().certificate.id;
  message.traffic_class = TrafficClass::kReliable;
  message.port = 7;
  std::string reason;
  BOOST_REQUIRE(run_until([&] { return a->core().FindNode("b").has_value(); }));
  disk->SetFull(true);
  BOOST_REQUIRE(a->Submit(message, &reason) != 0u);
  BOOST_REQUIRE(run_until([&] { return !reports.empty(); }));
  BOOST_TEST((reports[0].what == MessageReport::What::kFailed));
  BOOST_TEST(reports[0].reason.find("make room") != std::string::npos, reports[0].reason);
  BOOST_TEST(a->Submit(message, &reason) == 0u);
  BOOST_TEST(reason.find("make room") != std::string::npos, reason);
  BOOST_TEST(!a->core().store_failure().empty());
  BOOST_TEST((a->core().Neighbors(a->now()).at(0).state == NeighborState::kUp));
  disk->SetFull(false);
  BOOST_REQUIRE(run_until([&] { return a->core().store_failure().empty(); }));
  BOOST_TEST(a->Submit(message, &reason) != 0u);
  BOOST_REQUIRE(run_until([&] { return reports.size() >= 3; }));
  BOOST_TEST((reports[1].what == MessageReport::What::kAccepted));
  BOOST_TEST((reports[2].what == MessageReport::What::kDelivered));
  std::vector<std::string> kinds;
  for (const Event& e : a->Events(0, 1000)) {
    if (e.kind.rfind("store-", 0) == 0) kinds.push_back(e.kind);
  }
  BOOST_TEST(kinds == (std::vector<std::string>{"store-failed", "store-recovered"}));
}

// Two whole nodes on the loopback interface, each with its thread.
BOOST_AUTO_TEST_CASE(two_nodes_find_each_other_and_a_message_arrives_and_is_acknowledged) {
  World world;
  AgentConfig config_a = world.Config("a");
  AgentConfig config_b = world.Config("b");
  config_a.links.push_back({"ethernet", "", "127.0.0.1:47701", {"udp://127.0.0.1:47702"}});
  config_b.links.push_back({"ethernet", "", "127.0.0.1:47702", {"udp://127.0.0.1:47701"}});
  const auto a = MustCreate(config_a);
  const auto b = MustCreate(config_b);
  BOOST_REQUIRE_MESSAGE(a->Start().ok(), "start a");
  BOOST_REQUIRE_MESSAGE(b->Start().ok(), "start b");

  std::atomic<bool> received{false};
  std::atomic<bool> accepted{false};
  std::atomic<bool> delivered{false};
  b->SetDeliverHandler(
      7, [&](const Deliver& d) { received = ByteSpan(d.payload) == ByteSpan::Of("hi"); });
  a->AddReportListener([&](const MessageReport& r) {
    if (r.what == MessageReport::What::kAccepted) accepted = true;
    if (r.what == MessageReport::What::kDelivered) {
      delivered = true;
      a->Stop();
    }
  });
  const NodeId to = b->core().identity().certificate.id;
  bool submitted = false;
  std::thread thread_b([&] { b->Run(); });
  std::thread watchdog([&] {
    for (int i = 0; i < 200 && !delivered; ++i) {
      a->Post([&] {
        Message message;
        message.to = to;
        message.traffic_class = TrafficClass::kReliable;
        message.port = 7;
        message.payload = ByteSpan::Of("hi").ToBytes();
        std::string reason;
        if (!submitted) submitted = a->Submit(std::move(message), &reason) != 0;
      });
      const timespec pause{0, 50000000};
      nanosleep(&pause, nullptr);
    }
    a->Stop();
  });
  a->Run();
  watchdog.join();
  b->Stop();
  thread_b.join();
  BOOST_TEST(accepted);
  BOOST_TEST(received);
  BOOST_TEST(delivered);
  BOOST_TEST(a->core().Neighbors(a->now()).size() == 1u);
}

}  // namespace
}  // namespace selvage
