#include "tools/bench/bench_node.h"

#include <pthread.h>

#include <future>
#include <thread>
#include <utility>

#include "core/store.h"
#include "transports/registry.h"

namespace selvage::bench {

struct BenchNode::Impl {
  ~Impl() {
    if (!thread.joinable()) return;
    runtime->Stop();
    thread.join();
  }
  void Main() {
    pthread_setname_np(pthread_self(), thread_name.c_str());
    runtime->Run();
  }

  std::string thread_name;
  Transport* transport = nullptr;  // owned by the runtime
  std::unique_ptr<NodeRuntime> runtime;
  std::thread thread;
};

BenchNode::BenchNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BenchNode::~BenchNode() = default;

absl::StatusOr<std::unique_ptr<BenchNode>> BenchNode::Create(const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->thread_name = options.thread_name;
  AgentConfig config;
  config.node_name = options.name;
  config.state_dir = options.state_dir;
  LinkConfig link;
  link.transport = "ethernet";
  link.listen = options.listen;
  link.peers = options.peers;
  link.batch_max = options.batch_max;
  config.links = {link};
  NodeRuntime::Parts parts;
  parts.store = NewMemoryStore();
  parts.make_link = [p = impl.get()](const LinkConfig& c, LinkId id, Reactor& reactor,
                                     LinkListener& listener) {
    auto made = CreateTransport(c.transport, c, id, reactor, listener);
    if (made.ok()) p->transport = made->get();
    return made;
  };
  auto runtime = NodeRuntime::Create(std::move(config), std::move(parts));
  if (!runtime.ok()) return runtime.status();
  impl->runtime = *std::move(runtime);
  return std::unique_ptr<BenchNode>(new BenchNode(std::move(impl)));
}

absl::Status BenchNode::Start() {
  if (absl::Status status = impl_->runtime->Start(); !status.ok()) return status;
  impl_->thread = std::thread([impl = impl_.get()] { impl->Main(); });
  return absl::OkStatus();
}

void BenchNode::Call(const std::function<void()>& function) {
  std::promise<void> done;
  const bool posted = impl_->runtime->Post([&] {
    function();
    done.set_value();
  });
  if (posted) done.get_future().wait();
}

std::int64_t BenchNode::CpuNanos() const {
  clockid_t clock;
  timespec ts{};
  if (pthread_getcpuclockid(impl_->thread.native_handle(), &clock) == 0) clock_gettime(clock, &ts);
  return static_cast<std::int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

NodeRuntime& BenchNode::runtime() { return *impl_->runtime; }
const TransportCounters& BenchNode::transport_counters() const {
  return impl_->transport->counters();
}

}  // namespace selvage::bench
