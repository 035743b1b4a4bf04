#include "tools/bench/bare_relay.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include "core/crypto.h"
#include "tools/bench/loopback.h"
#include "tools/bench/pacer.h"

namespace selvage::bench {
namespace {

constexpr std::size_t kHeaderBytes = 7;  // type, session, counter
constexpr std::size_t kSlotBytes = 9216;
constexpr int kPollMs = 50;  // how soon a thread notices that it is over

// Message headers and buffers for one direction.
struct Batch {
  explicit Batch(const sockaddr_in* to) : memory(BareRelay::kBatchMax * kSlotBytes) {
    for (int i = 0; i < BareRelay::kBatchMax; ++i) {
      vectors[i] = {memory.data() + i * kSlotBytes, kSlotBytes};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      if (to == nullptr) continue;
      addresses[i] = *to;
      headers[i].msg_hdr.msg_name = &addresses[i];
      headers[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    }
  }
  std::uint8_t* slot(int i) { return memory.data() + i * kSlotBytes; }
  std::vector<std::uint8_t> memory;
  std::array<mmsghdr, BareRelay::kBatchMax> headers{};
  std::array<iovec, BareRelay::kBatchMax> vectors{};
  std::array<sockaddr_in, BareRelay::kBatchMax> addresses{};
};

void PutCounter(std::uint8_t* frame, std::uint32_t counter) {
  ByteWriter w({frame + 3, 4});
  w.U32(counter);
}

std::uint32_t TakeCounter(const std::uint8_t* frame) { return ByteReader({frame + 3, 4}).U32(); }

}  // namespace

struct BareRelay::Impl {
  explicit Impl(const Options& o) : options(o) {}
  ~Impl() {
    over = true;
    // The relay blocks in its receive call: one malformed frame wakes it.
    if (relay_fd >= 0) {
      sendto(generator_fd, "", 1, 0, reinterpret_cast<const sockaddr*>(&relay_address),
             sizeof(relay_address));
    }
    for (std::thread* t : {&generator, &relay, &sink}) {
      if (t->joinable()) t->join();
    }
    for (int fd : {generator_fd, relay_fd, sink_fd}) {
      if (fd >= 0) close(fd);
    }
  }

  void Generate() {
    pthread_setname_np(pthread_self(), "bare-source");
    Batch out(&relay_address);
    const std::size_t size = static_cast<std::size_t>(options.size);
    const Bytes plain(size - kHeaderBytes - kTagBytes, 0x5a);
    std::uint32_t counter = 0;
    pollfd timer{pacer.fd(), POLLIN, 0};
    while (!over) {
      if (poll(&timer, 1, kPollMs) <= 0) continue;
      std::uint64_t due = pacer.Take();
      while (due > 0) {
        const int n = static_cast<int>(
            std::min<std::uint64_t>(due, static_cast<std::uint64_t>(options.batch)));
        for (int i = 0; i < n; ++i) {
          std::uint8_t* frame = out.slot(i);
          PutCounter(frame, ++counter);
          crypto->Seal(key_in, counter, {frame, kHeaderBytes}, plain, kTagBytes,
                       frame + kHeaderBytes);
          out.vectors[i].iov_len = size;
        }
        sendmmsg(generator_fd, out.headers.data(), static_cast<unsigned>(n), 0);
        due -= static_cast<std::uint64_t>(n);
      }
    }
  }

  // False when the frame is not authentic.
  bool Turn(std::uint8_t* frame, std::size_t size) {
    if (size < kHeaderBytes + kTagBytes) return false;
    std::uint8_t* body = frame + kHeaderBytes;
    if (!crypto->Open(key_in, TakeCounter(frame), {frame, kHeaderBytes},
                      {body, size - kHeaderBytes}, kTagBytes, body)) {
      return false;
    }
    PutCounter(frame, ++counter_out);
    crypto->Seal(key_out, counter_out, {frame, kHeaderBytes},
                 {body, size - kHeaderBytes - kTagBytes}, kTagBytes, body);
    return true;
  }

  void Relay() {
    pthread_setname_np(pthread_self(), "bare-relay");
    options.batch == 1 ? RelaySingly() : RelayBatches();
  }

  void RelaySingly() {
    std::vector<std::uint8_t> frame(kSlotBytes);
    while (!over) {
      const ssize_t n = recvfrom(relay_fd, frame.data(), frame.size(), 0, nullptr, nullptr);
      if (n <= 0 || !Turn(frame.data(), static_cast<std::size_t>(n))) continue;
      sendto(relay_fd, frame.data(), static_cast<std::size_t>(n), 0,
             reinterpret_cast<const sockaddr*>(&sink_address), sizeof(sink_address));
      Count(1, 2);
    }
  }

