// Partition and merge, carriers between islands, many nodes gone or restarted at once.
#define BOOST_TEST_MODULE partition_test
#include <boost/test/unit_test.hpp>
#include <set>

#include "core/random.h"
#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

constexpr std::uint16_t kReliablePort = 7;
constexpr std::uint16_t kCriticalPort = 8;

// Numbered messages between pairs of nodes, and what became of them.
struct Traffic {
  Mesh* mesh;
  std::map<std::pair<std::string, std::uint16_t>, std::uint32_t> sent;  // (sender, port) -> count

  void Send(const std::string& from, const std::string& to, TrafficClass c, Duration deadline) {
    Mesh::Node& n = mesh->Find(from);
    const std::uint16_t port = c == TrafficClass::kCritical ? kCriticalPort : kReliablePort;
    std::uint32_t& number = sent[{from, port}];
    Bytes payload(64);
    ByteWriter w(payload);
    w.U32(number);
    std::string reason;
    const Message m{mesh->Find(to).identity.certificate.id, c, port, payload, deadline};
    BOOST_TEST_REQUIRE(n.core->Submit(mesh->now(), m, &reason) > 0u, from << ": " << reason);
    ++number;
    mesh->Drain(n);
  }
  // How many of `from`'s messages have arrived at `to`; all of them once, critical ones in order.
  std::size_t Arrived(const std::string& from, const std::string& to, std::uint16_t port) const {
    const NodeId origin = mesh->Find(from).identity.certificate.id;
    std::set<std::uint32_t> seen;
    std::uint32_t next = 0;
    for (const Delivered& d : mesh->Find(to).delivered) {
      if (d.what.from != origin || d.what.port != port) continue;
      ByteReader in(d.what.payload);
      const std::uint32_t number = in.U32();
      BOOST_TEST_REQUIRE(seen.insert(number).second, "twice: " << number);
      if (port == kCriticalPort) BOOST_TEST_REQUIRE(number == next++);
    }
    return seen.size();
  }
  std::size_t Reported(const std::string& from, MessageReport::What what) const {
    std::size_t n = 0;
    for (const MessageReport& r : mesh->Find(from).reports) n += r.what == what;
    return n;
  }
};

// Everybody knows everybody's certificate; then the links in `cut` are gone for long enough that
// everybody has noticed.
void MeetAndPart(Mesh* mesh, const std::vector<std::pair<std::string, std::string>>& cut) {
  mesh->StartAll();
  mesh->Run(40s);
  for (const auto& [a, b] : cut) mesh->CutBoth(a, b);
  mesh->Run(60s);
}

BOOST_AUTO_TEST_CASE(packets_across_a_partition_do_not_search_this_side_all_the_time) {
  // Two rings of four, joined by two links.
  Mesh mesh(67);
  for (const char* n : {"a1", "a2", "a3", "a4", "b1", "b2", "b3", "b4"}) mesh.Add(n);
  for (const std::string side : {"a", "b"}) {
    for (int i = 1; i <= 4; ++i) {
      mesh.Join(side + std::to_string(i), side + std::to_string(i % 4 + 1));
    }
  }
  mesh.Join("a1", "b1");
  mesh.Join("a3", "b3");
  mesh.StartAll();
  mesh.Run(2s);
  std::uint32_t sent = 0;
  std::function<void()> next = [&] {
    Bytes payload(64);
    ByteWriter w(payload);
    w.U32(sent++);
    mesh.Send("a2", "b2", TrafficClass::kTelemetry, payload, nullptr, 7);
    mesh.At(20ms, next);
  };
  next();
  mesh.Run(1s);
  BOOST_TEST(mesh.Find("b2").delivered.size() >= 49u);
  mesh.CutBoth("a1", "b1");
  mesh.CutBoth("a3", "b3");
  mesh.Run(4s);
  auto forwarded = [&] {
    std::uint64_t sum = 0;
    for (const char* n : {"a1", "a3", "a4"}) sum += mesh.Counter(n, "frames_forwarded_total");
    return sum;
  };
  const std::uint64_t before = forwarded();
  const std::uint32_t sent_before = sent;
  mesh.Run(10s);
  // Ten looks of at most twice each link, instead of 500.
  BOOST_TEST(sent - sent_before >= 499u);
  BOOST_TEST(forwarded() - before <= 11u * 8);
  BOOST_TEST(forwarded() - before >= 9u);
  BOOST_TEST(mesh.Counter("a2", "frames_dropped_unreachable_total") >= 480u);
  mesh.Restore("a1", "b1");
  const std::size_t arrived = mesh.Find("b2").delivered.size();
  mesh.Run(1s);
  BOOST_TEST(mesh.Find("b2").delivered.size() > arrived);
  const std::size_t again = mesh.Find("b2").delivered.size();
  mesh.Run(1s);
  BOOST_TEST(mesh.Find("b2").delivered.size() - again >= 49u);
}

