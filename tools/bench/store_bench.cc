#include "tools/bench/store_bench.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "agents/store/commit_queue.h"
#include "agents/store/rocks_store.h"
#include "tools/bench/sample.h"
#include "tools/bench/scratch.h"
#include "tools/bench/stopwatch.h"

namespace selvage::bench {
namespace {

constexpr double kSliceSeconds = 0.2;
constexpr int kWaitMs = 5000;  // a disk that needs longer for one group is told of as refusing

std::string Key(std::uint64_t i) { return "bench/" + std::to_string(1'000'000'000 + i); }

absl::Status Errno(const std::string& what) {
  return absl::UnavailableError(what + ": " + std::strerror(errno));
}

class SyncedFile {
 public:
  explicit SyncedFile(const std::string& path)
      : fd_(open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)) {}
  ~SyncedFile() {
    if (fd_ >= 0) close(fd_);
  }
  bool Append(const std::string& record) {
    return write(fd_, record.data(), record.size()) == static_cast<ssize_t>(record.size()) &&
           fsync(fd_) == 0;
  }

 private:
  int fd_;
};

absl::StatusOr<nlohmann::json> MeasureSynced(const StoreOptions& options, RocksStore* store,
                                             const std::string& directory) {
  SyncedFile file(directory + "/bare");
  const std::string value(static_cast<std::size_t>(options.value_bytes), 'v');
  Sample store_us;
  Sample bare_us;
  std::uint64_t number = 0;
  const Stopwatch all;
  do {
    for (const Stopwatch slice; slice.seconds() < kSliceSeconds;) {
      std::string error;
      const Stopwatch one;
      if (!store->Write({{Key(++number), value}}, &error)) return absl::UnavailableError(error);
      store_us.Add(one.microseconds());
    }
    for (const Stopwatch slice; slice.seconds() < kSliceSeconds;) {
      const std::string record = Key(++number) + value;
      const Stopwatch one;
      if (!file.Append(record)) return Errno("cannot append to a file in " + directory);
      bare_us.Add(one.microseconds());
    }
  } while (all.seconds() < options.seconds * 2 / 3);
  return nlohmann::json{{"synced_write_us", store_us.ToJson()},
                        {"synced_writes_per_second", 1e6 / store_us.Median()},
                        {"bare_synced_append_us", bare_us.ToJson()},
                        {"bare_synced_appends_per_second", 1e6 / bare_us.Median()},
                        {"ratio", store_us.Median() / bare_us.Median()}};
}

// Keeps `in_flight` batches waiting and measures from Add to the report that each is durable.
absl::StatusOr<nlohmann::json> MeasureGroups(const StoreOptions& options, RocksStore* store) {
  auto queue = CommitQueue::Create(store);
  if (!queue.ok()) return queue.status();
  const std::string value(static_cast<std::size_t>(options.value_bytes), 'v');
  std::map<std::uint64_t, Stopwatch> waiting;
  Sample latency_us;
  std::uint64_t token = 0;
  std::uint64_t durable = 0;
  const Stopwatch all;
  while (all.seconds() < options.seconds / 3) {
    while (waiting.size() < static_cast<std::size_t>(options.in_flight)) {
      ++token;
      if (!(*queue)->Add(token, {{Key(token), value}})) break;
      waiting.emplace(token, Stopwatch());
    }
    pollfd readable{(*queue)->fd(), POLLIN, 0};
    if (poll(&readable, 1, kWaitMs) <= 0) {
      return absl::UnavailableError("the disk took no group of writes within 5 s");
    }
    const CommitQueue::News news = (*queue)->Take();
    if (news.changed && !news.changed->ok()) return *news.changed;
    for (const std::uint64_t done : news.durable) {
      const auto it = waiting.find(done);
      if (it == waiting.end()) continue;
      latency_us.Add(it->second.microseconds());
      waiting.erase(it);
      ++durable;
    }
  }
  const double seconds = all.seconds();
  const std::uint64_t groups = (*queue)->groups_written();
  return nlohmann::json{
      {"in_flight", options.in_flight},
      {"writes_per_second", static_cast<double>(durable) / seconds},
      {"latency_us", latency_us.ToJson()},
      {"latency_p99_us", latency_us.Quantile(0.99)},
      {"writes_per_group",
       groups == 0 ? 0.0 : static_cast<double>(durable) / static_cast<double>(groups)}};
}

}  // namespace

absl::StatusOr<nlohmann::json> RunStoreBench(const StoreOptions& options) {
  auto directory = ScratchDirectory::Create(options.directory);
  if (!directory.ok()) return directory.status();
  auto store = RocksStore::Open(directory->path() + "/store");
  if (!store.ok()) return store.status();
  auto synced = MeasureSynced(options, store->get(), directory->path());
  if (!synced.ok()) return synced.status();
  auto groups = MeasureGroups(options, store->get());
  if (!groups.ok()) return groups.status();
  nlohmann::json out = *std::move(synced);
  out["value_bytes"] = options.value_bytes;
  out["group_commit"] = *std::move(groups);
  return out;
}

}  // namespace selvage::bench
