// The theorem of routing/forwarder.h on random networks: the shipped Forwarder on every node, each
// with its own wrong map, several links failed, several packets under way at once.
//
//   forwarder_property_test                       5,000 networks
//   SELVAGE_NIGHTLY=1 forwarder_property_test     100,000 networks (or: -- --nightly)
//   SELVAGE_SEED=17 forwarder_property_test       network 17 alone (or: -- --seed 17)
#define BOOST_TEST_MODULE forwarder_property_test
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "tests/routing/random_network.h"

namespace selvage {
namespace {

struct Plan {
  std::uint64_t first = 1;
  std::uint64_t count = 5000;
};

Plan ReadPlan() {
  Plan plan;
  const char* nightly = std::getenv("SELVAGE_NIGHTLY");
  if (nightly != nullptr && std::string(nightly) == "1") plan.count = 100'000;
  const char* seed = std::getenv("SELVAGE_SEED");
  std::string only = seed != nullptr ? seed : "";
  const auto& suite = boost::unit_test::framework::master_test_suite();
  for (int i = 1; i < suite.argc; ++i) {
    const std::string arg = suite.argv[i];
    if (arg == "--nightly") plan.count = 100'000;
    if (arg == "--seed" && i + 1 < suite.argc) only = suite.argv[i + 1];
  }
  if (!only.empty()) plan = {std::stoull(only), 1};
  return plan;
}

// A packet on its way, and what its walks have done so far.
struct Traveller {
  int origin = 0;
  int destination = 0;
  DataHeader header;
  bool delivered = false;
  std::size_t hops = 0;  // of all its walks
  PathCost cost = 0;
  bool revisited = false;
  std::set<int> relays;  // whom it crossed
  std::map<int, std::set<std::uint64_t>> used;  // walk -> directed links
};

struct Frame {
  std::size_t traveller = 0;
  DataHeader header;
  int at = 0;
  AdjacencyIndex in;
};

// All forwarders of one network and everything that is under way between them.
class Run {
 public:
  // `distrusting`: half of the packets ask not to be led through up to four random nodes.
  Run(RandomNetwork* net, bool wrong_maps, bool distrusting = false)
      : net_(net), distrusting_(distrusting) {
    Topology right(net->RightMap());
    for (int i = 0; i < net->size(); ++i) {
      nodes_.push_back(std::make_unique<Forwarder>(net->id(i), 64));
      nodes_.back()->routes().SetTopology(wrong_maps ? Topology(net->WrongMap()) : right);
    }
    for (const TrueLink& l : net->links()) {
      for (int end = 0; end < 2; ++end) {
        Node(l.node[end]).SetAdjacency(l.index[end], net->id(l.node[1 - end]), l.usable[end]);
      }
    }
  }

  void Start(int count) {
    Random& random = net_->random();
    for (int i = 0; i < count; ++i) {
      Traveller t;
      t.origin = static_cast<int>(random.Below(net_->size()));
      t.destination = static_cast<int>(random.Below(net_->size()));
      t.header.traffic_class = static_cast<TrafficClass>(random.Below(kTrafficClasses));
      t.header.destination = net_->id(t.destination);
      t.header.id = {net_->id(t.origin), 1, 7, static_cast<std::uint64_t>(i)};
      if (distrusting_ && random.Below(2) == 0) {
        for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) {
          const int node = static_cast<int>(random.Below(net_->size()));
          t.header.carried.Add(EdgeId::WholeNode(net_->id(node)));
        }
      }
      frames_.push_back({travellers_.size(), t.header, t.origin, AdjacencyIndex(0)});
      travellers_.push_back(std::move(t));
    }
  }