BOOST_AUTO_TEST_CASE(a_mule_carries_messages_and_receipts_between_ends_that_never_meet) {
  for (const bool restarts : {false, true}) {
    Mesh mesh(61);
    for (const char* n : {"a", "m", "b"}) mesh.Add(n);
    mesh.Join("a", "m");
    mesh.Join("m", "b");
    MeetAndPart(&mesh, {{"a", "m"}, {"m", "b"}});
    Traffic t{&mesh, {}};
    for (int i = 0; i < 200; ++i) {
      t.Send("a", "b", TrafficClass::kReliable, Duration(0));
      t.Send("a", "b", TrafficClass::kCritical, 1h);
    }
    mesh.Run(10s);
    mesh.Restore("a", "m");
    mesh.Run(20s);
    BOOST_TEST(mesh.Find("m").core->carried_messages() == 400u);
    mesh.CutBoth("a", "m");
    mesh.Run(60s);
    if (restarts) {
      mesh.Kill("m");
      mesh.Run(10s);
      mesh.Start("m");
      mesh.Run(5s);
      BOOST_TEST(mesh.Find("m").core->carried_messages() == 400u);
    }
    mesh.Restore("m", "b");
    mesh.Run(30s);
    BOOST_TEST(t.Arrived("a", "b", kReliablePort) == 200u);
    BOOST_TEST(t.Arrived("a", "b", kCriticalPort) == 200u);
    mesh.CutBoth("m", "b");
    mesh.Run(60s);
    BOOST_TEST(t.Reported("a", MessageReport::What::kDelivered) == 0u);
    mesh.Restore("a", "m");
    mesh.Run(20s);
    BOOST_TEST(t.Reported("a", MessageReport::What::kDelivered) == 400u);
    BOOST_TEST(t.Reported("a", MessageReport::What::kFailed) == 0u);
    BOOST_TEST(mesh.Find("a").core->outbox_messages() == 0u);
    BOOST_TEST(mesh.Find("m").core->carried_messages() == 0u);
  }
}

// a1 - a2   and   b1 - b2; the ferry docks at a2 and then at b1.
BOOST_AUTO_TEST_CASE(a_ferry_between_two_islands_serves_nodes_it_does_not_touch) {
  Mesh mesh(62);
  for (const char* n : {"a1", "a2", "f", "b1", "b2"}) mesh.Add(n);
  mesh.Join("a1", "a2");
  mesh.Join("a2", "f");
  mesh.Join("f", "b1");
  mesh.Join("b1", "b2");
  MeetAndPart(&mesh, {{"a2", "f"}, {"f", "b1"}});
  Traffic t{&mesh, {}};
  for (int i = 0; i < 100; ++i) {
    t.Send("a1", "b2", TrafficClass::kReliable, Duration(0));
    t.Send("b2", "a1", TrafficClass::kReliable, Duration(0));
  }
  mesh.Run(20s);
  for (int round = 0; round < 2; ++round) {
    mesh.Restore("a2", "f");
    mesh.Run(30s);
    mesh.CutBoth("a2", "f");
    mesh.Run(60s);
    mesh.Restore("f", "b1");
    mesh.Run(30s);
    mesh.CutBoth("f", "b1");
    mesh.Run(60s);
  }
  mesh.Restore("a2", "f");
  mesh.Run(30s);
  BOOST_TEST(t.Arrived("a1", "b2", kReliablePort) == 100u);
  BOOST_TEST(t.Arrived("b2", "a1", kReliablePort) == 100u);
  BOOST_TEST(t.Reported("a1", MessageReport::What::kDelivered) == 100u);
  BOOST_TEST(mesh.Find("a1").core->outbox_messages() == 0u);
}

// The origin is gone for good before the gap closes.
BOOST_AUTO_TEST_CASE(what_an_origin_left_with_its_neighbour_arrives_without_it) {
  Mesh mesh(63);
  for (const char* n : {"a", "r", "b"}) mesh.Add(n);
  mesh.Join("a", "r");
  mesh.Join("r", "b");
  MeetAndPart(&mesh, {{"r", "b"}});
  Traffic t{&mesh, {}};
  for (int i = 0; i < 50; ++i) t.Send("a", "b", TrafficClass::kReliable, Duration(0));
  mesh.Run(15s);
  mesh.Kill("a");
  mesh.Run(60s);
  mesh.Restore("r", "b");
  mesh.Run(20s);
  BOOST_TEST(t.Arrived("a", "b", kReliablePort) == 50u);
}

