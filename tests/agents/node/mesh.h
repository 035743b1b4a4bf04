// A mesh of real node cores on virtual time and a network in memory, for tests.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agents/node/node_core.h"
#include "core/random.h"
#include "transports/memory/memory_network.h"

namespace selvage {

// Members of one network made from a seed.
class TestNetwork {
 public:
  explicit TestNetwork(std::shared_ptr<Crypto> crypto, std::string name = "test")
      : crypto_(std::move(crypto)) {
    crypto_->GenerateSigningKey(&key_, &anchor_.key);
    anchor_.network = std::move(name);
  }
  Identity Admit(const std::string& name, WallSeconds not_before = 1,
                 WallSeconds not_after = 4'000'000'000) {
    Identity id;
    VerifyKey verify;
    PublicKey agreement;
    crypto_->GenerateSigningKey(&id.signing_key, &verify);
    crypto_->GenerateKeyPair(&id.agreement_key, &agreement);
    Certificate wanted;
    wanted.network = anchor_.network;
    wanted.name = name;
    wanted.signing_key = verify;
    wanted.agreement_key = agreement;
    wanted.serial = ++serial_;
    wanted.not_before = not_before;
    wanted.not_after = not_after;
    wanted.roles = {"node"};
    id.certificate = IssueCertificate(*crypto_, key_, wanted).value();
    return id;
  }
  const TrustAnchor& anchor() const { return anchor_; }
  std::shared_ptr<Crypto> crypto() const { return crypto_; }

 private:
  std::shared_ptr<Crypto> crypto_;
  SigningKey key_{};
  TrustAnchor anchor_;
  std::uint64_t serial_ = 0;
};

struct Delivered {
  Time at{};
  Deliver what;
};

class Mesh {
 public:
  struct Node {
    std::string name;
    Identity identity;
    std::unique_ptr<Store> store = NewMemoryStore();
    std::unique_ptr<NodeCore> core;  // null while the process is dead
    std::uint32_t epoch = 0;
    std::vector<MemoryPort> ports;  // LinkId i is ports[i]
    std::vector<Delivered> delivered;
    std::vector<MessageReport> reports;
    std::vector<Event> events;
    // What the disk refused, tried again each second as agents/store/commit_queue.h does.
    std::vector<Persist> unwritten;
    bool disk_refuses = false;
    std::uint64_t hash = 1469598103934665603ull;  // FNV-1a over all effects
  };

  explicit Mesh(std::uint64_t seed, std::shared_ptr<Crypto> crypto = nullptr)
      : network_(seed),
        members_(crypto != nullptr ? crypto : NewStandInCrypto(seed)),
        random_(seed) {}

