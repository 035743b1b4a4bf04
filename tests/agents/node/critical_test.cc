// The promise of class critical over a mesh that breaks: once, in order, in time or told.
#define BOOST_TEST_MODULE critical_test
#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

Bytes Number(std::uint32_t n, std::size_t size = 200) {
  Bytes b(size);
  ByteWriter w(b);
  w.U32(n);
  return b;
}

// A 1 kHz critical flow from s to d, as TUN packets (port 0) or as an application's (port 7).
struct Flow {
  Mesh* mesh;
  std::uint32_t packets;
  std::uint16_t port = 0;
  std::uint32_t sent = 0;
  std::uint32_t refused = 0;
  Time started{};
  void Start() {
    started = mesh->now();
    Next();
  }
  void Next() {
    if (sent == packets) return;
    if (mesh->Find("s").core != nullptr &&
        mesh->Send("s", "d", TrafficClass::kCritical, Number(sent), nullptr, port) == 0) {
      ++refused;
    }
    ++sent;
    mesh->At(1ms, [this] { Next(); });
  }
  struct Result {
    std::uint32_t lost = 0;
    std::uint32_t duplicates = 0;
    std::uint32_t disorder = 0;
    Duration longest_gap{0};
  };
  Result Measure() const {
    std::map<std::uint32_t, int> seen;
    Result r;
    Time last = started;
    std::int64_t newest = -1;
    for (const Delivered& d : mesh->Find("d").delivered) {
      ByteReader in(d.what.payload);
      const std::uint32_t n = in.U32();
      if (++seen[n] > 1) ++r.duplicates;
      if (n < newest) ++r.disorder;
      newest = n;
      r.longest_gap = std::max(r.longest_gap, d.at - last);
      last = d.at;
    }
    r.lost = packets - static_cast<std::uint32_t>(seen.size());
    return r;
  }
};

struct Diamond : Mesh {
  explicit Diamond(std::uint64_t seed, const ChannelModel& model = {}, const NodeConfig& node = {})
      : Mesh(seed) {
    BuildDiamond(this, model, node);
    StartAll();
    Run(1s);
  }
  std::string Relay() {
    return Find("s")
        .core->Path(now(), Find("d").identity.certificate.id, TrafficClass::kCritical)
        .at(1);
  }
  std::string Second(const std::string& relay) { return relay == "a1" ? "a2" : "b2"; }
  std::uint64_t DataBytes() {
    std::uint64_t sum = 0;
    for (auto& n : nodes()) {
      if (n->core == nullptr) continue;
      const auto c = n->core->Counters();
      sum += c.at("data_bytes_sent_total") + c.at("control_bytes_sent_total") +
             62 * (c.at("data_frames_sent_total") + c.at("control_frames_sent_total"));
    }
    return sum;
  }
};

BOOST_AUTO_TEST_CASE(without_faults_it_costs_a_sixth_more_than_the_packets_and_few_writes) {
  Diamond mesh(1);
  Flow flow{&mesh, 5000};
  const std::uint64_t before = mesh.DataBytes();
  flow.Start();
  mesh.Run(6s);
  const auto r = flow.Measure();
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
  BOOST_TEST(r.disorder == 0);
  BOOST_TEST(mesh.Counter("s", "worries_total") == 0);
  BOOST_TEST(mesh.Counter("s", "messages_retried_total") == 0);
  BOOST_TEST(mesh.Counter("s", "messages_stored_late_total") == 0);
  BOOST_TEST(mesh.Counter("s", "frames_second_copies_total") == 0);
  // 62: Ethernet, IPv6, UDP. 23 + 21 + 3 + 16: ours. Three hops.
  const double floor = 5000.0 * 3 * (200 + 62 + 63);
  const double ratio = static_cast<double>(mesh.DataBytes() - before) / floor;
  BOOST_TEST_MESSAGE("bytes sent: " << ratio << " of the packets alone");
  BOOST_TEST(ratio < 1.17);
  // Receipts in batches: so many frames left d that carry data of its own.
  BOOST_TEST(mesh.Counter("d", "frames_originated_total") <= 620);
}

BOOST_AUTO_TEST_CASE(silence_oneway_and_death_on_the_path_lose_and_repeat_nothing_in_order) {
  for (int fault = 0; fault < 5; ++fault) {
    Diamond mesh(20 + static_cast<std::uint64_t>(fault));
    const std::string relay = mesh.Relay();
    const std::string second = mesh.Second(relay);
    Flow flow{&mesh, 5000};
    mesh.At(1s, [&] {
      if (fault == 0) mesh.CutBoth(relay, second);
      if (fault == 1) mesh.Cut(relay, second);
      if (fault == 2) mesh.Cut(second, relay);
      if (fault == 3) mesh.Kill(second);
      if (fault == 4) mesh.Kill(relay);
    });
    mesh.At(3s, [&] {
      if (fault < 3) mesh.Restore(relay, second);
      if (fault == 3) mesh.Start(second);
      if (fault == 4) mesh.Start(relay);
    });
    flow.Start();
    mesh.Run(8s);
    const auto r = flow.Measure();
    BOOST_TEST_CONTEXT("fault " << fault) {
      BOOST_TEST(r.lost == 0);
      BOOST_TEST(r.duplicates == 0);
      BOOST_TEST(r.disorder == 0);
      BOOST_TEST(ToMillis(r.longest_gap) <= 50);
      BOOST_TEST_MESSAGE("longest gap " << ToMillis(r.longest_gap) << " ms");
    }
  }
}