// a1 - a2 - a3 | b1 - b2 - b3: ten minutes apart, 10,000 messages, the sender a1 and the relay b1
// die and come back from their disks in the middle.
BOOST_AUTO_TEST_CASE(after_ten_minutes_apart_all_of_10000_messages_arrive_once_and_in_order) {
  Mesh mesh(64);
  for (const char* n : {"a1", "a2", "a3", "b1", "b2", "b3"}) mesh.Add(n);
  for (auto [a, b] :
       {std::pair{"a1", "a2"}, {"a2", "a3"}, {"a3", "b1"}, {"b1", "b2"}, {"b2", "b3"}}) {
    mesh.Join(a, b);
  }
  mesh.StartAll();
  mesh.Run(5s);
  mesh.CutBoth("a3", "b1");
  Traffic t{&mesh, {}};
  const auto begun = mesh.now();
  for (int i = 0; i < 2500; ++i) {
    mesh.Run(230ms);
    if (i == 1200) mesh.Kill("b1");
    if (i == 1250) {
      mesh.Kill("a1");
      mesh.Run(10s);
      mesh.Start("a1");
      mesh.Start("b1");
      mesh.Run(5s);
    }
    for (auto [from, to] : {std::pair{"a1", "b3"}, {"b3", "a1"}}) {
      t.Send(from, to, TrafficClass::kReliable, Duration(0));
      t.Send(from, to, TrafficClass::kCritical, 1h);
    }
  }
  mesh.Run(begun + 600s - mesh.now());
  BOOST_TEST(t.Arrived("a1", "b3", kReliablePort) == 0u);
  BOOST_TEST(mesh.Find("a1").core->outbox_messages() == 5000u);
  const std::uint64_t frames = mesh.Counter("a3", "data_frames_sent_total");
  mesh.Restore("a3", "b1");
  int seconds = 0;
  auto all = [&] {
    std::size_t n = 0;
    for (const std::uint16_t port : {kReliablePort, kCriticalPort}) {
      n += t.Arrived("a1", "b3", port) + t.Arrived("b3", "a1", port);
    }
    return n;
  };
  for (; seconds < 120 && all() < 10000; ++seconds) mesh.Run(1s);
  BOOST_TEST_MESSAGE("drained in " << seconds << " s");
  BOOST_TEST(all() == 10000u);
  BOOST_TEST(seconds <= 60);
  mesh.Run(90s);  // carriers find out, too: Custody::kOriginFirst and a few tries
  BOOST_TEST(all() == 10000u);  // nothing came twice afterwards
  for (const char* n : {"a1", "b3"}) {
    BOOST_TEST(mesh.Find(n).core->outbox_messages() == 0u);
    BOOST_TEST(t.Reported(n, MessageReport::What::kDelivered) == 5000u);
    BOOST_TEST(t.Reported(n, MessageReport::What::kFailed) == 0u);
  }
  for (const auto& n : mesh.nodes()) BOOST_TEST(n->core->carried_messages() == 0u);
  // No storm: through the middle go each way the messages, receipts for many at once, and a few
  // that were sent again.
  const std::uint64_t through = mesh.Counter("a3", "data_frames_sent_total") - frames;
  BOOST_TEST_MESSAGE("frames sent by a3 since the merge: " << through);
  BOOST_TEST(through < 3u * 10000u);
}

// ---- the mesh itself

