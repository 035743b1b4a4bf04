// Random networks for property tests: true links, their failures, and what each node believes.
#pragma once

#include <algorithm>
#include <deque>
#include <set>
#include <vector>

#include "core/random.h"
#include "routing/forwarder.h"

namespace selvage {

// One true link between two nodes. Each direction has its own fate.
struct TrueLink {
  int node[2] = {0, 0};
  AdjacencyIndex index[2];
  EdgeMetric metric[2];
  bool alive[2] = {true, true};   // carries frames from node[i] to node[1 - i]
  bool usable[2] = {true, true};  // what node[i] believes of it
  double loss[2] = {0, 0};
  bool Works() const { return alive[0] && alive[1]; }
};

// Everything follows from the seed. Nodes are 0..size-1 here and have random short ids outside.
class RandomNetwork {
 public:
  static constexpr int kNodesMax = 64;
  static constexpr double kWrongMax = 0.4;

  explicit RandomNetwork(std::uint64_t seed) : random_(seed) {
    const int n = 2 + static_cast<int>(random_.Below(kNodesMax - 1));
    std::set<std::uint32_t> ids;
    while (ids.size() < static_cast<std::size_t>(n)) {
      ids.insert(1 + static_cast<std::uint32_t>(random_.Below(0xffffffff)));
    }
    for (std::uint32_t id : ids) ids_.push_back(ShortId(id));
    next_index_.assign(ids_.size(), 0);
    // A random tree with gaps, then chords: sparse, dense and disconnected graphs all occur.
    for (int i = 1; i < n; ++i) {
      if (random_.Below(20) != 0) AddLink(i, static_cast<int>(random_.Below(i)));
    }
    const std::uint64_t chords = random_.Below(2 * static_cast<std::uint64_t>(n) + 1);
    for (std::uint64_t i = 0; i < chords; ++i) {
      const int a = static_cast<int>(random_.Below(n));
      const int b = static_cast<int>(random_.Below(n));
      if (a != b) AddLink(a, b);  // a second link between the same nodes happens
    }
    wrong_ = random_.Uniform() * kWrongMax;
  }

  int size() const { return static_cast<int>(ids_.size()); }
  ShortId id(int node) const { return ids_[static_cast<std::size_t>(node)]; }
  std::vector<TrueLink>& links() { return links_; }
  const std::vector<TrueLink>& links() const { return links_; }
  Random& random() { return random_; }
  double wrong() const { return wrong_; }

  // The map as it was before anything failed.
  std::vector<AdvertisedNode> RightMap() const {
    std::vector<AdvertisedNode> map(ids_.size());
    for (std::size_t i = 0; i < ids_.size(); ++i) map[i].node = ids_[i];
    for (const TrueLink& l : links_) List(l, &map);
    return map;
  }

  // The truth: links that work both ways.
  std::vector<AdvertisedNode> LiveMap() const {
    std::vector<AdvertisedNode> map(ids_.size());
    for (std::size_t i = 0; i < ids_.size(); ++i) map[i].node = ids_[i];
    for (const TrueLink& l : links_) {
      if (l.Works()) List(l, &map);
    }
    return map;
  }

  // One node's stale map: up to wrong() of the links are missing or have other costs, and as many
  // were never there.
  std::vector<AdvertisedNode> WrongMap() {
    std::vector<AdvertisedNode> map(ids_.size());
    for (std::size_t i = 0; i < ids_.size(); ++i) map[i].node = ids_[i];
    for (TrueLink l : links_) {
      if (random_.Uniform() < wrong_) {
        if (random_.Below(2) == 0) continue;
        for (EdgeMetric& m : l.metric) m = AnyMetric();
      }
      List(l, &map);
    }
    const auto invented = static_cast<std::uint64_t>(wrong_ * static_cast<double>(links_.size()));
    for (std::uint64_t i = 0; i < invented; ++i) {
      TrueLink l;
      l.node[0] = static_cast<int>(random_.Below(ids_.size()));
      l.node[1] = static_cast<int>(random_.Below(ids_.size()));
      if (l.node[0] == l.node[1]) continue;
      for (int end = 0; end < 2; ++end) {
        // Its index may be free or that of a true link to somebody else.
        l.index[end] = AdjacencyIndex(static_cast<std::uint8_t>(1 + random_.Below(255)));
        if (random_.Below(2) == 0) l.index[end] = AdjacencyIndex(1);
        l.metric[end] = AnyMetric();
      }
      List(l, &map);
    }
    return map;
  }

  // Which nodes links that work both ways join to `from`.
  std::vector<bool> ReachableFrom(int from) const {
    std::vector<bool> seen(ids_.size(), false);
    std::deque<int> queue{from};
    seen[static_cast<std::size_t>(from)] = true;
    while (!queue.empty()) {
      const int at = queue.front();
      queue.pop_front();
      for (const TrueLink& l : links_) {
        for (int end = 0; end < 2; ++end) {
          const auto other = static_cast<std::size_t>(l.node[1 - end]);
          if (!l.Works() || l.node[end] != at || seen[other]) continue;
          seen[other] = true;
          queue.push_back(l.node[1 - end]);
        }
      }
    }
    return seen;
  }

  // The link and the end of it that adjacency `index` of `node` is.
  std::pair<TrueLink*, int> LinkAt(int node, AdjacencyIndex index) {
    for (TrueLink& l : links_) {
      for (int end = 0; end < 2; ++end) {
        if (l.node[end] == node && l.index[end] == index) return {&l, end};
      }
    }
    return {nullptr, 0};
  }

 private:
  EdgeMetric AnyMetric() {
    EdgeMetric m;
    m.latency_us = static_cast<std::uint32_t>(random_.Below(20'000));
    m.loss_permille = static_cast<std::uint32_t>(random_.Below(200));
    m.rate_kbps =
        random_.Below(2) == 0 ? 0 : 1000 + static_cast<std::uint32_t>(random_.Below(99'000));
    return m;
  }
  void AddLink(int a, int b) {
    TrueLink l;
    l.node[0] = a;
    l.node[1] = b;
    for (int end = 0; end < 2; ++end) {
      int& next = next_index_[static_cast<std::size_t>(l.node[end])];
      if (next == 255) return;
      l.index[end] = AdjacencyIndex(static_cast<std::uint8_t>(++next));
      l.metric[end] = AnyMetric();
    }
    links_.push_back(l);
  }
  static void List(const TrueLink& l, std::vector<AdvertisedNode>* map) {
    for (int end = 0; end < 2; ++end) {
      AdvertisedNode& own = (*map)[static_cast<std::size_t>(l.node[end])];
      const ShortId other = (*map)[static_cast<std::size_t>(l.node[1 - end])].node;
      own.adjacencies.push_back({l.index[end], other, l.index[1 - end], l.metric[end]});
    }
  }

  Random random_;
  std::vector<ShortId> ids_;
  std::vector<int> next_index_;
  std::vector<TrueLink> links_;
  double wrong_ = 0;
};

}  // namespace selvage