  // Moves frames in random order until none is left. `resend`: who loses a frame sends it again
  // as a new walk, as custody does; acknowledgements may get lost too. An empty string when all
  // walks kept the rule; else what went wrong.
  std::string Move(bool resend) {
    std::size_t usable = 0;
    for (const TrueLink& l : net_->links()) usable += l.usable[0] + l.usable[1];
    Random& random = net_->random();
    while (!frames_.empty()) {
      std::swap(frames_[random.Below(frames_.size())], frames_.back());
      Frame f = std::move(frames_.back());
      frames_.pop_back();
      Traveller& t = travellers_[f.traveller];
      // The field is a byte and would end long walks before the rule does: refilled, so that only
      // the rule can end them.
      f.header.hop_limit = 255;
      const DataHeader before = f.header;
      const ForwardDecision d = Node(f.at).Decide(now_, &f.header, f.in);
      t.revisited = t.revisited || d.revisit;
      if (d.what == ForwardDecision::What::kDeliver) {
        if (f.at != t.destination) return "delivered to another node";
        t.delivered = true;
      }
      if (d.what == ForwardDecision::What::kDuplicate && !resend) return "taken for a duplicate";
      if (d.what != ForwardDecision::What::kSend) continue;
      if (f.at != t.origin) t.relays.insert(f.at);
      const auto [link, end] = net_->LinkAt(f.at, d.out);
      if (link == nullptr || !link->usable[end]) return "left by a link that is not usable";
      if (f.header.hop_limit + 1 != before.hop_limit) return "the hop limit was not lowered by one";
      std::set<std::uint64_t>& used = t.used[f.header.walk];
      if (!used.insert(EdgeId{net_->id(f.at), d.out}.Key()).second) {
        return "walked a link twice in one direction";
      }
      if (used.size() > usable) return "a walk longer than twice the links";
      ++t.hops;
      t.cost += EdgeCost(link->metric[end], t.header.traffic_class);
      const int to = link->node[1 - end];
      const bool arrives = link->alive[end] && random.Uniform() >= link->loss[end];
      const bool told = arrives && link->alive[1 - end] && random.Uniform() >= link->loss[1 - end];
      if (arrives) frames_.push_back({f.traveller, f.header, to, link->index[1 - end]});
      if (arrives && resend && random.Below(8) == 0) {
        frames_.push_back({f.traveller, f.header, to, link->index[1 - end]});  // sent twice
      }
      if (!told && resend && f.header.walk < kWalkMax) {
        Frame again{f.traveller, f.header, f.at, f.in};
        ++again.header.walk;
        again.header.carried.Add({net_->id(f.at), d.out});
        frames_.push_back(std::move(again));
      }
    }
    return "";
  }

  const std::vector<Traveller>& travellers() const { return travellers_; }

 private:
  Forwarder& Node(int i) { return *nodes_[static_cast<std::size_t>(i)]; }

  RandomNetwork* net_;
  bool distrusting_;
  std::vector<std::unique_ptr<Forwarder>> nodes_;
  std::vector<Traveller> travellers_;
  std::vector<Frame> frames_;
  Time now_ = TimeFromNanos(1'000'000'000);
};

// Several links fail at once; both ends know.
void FailKnown(RandomNetwork* net) {
  const double share = net->random().Uniform() * 0.4;
  for (TrueLink& l : net->links()) {
    const bool dead = net->random().Uniform() < share;
    for (int end = 0; end < 2; ++end) l.alive[end] = l.usable[end] = !dead;
  }
}

// Directions die on their own, lose frames, and one or both ends may not have noticed.
void FailAnyhow(RandomNetwork* net) {
  Random& random = net->random();
  const double share = random.Uniform() * 0.5;
  for (TrueLink& l : net->links()) {
    for (int end = 0; end < 2; ++end) {
      l.alive[end] = random.Uniform() >= share;
      l.usable[end] = l.alive[end] ? random.Below(20) != 0 : random.Below(2) == 0;
      l.loss[end] = random.Below(3) == 0 ? random.Uniform() * 0.5 : 0;
    }
  }
}

// What delivered walks cost over the best that was left.
class Stretch {
 public:
  void Add(const RandomNetwork& net, const std::vector<Traveller>& travellers) {
    const Topology live(net.LiveMap());
    for (const Traveller& t : travellers) {
      if (!t.delivered || t.origin == t.destination) continue;
      const auto best = ComputeSpf(live, live.Find(net.id(t.origin)), t.header.traffic_class, {});
      const PathCost cost = best[static_cast<std::size_t>(live.Find(net.id(t.destination)))].cost;
      values_.push_back(static_cast<double>(t.cost) / static_cast<double>(cost));
      revisited_ += t.revisited;
    }
  }
  double Quantile(double q) {
    if (values_.empty()) return 1;
    std::sort(values_.begin(), values_.end());
    return values_[static_cast<std::size_t>(q * static_cast<double>(values_.size() - 1))];
  }
  std::string Text() {
    char text[160];
    std::snprintf(text, sizeof text,
                  "%zu walks, cost over the best left: median %.2f, p99 %.2f, largest %.1f; "
                  "%zu came back to a node",
                  values_.size(), Quantile(0.5), Quantile(0.99), Quantile(1), revisited_);
    return text;
  }