struct Grid {
  static constexpr int kSide = 6;
  explicit Grid(std::uint64_t seed) : mesh(seed) {
    for (int i = 0; i < kSide * kSide; ++i) mesh.Add(Name(i));
    for (int r = 0; r < kSide; ++r) {
      for (int c = 0; c < kSide; ++c) {
        const int i = r * kSide + c;
        if (c + 1 < kSide) mesh.Join(Name(i), Name(i + 1));
        if (r + 1 < kSide) mesh.Join(Name(i), Name(i + kSide));
      }
    }
  }
  static std::string Name(int i) { return "n" + std::to_string(i); }
  // Every living node has a path to every other; how many pairs have none.
  int PairsWithoutPath() {
    int without = 0;
    for (auto& a : mesh.nodes()) {
      for (auto& b : mesh.nodes()) {
        if (a == b || a->core == nullptr || b->core == nullptr) continue;
        const auto path = a->core->Path(mesh.now(), b->identity.certificate.id,
                                        TrafficClass::kTelemetry);
        bool alive = !path.empty();
        for (const std::string& n : path) alive = alive && mesh.Find(n).core != nullptr;
        without += !alive;
      }
    }
    return without;
  }
  // Seconds until everybody reaches everybody, -1 when not within `patience` seconds.
  int Converge(int patience) {
    for (int s = 0; s <= patience; ++s) {
      if (PairsWithoutPath() == 0) return s;
      mesh.Run(1s);
    }
    return -1;
  }
  // So many nodes, drawn from a seed, without which the others are still connected.
  static std::vector<int> Expendable(std::size_t count, std::uint64_t seed) {
    Random random(seed);
    std::set<int> gone;
    while (gone.size() < count) {
      const int drawn = static_cast<int>(random.Below(kSide * kSide));
      if (!gone.insert(drawn).second) continue;
      if (Connected(gone) + gone.size() != kSide * kSide) gone.erase(drawn);
    }
    return {gone.begin(), gone.end()};
  }
  // Nodes connected to the first that is not gone, itself included.
  static std::size_t Connected(const std::set<int>& gone) {
    int first = 0;
    while (gone.count(first) != 0) ++first;
    std::set<int> seen{first};
    std::vector<int> todo{first};
    while (!todo.empty()) {
      const int i = todo.back();
      todo.pop_back();
      const int column = i % kSide;
      for (const int j : {i - kSide, i + kSide, column > 0 ? i - 1 : -1,
                          column + 1 < kSide ? i + 1 : -1}) {
        if (j < 0 || j >= kSide * kSide || gone.count(j) != 0) continue;
        if (seen.insert(j).second) todo.push_back(j);
      }
    }
    return seen.size();
  }
  Mesh mesh;
};

BOOST_AUTO_TEST_CASE(two_halves_that_merge_are_one_mesh_within_seconds) {
  Grid g(65);
  g.mesh.StartAll();
  BOOST_REQUIRE(g.Converge(10) >= 0);
  for (int r = 0; r < Grid::kSide; ++r) {
    g.mesh.CutBoth(Grid::Name(r * Grid::kSide + 2), Grid::Name(r * Grid::kSide + 3));
  }
  g.mesh.Run(120s);
  BOOST_TEST(g.PairsWithoutPath() == 2 * 18 * 18);
  for (int r = 0; r < Grid::kSide; ++r) {
    g.mesh.Restore(Grid::Name(r * Grid::kSide + 2), Grid::Name(r * Grid::kSide + 3));
  }
  const int seconds = g.Converge(60);
  BOOST_TEST_MESSAGE("merged in " << seconds << " s");
  BOOST_TEST(seconds >= 0);
  BOOST_TEST(seconds <= 30);
}

BOOST_AUTO_TEST_CASE(with_30_percent_of_the_nodes_gone_at_once_the_rest_is_one_mesh) {
  Grid g(66);
  g.mesh.StartAll();
  BOOST_REQUIRE(g.Converge(10) >= 0);
  const std::vector<int> gone = g.Expendable(11, 3);
  for (const int i : gone) g.mesh.Kill(Grid::Name(i));
  const int seconds = g.Converge(60);
  BOOST_TEST_MESSAGE("healed in " << seconds << " s");
  BOOST_TEST(seconds >= 0);
  BOOST_TEST(seconds <= 30);
  for (const int i : gone) g.mesh.Start(Grid::Name(i));
  BOOST_TEST(g.Converge(60) >= 0);
}

BOOST_AUTO_TEST_CASE(all_nodes_restarted_at_once_are_one_mesh_again_and_quiet) {
  Grid g(67);
  g.mesh.StartAll();
  g.mesh.Run(10s);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < Grid::kSide * Grid::kSide; ++i) g.mesh.Kill(Grid::Name(i));
    g.mesh.Run(1s);
    g.mesh.StartAll();
    const int seconds = g.Converge(60);
    BOOST_TEST_MESSAGE("up again in " << seconds << " s");
    BOOST_TEST(seconds >= 0);
    BOOST_TEST(seconds <= 15);
  }
  g.mesh.Run(60s);
  const auto before = g.mesh.Counter("n14", "control_bytes_sent_total");
  g.mesh.Run(60s);
  BOOST_TEST((g.mesh.Counter("n14", "control_bytes_sent_total") - before) / 60 < 400u);
}

}  // namespace
}  // namespace selvage