  Node& Add(const std::string& name) { return Add(name, members_, NodeConfig()); }
  Node& Add(const std::string& name, TestNetwork& members, NodeConfig config) {
    auto n = std::make_unique<Node>();
    n->name = name;
    n->identity = members.Admit(name);
    anchors_[name] = members.anchor();
    configs_[name] = std::move(config);
    nodes_.push_back(std::move(n));
    return *nodes_.back();
  }
  // Joins two nodes by a link of their own.
  void Join(const std::string& a, const std::string& b, const ChannelModel& model = {}) {
    Node& na = Find(a);
    Node& nb = Find(b);
    const MemoryPort pa = network_.AddPort();
    const MemoryPort pb = network_.AddPort();
    network_.Connect(pa, pb, model);
    na.ports.push_back(pa);
    nb.ports.push_back(pb);
    ends_[{a, b}] = {pa, pb};
    ends_[{b, a}] = {pb, pa};
  }
  void Start(const std::string& name, WallSeconds wall = 1000) {
    Node& n = Find(name);
    NodeCore::Init init;
    init.identity = n.identity;
    init.anchor = anchors_[name];
    init.epoch = Epoch(++n.epoch);
    init.crypto = members_.crypto();
    init.seed = random_.U64();
    init.config = configs_[name];
    init.wall = wall;
    n.core = std::make_unique<NodeCore>(now_, std::move(init), *n.store);
    for (std::size_t i = 0; i < n.ports.size(); ++i) {
      LinkInfo info;
      info.name = "l" + std::to_string(i);
      info.transport = "memory";
      if (shape_link) shape_link(&info);
      n.core->OnLinkUp(now_, LinkId(static_cast<std::uint16_t>(i)), info);
    }
    Drain(n);
  }
  void StartAll() {
    for (auto& n : nodes_) Start(n->name);
  }
  void Kill(const std::string& name) {
    Node& n = Find(name);
    n.core.reset();
    n.unwritten.clear();
    n.disk_refuses = false;
    for (MemoryPort p : n.ports) network_.DropInFlight(p);
  }
  void Cut(const std::string& from, const std::string& to) {
    network_.Cut(ends_[{from, to}].first, ends_[{from, to}].second);
  }
  void CutBoth(const std::string& a, const std::string& b) {
    Cut(a, b);
    Cut(b, a);
  }
  void Restore(const std::string& a, const std::string& b) {
    network_.Restore(ends_[{a, b}].first, ends_[{a, b}].second);
    network_.Restore(ends_[{b, a}].first, ends_[{b, a}].second);
  }
  void SetChannel(const std::string& a, const std::string& b, const ChannelModel& model) {
    network_.SetChannel(ends_[{a, b}].first, ends_[{a, b}].second, model);
    network_.SetChannel(ends_[{b, a}].first, ends_[{b, a}].second, model);
  }
  void SetOneWay(const std::string& from, const std::string& to, const ChannelModel& model) {
    network_.SetChannel(ends_[{from, to}].first, ends_[{from, to}].second, model);
  }
  void Run(Duration d) {
    const Time end = now_ + d;
    for (;;) {
      Time next = network_.NextDeadline();
      for (auto& n : nodes_) {
        if (n->core != nullptr) next = std::min(next, n->core->NextDeadline());
      }
      if (!timers_.empty()) next = std::min(next, timers_.begin()->first);
      next = std::max(next, now_);
      if (next > end) break;
      now_ = next;
      if (++steps_ > 50'000'000)
        throw std::runtime_error("no progress: a deadline that never passes");
      while (!timers_.empty() && timers_.begin()->first <= now_) {
        auto action = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        action();
      }
      while (auto d = network_.Poll(now_)) {
        const auto [node, link] = owner_of(d->to);
        if (node == nullptr || node->core == nullptr) continue;
        node->core->OnFrame(now_, link, d->from, d->frame);
        Drain(*node);
      }
      for (auto& n : nodes_) {
        if (n->core != nullptr && n->core->NextDeadline() <= now_) {
          n->core->OnTimeout(now_);
          Drain(*n);
        }
      }
    }
    now_ = end;
  }
  void At(Duration from_now, std::function<void()> action) {
    timers_.emplace(now_ + from_now, std::move(action));
  }
  // 0 when refused; the reason goes to *reason.
  std::uint64_t Send(const std::string& from, const std::string& to, TrafficClass c, Bytes payload,
                     std::string* reason = nullptr, std::uint16_t port = 7) {
    Node& n = Find(from);
    std::string why;
    const std::uint64_t number = n.core->Submit(
        now_, Message{Find(to).identity.certificate.id, c, port, std::move(payload), Duration(0)},
        reason != nullptr ? reason : &why);
    Drain(n);
    return number;
  }
  Node& Find(const std::string& name) {
    for (auto& n : nodes_) {
      if (n->name == name) return *n;
    }
    throw std::runtime_error("no node " + name);
  }
  NeighborState StateOf(const std::string& at, const std::string& neighbor) {
    for (const NeighborInfo& i : Find(at).core->Neighbors(now_)) {
      if (i.name == neighbor) return i.state;
    }
    return NeighborState::kDown;
  }
  std::uint64_t Counter(const std::string& at, const std::string& name) {
    return Find(at).core->Counters().at(name);
  }
  void Drain(Node& n) {
    while (auto effect = n.core->PollEffect()) {
      if (auto* send = std::get_if<SendFrame>(&*effect)) {
        Mix(&n, send->frame);
        if (may_send && !may_send(n, *send)) continue;
        network_.Send(now_, n.ports.at(send->link.value), send->to, send->frame);
        n.core->Recycle(std::move(send->frame));
      } else if (auto* deliver = std::get_if<Deliver>(&*effect)) {
        Mix(&n, deliver->payload);
        n.delivered.push_back({now_, std::move(*deliver)});
      } else if (auto* persist = std::get_if<Persist>(&*effect)) {
        if (disk_works) Write(&n, std::move(*persist));
      } else if (auto* report = std::get_if<MessageReport>(&*effect)) {
        n.reports.push_back(*report);
      } else if (auto* event = std::get_if<Event>(&*effect)) {
        Mix(&n, ByteSpan::Of(event->text));
        n.events.push_back(*event);
      }
    }
  }
  std::uint64_t Hash() const {
    std::uint64_t h = 0;
    for (const auto& n : nodes_) h = h * 1099511628211ull + n->hash;
    return h;
  }
  Time now() const { return now_; }
  MemoryNetwork& network() { return network_; }
  TestNetwork& members() { return members_; }
  std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }
  bool disk_works = true;
  // Sees each frame that leaves; false: it does not, as when a radio has no budget for it.
  std::function<bool(const Node&, const SendFrame&)> may_send;
  // Changes what links say of themselves when a node starts.
  std::function<void(LinkInfo*)> shape_link;

