// An agent that answers from a script, and a thread that serves its reactor: what the control
// socket and the application API are tested against.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agents/control/agent_view.h"

namespace selvage {

inline NodeId TestId(std::uint8_t n) {
  NodeId id;
  id.bytes.fill(n);
  return id;
}

class FakeAgent : public AgentView {
 public:
  FakeAgent() {
    reactor_ = *Reactor::Create();
    facts_.node = "r0c0";
    facts_.id = TestId(1);
    facts_.network = "lab";
    facts_.version = "0.1.0";
    facts_.started = reactor_->ReadClock();
  }

  Reactor& reactor() override { return *reactor_; }
  Time now() const override { return reactor_->now(); }
  const AgentFacts& facts() const override { return facts_; }
  std::vector<NeighborInfo> Neighbors() const override { return neighbors; }
  std::vector<LinkStatus> Links() const override { return links; }
  std::vector<RouteInfo> Routes(TrafficClass c) override {
    std::vector<RouteInfo> out = routes;
    for (RouteInfo& route : out) route.traffic_class = c;
    return out;
  }
  std::vector<std::string> Path(const NodeId& to, TrafficClass) override {
    return paths.count(to) != 0 ? paths[to] : std::vector<std::string>();
  }
  std::optional<NodeId> FindNode(std::string_view name) const override {
    for (const auto& [id, known] : names) {
      if (known == name || id.ToHex() == name) return id;
    }
    return std::nullopt;
  }
  std::string NameOf(const NodeId& id) const override {
    auto found = names.find(id);
    return found == names.end() ? id.ToHex() : found->second;
  }
  Twin GetTwin() const override { return twin; }
  std::size_t nodes_known() const override { return names.size(); }
  std::size_t outbox_messages() const override { return 0; }
  OutboxInfo Outbox() const override { return outbox; }
  std::vector<AnomalyInfo> Anomalies() const override { return anomalies; }
  std::string store_failure() const override { return broken_store; }
  std::vector<Event> Events(std::uint64_t after, std::size_t count_max) const override {
    std::vector<Event> out;
    for (const Event& event : events) {
      if (event.number > after && out.size() < count_max) out.push_back(event);
    }
    return out;
  }
  std::map<std::string, std::uint64_t> Counters() const override { return counters; }

  std::string QuarantineAdd(const NodeId& node, bool force) override {
    if (!force && !refusal.empty()) return refusal;
    quarantined.push_back({});
    quarantined.back().name = NameOf(node);
    quarantined.back().state = force ? "barred" : "quarantined";
    quarantined.back().cause = "operator";
    return "";
  }
  bool QuarantineRemove(const NodeId& node) override {
    const auto it = std::find_if(quarantined.begin(), quarantined.end(),
                                 [&](const auto& q) { return q.name == NameOf(node); });
    if (it == quarantined.end()) return false;
    quarantined.erase(it);
    return true;
  }
  std::vector<QuarantineInfo> Quarantined() const override { return quarantined; }
  std::vector<AccusationInfo> Accusations() const override { return accusations; }
  bool LabSilence(LinkId link) override {
    silenced = link;
    return facts_.lab_enabled;
  }
  bool LabDropForwarded(double share, std::optional<TrafficClass> only,
                        const std::optional<NodeId>& to) override {
    drop_share = share;
    drop_class = only;
    drop_to = to;
    return facts_.lab_enabled;
  }
  bool LabLieMetric(double factor) override {
    lie_factor = factor;
    return facts_.lab_enabled;
  }
  bool LabDelay(Duration delay) override {
    lab_delay = delay;
    return facts_.lab_enabled;
  }
  bool LabReplay() override {
    replays = true;
    return facts_.lab_enabled;
  }
  bool LabAccuse(bool flood) override {
    accuses = flood ? 2 : 1;
    return facts_.lab_enabled;
  }
  bool LabOff() override {
    accuses = 0;
    drop_share = 0;
    lie_factor = 1;
    lab_delay = Duration(0);
    replays = false;
    silenced.reset();
    return facts_.lab_enabled;
  }
  bool lab_active() const override {
    return drop_share > 0 || silenced.has_value() || lie_factor != 1 || lab_delay > Duration(0) ||
           replays;
  }

