#include "tools/bench/bench_node.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "agents/membership/state_files.h"
#include "transports/registry.h"

namespace selvage::bench {

struct BenchNode::Impl final : LinkListener {
  static constexpr LinkId kLink{0};

  ~Impl() override {
    if (thread.joinable()) {
      reactor->Stop();
      thread.join();
    }
    transport.reset();  // registered with the reactor
    if (wake_fd >= 0) close(wake_fd);
  }

  void OnLinkUp(LinkId link, const LinkInfo& info) override {
    core->OnLinkUp(reactor->now(), link, info);
  }
  void OnLinkDown(LinkId link, const std::string&) override {
    core->OnLinkDown(reactor->now(), link);
  }
  void OnConfiguredPeer(LinkId link, const PeerAddress& peer) override {
    core->OnConfiguredPeer(reactor->now(), link, peer);
  }
  void OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame) override {
    core->OnFrame(reactor->now(), link, from, frame);
    Perform();
  }

  void Perform() {
    while (auto effect = core->PollEffect()) {
      if (auto* send = std::get_if<SendFrame>(&*effect)) {
        transport->Send(send->to, send->frame);
        core->Recycle(std::move(send->frame));
      } else if (auto* deliver = std::get_if<Deliver>(&*effect)) {
        if (on_deliver) on_deliver(*deliver);
      } else if (auto* persist = std::get_if<Persist>(&*effect)) {
        std::string error;
        store->Write(persist->writes, &error);
        if (persist->token != 0) core->OnPersisted(reactor->now(), persist->token);
      }
    }
  }

  Time TurnEnd(Time now) {
    if (core->NextDeadline() <= now) core->OnTimeout(now);
    Perform();
    transport->Flush();
    return core->NextDeadline();
  }

  void RunPosted() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = read(wake_fd, &count, sizeof(count));
    std::vector<std::function<void()>> todo;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      todo.swap(posted);
    }
    for (auto& function : todo) function();
  }

  void Main() {
    pthread_setname_np(pthread_self(), name.c_str());
    reactor->Run();
  }

  std::string name;
  std::unique_ptr<Reactor> reactor;
  std::unique_ptr<Store> store = NewMemoryStore();
  std::unique_ptr<NodeCore> core;
  std::unique_ptr<Transport> transport;
  std::function<void(const Deliver&)> on_deliver;
  std::thread thread;
  int wake_fd = -1;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
};

BenchNode::BenchNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BenchNode::~BenchNode() = default;

absl::StatusOr<std::unique_ptr<BenchNode>> BenchNode::Create(const Options& options) {
  auto impl = std::make_unique<Impl>();
  impl->name = options.thread_name;
  auto membership = LoadMembership(options.state_dir);
  if (!membership.ok()) return membership.status();
  auto reactor = Reactor::Create();
  if (!reactor.ok()) return reactor.status();
  impl->reactor = *std::move(reactor);
  NodeCore::Init init;
  init.identity = std::move(membership->identity);
  init.anchor = std::move(membership->anchor);
  init.epoch = Epoch(1);
  init.crypto = NewSodiumCrypto();
  init.crypto->RandomBytes({reinterpret_cast<std::uint8_t*>(&init.seed), sizeof(init.seed)});
  init.wall = static_cast<WallSeconds>(std::time(nullptr));
  impl->core = std::make_unique<NodeCore>(impl->reactor->now(), std::move(init), *impl->store);
  LinkConfig link;
  link.transport = "ethernet";
  link.listen = options.listen;
  link.peers = options.peers;
  link.batch_max = options.batch_max;
  auto transport = CreateTransport(link.transport, link, Impl::kLink, *impl->reactor, *impl);
  if (!transport.ok()) return transport.status();
  impl->transport = *std::move(transport);
  return std::unique_ptr<BenchNode>(new BenchNode(std::move(impl)));
}

absl::Status BenchNode::Start() {
  Impl* impl = impl_.get();
  impl->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (impl->wake_fd < 0) return absl::ResourceExhaustedError("cannot make an event descriptor");
  impl->reactor->AddFd(impl->wake_fd, [impl] { impl->RunPosted(); });
  impl->reactor->SetTurnEnd([impl](Time now) { return impl->TurnEnd(now); });
  if (absl::Status status = impl->transport->Start(); !status.ok()) return status;
  impl->thread = std::thread([impl] { impl->Main(); });
  return absl::OkStatus();
}

void BenchNode::Call(const std::function<void()>& function) {
  std::promise<void> done;
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->posted.push_back([&] {
      function();
      done.set_value();
    });
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(impl_->wake_fd, &one, sizeof(one));
  done.get_future().wait();
}

std::int64_t BenchNode::CpuNanos() const {
  clockid_t clock;
  timespec ts{};
  if (pthread_getcpuclockid(impl_->thread.native_handle(), &clock) == 0) clock_gettime(clock, &ts);
  return static_cast<std::int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
}

Reactor& BenchNode::reactor() { return *impl_->reactor; }
NodeCore& BenchNode::core() { return *impl_->core; }
const TransportCounters& BenchNode::transport_counters() const {
  return impl_->transport->counters();
}

void BenchNode::SetDeliverHandler(std::function<void(const Deliver&)> handler) {
  impl_->on_deliver = std::move(handler);
}

bool BenchNode::Submit(Message message, std::string* reason) {
  return impl_->core->Submit(impl_->reactor->now(), std::move(message), reason) != 0;
}

}  // namespace selvage::bench