 private:
  void Write(Node* n, Persist persist) {
    std::string error;
    if (!n->disk_refuses && n->store->Write(persist.writes, &error)) {
      if (persist.token != 0) n->core->OnPersisted(now_, persist.token);
      return;
    }
    n->unwritten.push_back(std::move(persist));
    if (n->disk_refuses) return;
    n->disk_refuses = true;
    n->core->OnStoreFailed(now_, error);
    At(1s, [this, n] { WriteAgain(n); });
  }
  void WriteAgain(Node* n) {
    if (n->core == nullptr || !n->disk_refuses) return;
    std::vector<StoreWrite> all;
    for (const Persist& p : n->unwritten) {
      all.insert(all.end(), p.writes.begin(), p.writes.end());
    }
    std::string error;
    if (!n->store->Write(all, &error)) {
      At(1s, [this, n] { WriteAgain(n); });
      return;
    }
    n->disk_refuses = false;
    n->core->OnStoreWorks(now_);
    for (const Persist& p : std::exchange(n->unwritten, {})) {
      if (p.token != 0) n->core->OnPersisted(now_, p.token);
    }
    Drain(*n);
  }
  void Mix(Node* n, ByteSpan bytes) {
    auto byte = [n](std::uint8_t b) { n->hash = (n->hash ^ b) * 1099511628211ull; };
    for (int i = 0; i < 8; ++i) byte(static_cast<std::uint8_t>(ToNanos(now_) >> (8 * i)));
    for (std::uint8_t b : bytes) byte(b);
  }
  std::pair<Node*, LinkId> owner_of(MemoryPort port) {
    for (auto& n : nodes_) {
      for (std::size_t i = 0; i < n->ports.size(); ++i) {
        if (n->ports[i] == port) return {n.get(), LinkId(static_cast<std::uint16_t>(i))};
      }
    }
    return {nullptr, LinkId(0)};
  }

  MemoryNetwork network_;
  TestNetwork members_;
  Random random_;
  Time now_ = TimeFromNanos(1'000'000'000);
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::string, TrustAnchor> anchors_;
  std::map<std::string, NodeConfig> configs_;
  std::map<std::pair<std::string, std::string>, std::pair<MemoryPort, MemoryPort>> ends_;
  std::multimap<Time, std::function<void()>> timers_;
  std::uint64_t steps_ = 0;
};

// s - a1 - a2 - d and s - b1 - b2 - d.
inline void BuildDiamond(Mesh* mesh, const ChannelModel& model = {}, const NodeConfig& node = {}) {
  for (const char* n : {"s", "a1", "a2", "b1", "b2", "d"}) mesh->Add(n, mesh->members(), node);
  for (auto [a, b] :
       {std::pair{"s", "a1"}, {"a1", "a2"}, {"a2", "d"}, {"s", "b1"}, {"b1", "b2"}, {"b2", "d"}}) {
    mesh->Join(a, b, model);
  }
}

}  // namespace selvage