BOOST_AUTO_TEST_CASE(loss_on_every_link_is_made_good_in_order) {
  for (const double loss : {0.05, 0.3}) {
    ChannelModel lossy;
    lossy.loss = loss;
    Diamond mesh(30);
    for (auto [a, b] : {std::pair{"s", "a1"},
                        {"a1", "a2"},
                        {"a2", "d"},
                        {"s", "b1"},
                        {"b1", "b2"},
                        {"b2", "d"}}) {
      mesh.SetChannel(a, b, lossy);
    }
    Flow flow{&mesh, 4000};
    flow.Start();
    mesh.Run(8s);
    const auto r = flow.Measure();
    BOOST_TEST_CONTEXT("loss " << loss) {
      BOOST_TEST(r.lost == 0);
      BOOST_TEST(r.duplicates == 0);
      BOOST_TEST(r.disorder == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_link_that_loses_a_third_both_ways_makes_no_long_gap) {
  for (std::uint64_t seed = 100; seed < 106; ++seed) {
    Diamond mesh(seed);
    const std::string relay = mesh.Relay();
    ChannelModel gray;
    gray.loss = 0.3;
    mesh.At(1s, [&] { mesh.SetChannel(relay, mesh.Second(relay), gray); });
    Flow flow{&mesh, 6000};
    flow.Start();
    mesh.Run(8s);
    const auto r = flow.Measure();
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(r.lost == 0);
      BOOST_TEST(r.duplicates == 0);
      BOOST_TEST(r.disorder == 0);
      BOOST_TEST(ToMillis(r.longest_gap) <= 50);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_relay_that_swallows_packets_makes_no_long_gap_and_is_found) {
  NodeConfig lab;
  lab.lab = true;
  for (std::uint64_t seed = 110; seed < 114; ++seed) {
    Diamond mesh(seed, {}, lab);
    const std::string relay = mesh.Relay();
    mesh.At(1s, [&] { mesh.Find(relay).core->LabDropForwarded(1, std::nullopt); });
    Flow flow{&mesh, 6000};
    flow.Start();
    mesh.Run(2500ms);
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(mesh.Relay() != relay);
      const auto& events = mesh.Find("s").events;
      const auto found = std::find_if(events.begin(), events.end(), [](const Event& e) {
        return e.kind == "node-distrusted";
      });
      BOOST_REQUIRE((found != events.end()));
      BOOST_TEST(found->fields.at("node") == relay);
      const std::uint64_t copies = mesh.Counter("s", "frames_second_copies_total");
      mesh.Run(5s);
      BOOST_TEST(mesh.Counter("s", "frames_second_copies_total") < copies + 20);  // it has left
      const auto r = flow.Measure();
      BOOST_TEST(r.lost == 0);
      BOOST_TEST(r.duplicates == 0);
      BOOST_TEST(r.disorder == 0);
      BOOST_TEST(ToMillis(r.longest_gap) <= 50);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_relay_acknowledged_and_took_into_its_grave_comes_from_the_origin) {
  // The relay's own way on is cut first: it holds what it acknowledged, and then it dies.
  Diamond mesh(40);
  const std::string relay = mesh.Relay();
  Flow flow{&mesh, 3000};
  mesh.At(1s, [&] { mesh.Cut(relay, mesh.Second(relay)); });
  mesh.At(1008ms, [&] { mesh.Kill(relay); });
  flow.Start();
  mesh.Run(5s);
  const auto r = flow.Measure();
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
  BOOST_TEST(r.disorder == 0);
  BOOST_TEST(ToMillis(r.longest_gap) <= 50);
  BOOST_TEST(mesh.Counter("s", "frames_second_copies_total") > 0);
}

BOOST_AUTO_TEST_CASE(worry_sends_second_copies_around_the_relays_of_the_first_and_then_stops) {
  Diamond mesh(50);
  const std::string relay = mesh.Relay();
  const std::string other = relay == "a1" ? "b1" : "a1";
  Flow flow{&mesh, 4000};
  // Receipts are lost for a moment on their way back; packets arrive all along.
  mesh.At(1s, [&] { mesh.Cut("d", mesh.Second(relay)); });
  mesh.At(1030ms, [&] { mesh.Restore("d", mesh.Second(relay)); });
  flow.Start();
  mesh.Run(990ms);
  const std::uint64_t through_other = mesh.Counter(other, "frames_forwarded_total");
  mesh.Run(1s);
  BOOST_TEST(mesh.Counter("s", "worries_total") > 0);
  BOOST_TEST(mesh.Counter(other, "frames_forwarded_total") > through_other);
  const std::uint64_t copies = mesh.Counter("s", "frames_second_copies_total");
  BOOST_TEST(copies > 0);
  mesh.Run(3s);
  BOOST_TEST(mesh.Counter("s", "frames_second_copies_total") == copies);
  const auto r = flow.Measure();
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
  BOOST_TEST(r.disorder == 0);
}

BOOST_AUTO_TEST_CASE(the_receiver_restarts_and_the_flow_goes_on_in_order) {
  Diamond mesh(60);
  Flow flow{&mesh, 4000, 7};
  mesh.At(1s, [&] { mesh.Kill("d"); });
  mesh.At(1200ms, [&] { mesh.Start("d"); });
  flow.Start();
  mesh.Run(7s);
  const auto r = flow.Measure();
  // What was handed up and not yet recorded when d died comes again: one receipt's worth.
  BOOST_TEST(r.duplicates <= 12);
  std::uint32_t failed = 0;
  for (const MessageReport& m : mesh.Find("s").reports) {
    failed += m.what == MessageReport::What::kFailed;
  }
  BOOST_TEST(r.lost <= failed);  // told of each that did not arrive
  BOOST_TEST(mesh.Find("s").core->outbox_messages() == 0);
  // Disorder only where those few are repeated.
  BOOST_TEST(r.disorder <= (r.duplicates > 0 ? 1 : 0));
}

BOOST_AUTO_TEST_CASE(the_sender_restarts_and_what_it_had_accepted_comes_before_what_is_new) {
  Diamond mesh(70);
  mesh.Kill("d");
  for (std::uint32_t i = 0; i < 20; ++i) {
    mesh.Send("s", "d", TrafficClass::kCritical, Number(i));
  }
  mesh.Run(100ms);
  mesh.Kill("s");
  mesh.Start("s");
  mesh.Start("d");
  mesh.Run(300ms);
  for (std::uint32_t i = 20; i < 40; ++i) {
    BOOST_TEST(mesh.Send("s", "d", TrafficClass::kCritical, Number(i)) > 0);
    mesh.Run(1ms);
  }
  mesh.Run(3s);
  const auto& delivered = mesh.Find("d").delivered;
  BOOST_TEST(delivered.size() == 40);
  for (std::uint32_t i = 0; i < delivered.size(); ++i) {
    ByteReader in(delivered[i].what.payload);
    BOOST_TEST(in.U32() == i);
  }
}

BOOST_AUTO_TEST_CASE(a_partition_longer_than_the_deadline_is_told_and_the_flow_goes_on_after_it) {
  Diamond mesh(80);
  Flow flow{&mesh, 6000};
  auto cut = [&](bool both) {
    for (auto [a, b] : {std::pair{"a2", "d"}, {"b2", "d"}}) {
      both ? mesh.CutBoth(a, b) : mesh.Restore(a, b);
    }
  };
  mesh.At(1s, [&] { cut(true); });
  mesh.At(3s, [&] { cut(false); });
  flow.Start();
  mesh.Run(9s);
  const auto r = flow.Measure();
  std::uint32_t failed = 0;
  for (const MessageReport& m : mesh.Find("s").reports) {
    failed += m.what == MessageReport::What::kFailed;
  }
  BOOST_TEST(r.lost > 0);
  BOOST_TEST(r.lost <= failed + flow.refused);
  BOOST_TEST(failed <= 2500);
  BOOST_TEST(r.duplicates == 0);
  BOOST_TEST(r.disorder == 0);
  // The last second arrived whole.
  ByteReader in(mesh.Find("d").delivered.back().what.payload);
  BOOST_TEST(in.U32() == 5999u);
}

BOOST_AUTO_TEST_CASE(a_full_outbox_says_so_and_takes_messages_again) {
  Diamond mesh(90);
  mesh.CutBoth("a2", "d");
  mesh.CutBoth("b2", "d");
  std::string reason;
  std::size_t taken = 0;
  while (mesh.Send("s", "d", TrafficClass::kReliable, Number(1, 20), &reason) > 0) ++taken;
  BOOST_TEST(taken >= 1000);
  BOOST_TEST(reason.find("queue full") == 0);
  BOOST_TEST(mesh.Find("s").core->outbox_full());
  mesh.Restore("a2", "d");
  mesh.Restore("b2", "d");
  mesh.Run(60s);
  BOOST_TEST(!mesh.Find("s").core->outbox_full());
  BOOST_TEST(mesh.Find("d").delivered.size() == taken);
}

}  // namespace
}  // namespace selvage