 private:
  std::vector<double> values_;
  std::size_t revisited_ = 0;
};

// Runs `check` on every network of the plan; a failure names the seed and how to see it again.
template <typename Check>
void ForEachNetwork(Check check) {
  const Plan plan = ReadPlan();
  int failures = 0;
  for (std::uint64_t seed = plan.first; seed < plan.first + plan.count && failures < 5; ++seed) {
    const std::string problem = check(seed);
    if (problem.empty()) continue;
    ++failures;
    BOOST_ERROR("seed " << seed << ": " << problem << "; again: SELVAGE_SEED=" << seed << " "
                        << boost::unit_test::framework::master_test_suite().argv[0]
                        << " --run_test="
                        << boost::unit_test::framework::current_test_case().p_name);
  }
  BOOST_TEST(failures == 0);
  BOOST_TEST_MESSAGE(plan.count << " networks");
}

// Empty when exactly those packets arrived whose destination is connected to their origin.
std::string CheckDelivery(const RandomNetwork& net, const Run& run) {
  for (const Traveller& t : run.travellers()) {
    const bool connected = net.ReachableFrom(t.origin)[static_cast<std::size_t>(t.destination)];
    if (t.delivered == connected) continue;
    return connected ? "not delivered although connected" : "delivered over no path";
  }
  return "";
}

BOOST_AUTO_TEST_CASE(a_packet_arrives_whenever_a_path_exists_however_wrong_the_maps_are) {
  Stretch stretch;
  ForEachNetwork([&](std::uint64_t seed) {
    RandomNetwork net(seed);
    FailKnown(&net);
    Run run(&net, true, seed % 2 == 0);
    run.Start(8);
    std::string problem = run.Move(false);
    if (problem.empty()) problem = CheckDelivery(net, run);
    if (problem.empty()) stretch.Add(net, run.travellers());
    return problem;
  });
  BOOST_TEST_MESSAGE("wrong maps: " << stretch.Text());
}

BOOST_AUTO_TEST_CASE(with_equal_maps_failures_cost_little) {
  Stretch stretch;
  ForEachNetwork([&](std::uint64_t seed) {
    RandomNetwork net(seed);
    FailKnown(&net);
    Run run(&net, false);
    run.Start(8);
    std::string problem = run.Move(false);
    if (problem.empty()) problem = CheckDelivery(net, run);
    if (problem.empty()) stretch.Add(net, run.travellers());
    return problem;
  });
  BOOST_TEST_MESSAGE("equal maps: " << stretch.Text());
  if (ReadPlan().count > 1) BOOST_TEST(stretch.Quantile(0.5) == 1.0);
}

BOOST_AUTO_TEST_CASE(with_right_maps_and_no_failure_every_packet_takes_the_cheapest_path) {
  ForEachNetwork([&](std::uint64_t seed) -> std::string {
    RandomNetwork net(seed);
    Run run(&net, false);
    run.Start(4);
    const std::string problem = run.Move(false);
    if (!problem.empty()) return problem;
    Stretch stretch;
    stretch.Add(net, run.travellers());
    return stretch.Quantile(1) == 1.0 ? CheckDelivery(net, run) : "a detour";
  });
}

BOOST_AUTO_TEST_CASE(a_distrusted_node_is_crossed_only_where_no_path_leads_around_it) {
  std::size_t around = 0;
  std::size_t through = 0;
  ForEachNetwork([&](std::uint64_t seed) -> std::string {
    RandomNetwork net(seed);
    Run run(&net, false, true);
    run.Start(8);
    std::string problem = run.Move(false);
    if (problem.empty()) problem = CheckDelivery(net, run);
    if (!problem.empty()) return problem;
    const Topology map(net.RightMap());
    for (const Traveller& t : run.travellers()) {
      FailureSet avoid;
      for (EdgeId e : t.header.carried) avoid.Add(e);
      const int target = map.Find(t.header.destination);
      const auto tree =
          ComputeSpf(map, map.Find(net.id(t.origin)), t.header.traffic_class, avoid);
      const bool free = tree[static_cast<std::size_t>(target)].cost != kUnreachable;
      for (int relay : t.relays) {
        if (!t.header.carried.Contains(EdgeId::WholeNode(net.id(relay)))) continue;
        ++through;
        if (free) return "led through a distrusted node although a path leads around it";
      }
      around += free && avoid.avoids_nodes();
    }
    return "";
  });
  BOOST_TEST_MESSAGE(around << " packets went around, " << through << " nodes had to be crossed");
  if (ReadPlan().count > 1) BOOST_TEST(around > 0u);
}

BOOST_AUTO_TEST_CASE(walks_end_where_links_lose_frames_work_one_way_or_died_unnoticed) {
  std::size_t connected = 0;
  std::size_t delivered = 0;
  ForEachNetwork([&](std::uint64_t seed) {
    RandomNetwork net(seed);
    FailAnyhow(&net);
    Run run(&net, true, seed % 2 == 0);
    run.Start(8);
    const std::string problem = run.Move(true);
    for (const Traveller& t : run.travellers()) {
      const bool path = net.ReachableFrom(t.origin)[static_cast<std::size_t>(t.destination)];
      connected += path;
      delivered += path && t.delivered;
    }
    return problem;
  });
  BOOST_TEST_MESSAGE("hostile links: " << delivered << " of " << connected
                                       << " connected ones arrived in one attempt of the sender");
}

}  // namespace
}  // namespace selvage