  void RelayBatches() {
    Batch batch(nullptr);
    for (auto& h : batch.headers) {
      h.msg_hdr.msg_name = &sink_address;
    }
    const auto limit = static_cast<unsigned>(options.batch);
    while (!over) {
      // The same headers receive (no address wanted) and send.
      for (unsigned i = 0; i < limit; ++i) {
        batch.headers[i].msg_hdr.msg_name = nullptr;
        batch.headers[i].msg_hdr.msg_namelen = 0;
        batch.vectors[i].iov_len = kSlotBytes;
      }
      const int n = recvmmsg(relay_fd, batch.headers.data(), limit, MSG_WAITFORONE, nullptr);
      int good = 0;
      for (int i = 0; i < n; ++i) {
        const std::size_t size = batch.headers[i].msg_len;
        if (!Turn(batch.slot(i), size)) break;
        batch.vectors[i].iov_len = size;
        batch.headers[i].msg_hdr.msg_name = &sink_address;
        batch.headers[i].msg_hdr.msg_namelen = sizeof(sink_address);
        ++good;
      }
      if (good == 0) continue;
      sendmmsg(relay_fd, batch.headers.data(), static_cast<unsigned>(good), 0);
      Count(static_cast<std::uint64_t>(good), 2);
    }
  }

  void Count(std::uint64_t frames, std::uint64_t calls) {
    forwarded.store(forwarded.load(std::memory_order_relaxed) + frames, std::memory_order_relaxed);
    system_calls.store(system_calls.load(std::memory_order_relaxed) + calls,
                       std::memory_order_relaxed);
  }

  // Waits with epoll and opens what comes, as a node does: whoever is woken is part of the cost of
  // waking it.
  void Drain() {
    pthread_setname_np(pthread_self(), "bare-sink");
    Batch in(nullptr);
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, sink_fd, &event);
    std::uint64_t sum = 0;
    while (!over) {
      if (epoll_wait(epoll_fd, &event, 1, kPollMs) <= 0) continue;
      const int n = recvmmsg(sink_fd, in.headers.data(), kBatchMax, MSG_DONTWAIT, nullptr);
      for (int i = 0; i < n; ++i) {
        const std::size_t size = in.headers[i].msg_len;
        std::uint8_t* frame = in.slot(i);
        if (size < kHeaderBytes + kTagBytes) continue;
        sum += crypto->Open(key_out, TakeCounter(frame), {frame, kHeaderBytes},
                            {frame + kHeaderBytes, size - kHeaderBytes}, kTagBytes,
                            frame + kHeaderBytes);
      }
      received.store(sum, std::memory_order_relaxed);
    }
    close(epoll_fd);
  }

  const Options options;
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  SymmetricKey key_in{};
  SymmetricKey key_out{};
  std::uint32_t counter_out = 0;
  sockaddr_in relay_address{};
  sockaddr_in sink_address{};
  int generator_fd = -1;
  int relay_fd = -1;
  int sink_fd = -1;
  Pacer pacer;
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> forwarded{0};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> system_calls{0};
  std::thread generator;
  std::thread relay;
  std::thread sink;
};

BareRelay::BareRelay(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BareRelay::~BareRelay() = default;

absl::StatusOr<std::unique_ptr<BareRelay>> BareRelay::Create(const Options& options) {
  auto impl = std::make_unique<Impl>(options);
  impl->crypto->RandomBytes({impl->key_in.data(), impl->key_in.size()});
  impl->crypto->RandomBytes({impl->key_out.data(), impl->key_out.size()});
  sockaddr_in ignored{};
  impl->generator_fd = OpenLoopback(&ignored);
  impl->relay_fd = OpenLoopback(&impl->relay_address);
  impl->sink_fd = OpenLoopback(&impl->sink_address);
  if (impl->generator_fd < 0 || impl->relay_fd < 0 || impl->sink_fd < 0) {
    return absl::UnavailableError("cannot open UDP sockets on 127.0.0.1");
  }
  Impl* p = impl.get();
  impl->sink = std::thread([p] { p->Drain(); });
  impl->relay = std::thread([p] { p->Relay(); });
  impl->generator = std::thread([p] { p->Generate(); });
  return std::unique_ptr<BareRelay>(new BareRelay(std::move(impl)));
}

void BareRelay::SetRate(double rate) {
  rate > 0 ? impl_->pacer.Start(rate, impl_->options.batch) : impl_->pacer.Stop();
}

BareRelay::Counters BareRelay::Read() const {
  Counters c;
  clockid_t clock;
  timespec ts{};
  if (pthread_getcpuclockid(impl_->relay.native_handle(), &clock) == 0) clock_gettime(clock, &ts);
  c.cpu_ns = static_cast<std::int64_t>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
  c.forwarded = impl_->forwarded.load(std::memory_order_relaxed);
  c.received_at_sink = impl_->received.load(std::memory_order_relaxed);
  c.system_calls = impl_->system_calls.load(std::memory_order_relaxed);
  return c;
}

}  // namespace selvage::bench
