#define BOOST_TEST_MODULE node_store_test
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/agents/node/mesh.h"
#include "tests/faulty_store.h"

namespace selvage {
namespace {

Bytes Number(std::uint32_t n) {
  Bytes b(40);
  ByteWriter w(b);
  w.U32(n);
  return b;
}

struct DiamondWithDisks {
  explicit DiamondWithDisks(std::uint64_t seed) : mesh(seed) {
    BuildDiamond(&mesh);
    for (auto& n : mesh.nodes()) {
      auto store = std::make_unique<FaultyStore>(std::move(n->store));
      disks[n->name] = store.get();
      n->store = std::move(store);
    }
    mesh.StartAll();
    mesh.Run(1s);
  }
  // What became of the messages that `s` sent to `d`.
  struct Outcome {
    std::set<std::uint64_t> accepted, failed, delivered;
    std::map<std::uint32_t, int> arrived;
  };
  Outcome Look() {
    Outcome o;
    for (const MessageReport& r : mesh.Find("s").reports) {
      if (r.what == MessageReport::What::kAccepted) o.accepted.insert(r.message);
      if (r.what == MessageReport::What::kFailed) o.failed.insert(r.message);
      if (r.what == MessageReport::What::kDelivered) o.delivered.insert(r.message);
    }
    for (const Delivered& d : mesh.Find("d").delivered) {
      ByteReader in(d.what.payload);
      ++o.arrived[in.U32()];
    }
    return o;
  }

  Mesh mesh;
  std::map<std::string, FaultyStore*> disks;
};

// 300 messages in 30 s; every node's disk fails each k-th write.
BOOST_AUTO_TEST_CASE(with_every_kth_write_failing_what_was_accepted_arrives_once) {
  for (const int k : {1, 2, 3, 5, 8, 13}) {
    DiamondWithDisks world(40 + static_cast<std::uint64_t>(k));
    Mesh& mesh = world.mesh;
    for (auto& [name, disk] : world.disks) disk->FailEvery(k);
    std::map<std::uint64_t, std::uint32_t> taken;  // number -> what was in it
    std::size_t refused = 0;
    for (std::uint32_t i = 0; i < 300; ++i) {
      std::string reason;
      const std::uint64_t number = mesh.Send("s", "d", TrafficClass::kReliable, Number(i), &reason);
      if (number != 0) {
        taken[number] = i;
      } else {
        ++refused;
        BOOST_TEST(reason.find("cannot be stored: ") == 0u, reason);
      }
      mesh.Run(100ms);
    }
    mesh.Run(60s);
    const auto o = world.Look();
    BOOST_TEST_CONTEXT("k = " << k) {
      BOOST_TEST(world.disks["s"]->failed() > 0);
      BOOST_TEST(refused > 0);
      BOOST_TEST((k == 1) == o.accepted.empty());
      for (const auto& [number, what] : taken) {
        const bool accepted = o.accepted.count(number) != 0;
        BOOST_TEST(accepted != (o.failed.count(number) != 0));  // the sender always knows
        BOOST_TEST(o.delivered.count(number) == (accepted ? 1u : 0u));
        const auto arrived = o.arrived.find(what);
        BOOST_TEST((arrived == o.arrived.end() ? 0 : arrived->second) == (accepted ? 1 : 0));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(with_a_full_disk_a_node_refuses_its_applications_and_routes_on) {
  DiamondWithDisks world(50);
  Mesh& mesh = world.mesh;
  world.disks["s"]->SetFull(true);
  const std::uint64_t first = mesh.Send("s", "d", TrafficClass::kReliable, Number(1));
  BOOST_TEST(first > 0);  // the disk has not been asked yet
  auto o = world.Look();
  BOOST_TEST(o.failed == std::set<std::uint64_t>{first});
  BOOST_TEST(mesh.Find("s").core->store_failure().find("make room") != std::string::npos);
  BOOST_TEST(mesh.Find("s").reports.back().reason.find("make room") != std::string::npos);
  std::string reason;
  BOOST_TEST(mesh.Send("s", "d", TrafficClass::kCritical, Number(2), &reason) == 0u);
  BOOST_TEST(reason.find("make room") != std::string::npos, reason);
  // Best effort needs no disk, and what others send through here goes on.
  BOOST_TEST(mesh.Send("s", "d", TrafficClass::kTelemetry, Number(3), &reason) > 0u, reason);
  BOOST_TEST(mesh.Send("a1", "b1", TrafficClass::kReliable, Number(4), &reason) > 0u, reason);
  mesh.Run(5s);
  BOOST_TEST(world.Look().arrived == (std::map<std::uint32_t, int>{{3, 1}}));
  BOOST_TEST(mesh.Find("b1").delivered.size() == 1u);
  world.disks["s"]->SetFull(false);
  mesh.Run(2s);
  BOOST_TEST(mesh.Find("s").core->store_failure().empty());
  BOOST_TEST(mesh.Send("s", "d", TrafficClass::kReliable, Number(5), &reason) > 0u, reason);
  mesh.Run(2s);
  o = world.Look();
  BOOST_TEST(o.arrived == (std::map<std::uint32_t, int>{{3, 1}, {5, 1}}));
  BOOST_TEST(mesh.Find("s").core->outbox_messages() == 0u);
}

BOOST_AUTO_TEST_CASE(a_destination_with_a_full_disk_hands_up_once_and_receipts_when_it_can) {
  DiamondWithDisks world(51);
  Mesh& mesh = world.mesh;
  world.disks["d"]->SetFull(true);
  for (std::uint32_t i = 0; i < 20; ++i) mesh.Send("s", "d", TrafficClass::kReliable, Number(i));
  mesh.Run(30s);
  auto o = world.Look();
  BOOST_TEST(o.delivered.empty());
  BOOST_TEST(mesh.Find("s").core->outbox_messages() == 20u);
  world.disks["d"]->SetFull(false);
  mesh.Run(30s);
  o = world.Look();
  BOOST_TEST(o.delivered.size() == 20u);
  BOOST_TEST(o.arrived.size() == 20u);
  for (const auto& [what, times] : o.arrived) BOOST_TEST(times == 1);
  // Nothing of it comes again after a restart from that disk.
  mesh.Kill("d");
  mesh.Start("d");
  mesh.Run(5s);
  BOOST_TEST(mesh.Find("d").delivered.size() == 20u);
}

BOOST_AUTO_TEST_CASE(what_was_refused_is_not_in_the_outbox_of_the_next_life) {
  DiamondWithDisks world(52);
  Mesh& mesh = world.mesh;
  world.disks["s"]->SetFull(true);
  mesh.Send("s", "d", TrafficClass::kReliable, Number(1));
  world.disks["s"]->SetFull(false);
  mesh.Run(2s);
  mesh.Kill("s");
  mesh.Start("s");
  BOOST_TEST(mesh.Find("s").core->outbox_messages() == 0u);
  mesh.Run(5s);
  BOOST_TEST(mesh.Find("d").delivered.empty());
}

}  // namespace
}  // namespace selvage
