#define BOOST_TEST_MODULE node_test
#include "selvage/node.h"

#include <stdlib.h>
#include <time.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agents/membership/state_files.h"
#include "agents/runtime/delivery_thread.h"

namespace selvage {
namespace {

using namespace std::chrono_literals;  // NOLINT

struct World {
  World() {
    char name[] = "/tmp/selvage-node-XXXXXX";
    dir = mkdtemp(name);
    BOOST_REQUIRE(CreateNetwork(dir + "/net", "test").ok());
    for (const std::string node : {"a", "b"}) {
      AdmitOptions options;
      options.now = static_cast<WallSeconds>(time(nullptr));
      BOOST_REQUIRE(AdmitNode(dir + "/net", node, dir + "/" + node, options).ok());
    }
  }
  ~World() { std::filesystem::remove_all(dir); }
  std::string Config(const std::string& node, const std::string& listen,
                     const std::string& peer) const {
    return "[node]\nname = \"" + node + "\"\nstate_dir = \"" + dir + "/" + node +
           "\"\n[[link]]\ntransport = \"ethernet\"\nlisten = \"" + listen +
           "\"\npeers = [\"udp://" + peer + "\"]\n";
  }
  std::string dir;
};

// Something that other threads make happen; waiting is bounded.
class Happening {
 public:
  void Set(const std::string& what) {
    const std::lock_guard<std::mutex> lock(mutex_);
    seen_.push_back(what);
    changed_.notify_all();
  }
  bool Wait(const std::string& what, std::chrono::seconds patience = 20s) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, patience, [&] {
      for (const std::string& s : seen_) {
        if (s == what) return true;
      }
      return false;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> seen_;
};

BOOST_AUTO_TEST_CASE(two_nodes_in_one_process_exchange_a_reliable_message) {
  World world;
  auto a = Node::CreateFromText(world.Config("a", "127.0.0.1:47721", "127.0.0.1:47722"));
  auto b = Node::CreateFromText(world.Config("b", "127.0.0.1:47722", "127.0.0.1:47721"));
  BOOST_REQUIRE_MESSAGE(a, a.error);
  BOOST_REQUIRE_MESSAGE(b, b.error);
  Happening happening;
  b.node->OnReceive(7, [&](const Node::Received& r) {
    happening.Set("received " + r.payload + " from " + r.from + " on " + std::to_string(r.port));
  });
  a.node->OnEvent([&](const Node::EventInfo& e) { happening.Set(e.kind); });
  BOOST_TEST(!a.node->GetStatus().running);
  BOOST_TEST(a.node->Start() == "");
  BOOST_TEST(b.node->Start() == "");
  BOOST_TEST(a.node->Start() != "");
  BOOST_REQUIRE(happening.Wait("neighbor-up"));
  // The other's map may come a moment after its link: the report says whether it was there.
  Happening reports;
  for (int i = 0; i < 100; ++i) {
    const std::string error =
        a.node->Send("b", Node::Class::kReliable, 7, "hello", [&](const Node::Report& r) {
          reports.Set(r.what == Node::Report::What::kDelivered ? "delivered" : "other");
        });
    BOOST_TEST(error == "");
    if (reports.Wait("delivered", 1s)) break;
  }
  BOOST_TEST(reports.Wait("delivered", 0s));
  BOOST_TEST(happening.Wait("received hello from a on 7"));

  const Node::Status status = a.node->GetStatus();
  BOOST_TEST(status.running);
  BOOST_TEST(status.node == "a");
  BOOST_TEST(status.network == "test");
  BOOST_REQUIRE(status.neighbors.size() == 1u);
  BOOST_TEST(status.neighbors[0].name == "b");
  BOOST_TEST(status.neighbors[0].state == "up");
  BOOST_TEST(status.nodes_known == 2u);
  BOOST_TEST(status.counters.count("link_frames_sent_total") == 1u);
  a.node->Stop();
  BOOST_TEST(!a.node->GetStatus().running);
  BOOST_TEST(a.node->Send("b", Node::Class::kBulk, 7, "x") == "the node is not running");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_sent_is_said) {
  World world;
  auto a = Node::CreateFromText(world.Config("a", "127.0.0.1:47723", "127.0.0.1:47724"));
  BOOST_REQUIRE_MESSAGE(a, a.error);
  BOOST_TEST(a.node->Send("b", Node::Class::kBulk, 7, "x") == "the node is not running");
  BOOST_TEST(a.node->Start() == "");
  BOOST_TEST(a.node->Send("b", Node::Class::kBulk, 0, "x") != "");
  BOOST_TEST(
      a.node->Send("b", Node::Class::kBulk, 1, std::string(Node::kPayloadBytesMax + 1, 'x')) != "");
  Happening happening;
  BOOST_TEST(a.node->Send("nobody", Node::Class::kReliable, 7, "x",
                          [&](const Node::Report& r) { happening.Set(r.reason); }) == "");
  BOOST_TEST(happening.Wait("unknown node \"nobody\""));
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_is_explained_and_makes_no_node) {
  const auto wrong = Node::CreateFromText("[node]\nname = \"a\"\n");
  BOOST_TEST(!wrong);
  BOOST_TEST(wrong.error.find("needs 'state_dir'") != std::string::npos);
  const auto missing = Node::CreateFromFile("/nonexistent.toml");
  BOOST_TEST(!missing);
  BOOST_TEST(missing.error.find("/nonexistent.toml") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(calls_wait_within_bounds_and_run_in_order) {
  DeliveryThread delivery;
  std::vector<std::size_t> ran;
  for (std::size_t i = 0; i < DeliveryThread::kOptionalMax; ++i) {
    BOOST_TEST_REQUIRE(delivery.Add(false, [&ran, i] { ran.push_back(i); }));
  }
  BOOST_TEST(!delivery.Add(false, [] {}));
  for (std::size_t i = DeliveryThread::kOptionalMax; i < DeliveryThread::kRequiredMax - 1; ++i) {
    BOOST_TEST_REQUIRE(delivery.Add(true, [&ran, i] { ran.push_back(i); }));
  }
  Happening happening;
  BOOST_TEST(delivery.Add(true, [&] { happening.Set("last"); }));
  BOOST_TEST(!delivery.Add(true, [] {}));
  BOOST_TEST(delivery.dropped() == 2u);
  BOOST_REQUIRE(delivery.Start());
  BOOST_REQUIRE(happening.Wait("last"));
  BOOST_REQUIRE(ran.size() == DeliveryThread::kRequiredMax - 1);
  for (std::size_t i = 0; i < ran.size(); ++i) BOOST_TEST_REQUIRE(ran[i] == i);
}

}  // namespace
}  // namespace selvage
