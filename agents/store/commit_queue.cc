#include "agents/store/commit_queue.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace selvage {
namespace {

// What a map entry costs beside its bytes, about.
constexpr std::size_t kEntryBytes = 96;

struct Group {
  std::map<std::string, std::optional<std::string>> writes;
  std::vector<std::uint64_t> tokens;
  std::size_t bytes = 0;

  void Put(std::string key, std::optional<std::string> value) {
    const std::size_t value_bytes = value ? value->size() : 0;
    const auto [it, fresh] = writes.try_emplace(std::move(key));
    if (fresh) {
      bytes += it->first.size() + kEntryBytes;
    } else {
      bytes -= it->second ? it->second->size() : 0;
    }
    it->second = std::move(value);
    bytes += value_bytes;
  }
};

}  // namespace

struct CommitQueue::Impl {
  Impl(Store* s, int f) : store(s), fd(f) {}
  ~Impl() { close(fd); }

  Store* const store;
  const int fd;
  std::thread thread;

  mutable std::mutex mutex;
  std::condition_variable wake;
  Group pending;
  std::vector<std::uint64_t> durable;
  std::optional<absl::Status> changed;
  std::size_t writing_bytes = 0;  // of the group the thread has in hand
  std::size_t writing_tokens = 0;
  bool stop = false;

  std::atomic<std::uint64_t> groups_written{0};
  std::atomic<std::uint64_t> writes_failed{0};

  std::size_t bytes() const { return pending.bytes + writing_bytes; }
  std::size_t tokens() const { return pending.tokens.size() + writing_tokens + durable.size(); }

  void Ring() const {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the descriptor is readable already.
    [[maybe_unused]] const ssize_t n = write(fd, &one, sizeof(one));
  }

  bool WriteGroup(const Group& group, std::string* error) {
    std::vector<StoreWrite> batch;
    batch.reserve(group.writes.size());
    for (const auto& [key, value] : group.writes) batch.push_back({key, value});
    if (store->Write(batch, error)) {
      ++groups_written;
      return true;
    }
    ++writes_failed;
    return false;
  }

  // Puts a group that could not be written back in front of what has arrived since.
  void PutBack(Group group) {
    for (auto& [key, value] : pending.writes) group.Put(key, std::move(value));
    group.tokens.insert(group.tokens.end(), pending.tokens.begin(), pending.tokens.end());
    pending = std::move(group);
  }

  void Run() {
    std::unique_lock<std::mutex> lock(mutex);
    bool failing = false;
    for (;;) {
      if (failing && !stop) wake.wait_for(lock, kRetry, [this] { return stop; });
      wake.wait(lock,
                [this] { return stop || !pending.writes.empty() || !pending.tokens.empty(); });
      const bool last = stop;
      if (pending.writes.empty() && pending.tokens.empty()) return;
      Group group = std::exchange(pending, Group());
      writing_bytes = group.bytes;
      writing_tokens = group.tokens.size();
      lock.unlock();
      std::string error;
      const bool ok = WriteGroup(group, &error);
      lock.lock();
      writing_bytes = 0;
      writing_tokens = 0;
      if (ok) {
        durable.insert(durable.end(), group.tokens.begin(), group.tokens.end());
        if (failing) changed = absl::OkStatus();
      } else {
        PutBack(std::move(group));
        if (!failing) changed = absl::UnavailableError(error);
      }
      if (ok ? (failing || !group.tokens.empty()) : !failing) Ring();
      failing = !ok;
      if (last && !ok) return;
    }
  }
};

CommitQueue::CommitQueue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<CommitQueue>> CommitQueue::Create(Store* store) {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) {
    return absl::ResourceExhaustedError("cannot make an event descriptor: " +
                                        std::string(std::strerror(errno)));
  }
  auto impl = std::make_unique<Impl>(store, fd);
  try {
    impl->thread = std::thread([raw = impl.get()] {
      pthread_setname_np(pthread_self(), "commit");
      raw->Run();
    });
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(std::string("cannot start a thread: ") + e.what());
  }
  return std::unique_ptr<CommitQueue>(new CommitQueue(std::move(impl)));
}

CommitQueue::~CommitQueue() {
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

bool CommitQueue::Add(std::uint64_t token, std::vector<StoreWrite> batch) {
  std::size_t bytes = 0;
  for (const StoreWrite& w : batch) {
    bytes += w.key.size() + kEntryBytes + (w.value ? w.value->size() : 0);
  }
  {
    const std::lock_guard<std::mutex> lock(impl_->mutex);
    if (impl_->bytes() + bytes > kPendingBytesMax || impl_->tokens() >= kPendingTokensMax) {
      return false;
    }
    for (StoreWrite& w : batch) impl_->pending.Put(std::move(w.key), std::move(w.value));
    if (token != 0) impl_->pending.tokens.push_back(token);
  }
  impl_->wake.notify_one();
  return true;
}

bool CommitQueue::crowded() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->bytes() > kPendingBytesMax / 2 || impl_->tokens() > kPendingTokensMax / 2;
}

int CommitQueue::fd() const { return impl_->fd; }

CommitQueue::News CommitQueue::Take() {
  std::uint64_t ignored;
  [[maybe_unused]] const ssize_t n = read(impl_->fd, &ignored, sizeof(ignored));
  News news;
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  news.durable.swap(impl_->durable);
  news.changed = std::exchange(impl_->changed, std::nullopt);
  return news;
}

std::uint64_t CommitQueue::groups_written() const { return impl_->groups_written; }
std::uint64_t CommitQueue::writes_failed() const { return impl_->writes_failed; }

}  // namespace selvage