  std::uint64_t Submit(Message message, std::string* reason) override {
    if (!refusal.empty()) {
      *reason = refusal;
      return 0;
    }
    submitted.push_back(std::move(message));
    return submitted.size();
  }
  bool SetDeliverHandler(std::uint16_t port, DeliverHandler handler) override {
    if (handler == nullptr) return handlers.erase(port) > 0;
    return handlers.emplace(port, std::move(handler)).second;
  }
  std::uint64_t AddReportListener(ReportListener listener) override {
    report_listener = std::move(listener);
    return 1;
  }
  void RemoveReportListener(std::uint64_t) override { report_listener = nullptr; }
  std::uint64_t AddEventListener(EventListener listener) override {
    event_listeners[++last_listener_] = std::move(listener);
    return last_listener_;
  }
  void RemoveEventListener(std::uint64_t number) override { event_listeners.erase(number); }

  void Tell(const std::string& kind, const std::string& text,
            std::map<std::string, std::string> fields) {
    Event event;
    event.number = events.size() + 1;
    event.time = reactor_->ReadClock();
    event.kind = kind;
    event.text = text;
    event.fields = std::move(fields);
    events.push_back(event);
    for (auto& [number, listener] : event_listeners) listener(event);
  }

  AgentFacts facts_;
  Twin twin;
  std::vector<NeighborInfo> neighbors;
  std::vector<LinkStatus> links;
  std::vector<RouteInfo> routes;
  std::map<NodeId, std::vector<std::string>> paths;
  std::map<NodeId, std::string> names{{TestId(1), "r0c0"}, {TestId(2), "r0c1"}};
  std::vector<Event> events;
  std::map<std::string, std::uint64_t> counters;
  std::string refusal;  // what Submit says
  std::string broken_store;
  std::vector<AnomalyInfo> anomalies;
  OutboxInfo outbox;
  std::vector<Message> submitted;
  std::map<std::uint16_t, DeliverHandler> handlers;
  ReportListener report_listener;
  std::map<std::uint64_t, EventListener> event_listeners;
  int accuses = 0;  // 2: in floods
  std::vector<QuarantineInfo> quarantined;
  std::vector<AccusationInfo> accusations;
  std::optional<LinkId> silenced;
  double drop_share = 0;
  std::optional<TrafficClass> drop_class;
  std::optional<NodeId> drop_to;
  double lie_factor = 1;
  Duration lab_delay{0};
  bool replays = false;

 private:
  std::unique_ptr<Reactor> reactor_;
  std::uint64_t last_listener_ = 0;
};

// Runs the agent's reactor on a thread of its own. Everything of the agent is touched through Do()
// once it runs.
class AgentThread {
 public:
  explicit AgentThread(FakeAgent& agent) : agent_(agent) {
    wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    agent.reactor().AddFd(wake_fd_, [this] {
      std::uint64_t count;
      (void)!read(wake_fd_, &count, sizeof(count));
      std::vector<std::function<void()>> all;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        all.swap(posted_);
      }
      for (auto& function : all) function();
    });
    agent.reactor().SetTurnEnd([](Time) { return kNever; });
    thread_ = std::thread([this] { agent_.reactor().Run(); });
  }
  ~AgentThread() {
    agent_.reactor().Stop();
    thread_.join();
    agent_.reactor().RemoveFd(wake_fd_);
    close(wake_fd_);
  }

  // Runs the function on the agent's thread and waits for its result.
  template <typename Function>
  auto Do(Function function) -> decltype(function()) {
    auto task = std::make_shared<std::packaged_task<decltype(function())()>>(std::move(function));
    auto result = task->get_future();
    {
      std::lock_guard<std::mutex> lock(mutex_);
      posted_.push_back([task] { (*task)(); });
    }
    std::uint64_t one = 1;
    (void)!write(wake_fd_, &one, sizeof(one));
    return result.get();
  }

 private:
  FakeAgent& agent_;
  int wake_fd_;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  std::thread thread_;
};

// A directory that goes with the test.
class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/selvage-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TempDir() { (void)!system(("rm -rf '" + path_ + "'").c_str()); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace selvage
