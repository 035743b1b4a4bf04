// Makes writes durable on a thread of its own: many batches, one synced write.
//
// A disk needs 0.1 to 30 ms for a synced write; the protocol thread must not wait for it. While one
// write is under way, what arrives is merged into the next (the last value of a key wins, which is
// what writing the batches one after the other would leave; all of it becomes durable at once), so
// a slow disk makes larger groups instead of longer queues.
//
// When the disk refuses, nothing is acknowledged; the group is kept, merged with what arrives and
// tried again each kRetry until it succeeds. The first failure and the first success after one are
// reported. Thread rule: all functions on one thread (the reactor's).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/store.h"

namespace selvage {

class CommitQueue {
 public:
  static constexpr std::size_t kPendingBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kPendingTokensMax = 65536;
  static constexpr std::chrono::milliseconds kRetry{1000};

  struct News {
    std::vector<std::uint64_t> durable;  // tokens in the order they were added
    // Not OK: the disk began to refuse. OK: it works again. nullopt: no change.
    std::optional<absl::Status> changed;
  };

  // Starts the thread. From now to the end only it touches `store`, which must outlive the queue.
  static absl::StatusOr<std::unique_ptr<CommitQueue>> Create(Store* store);
  // Writes what is queued, with one last attempt.
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // Queues a batch; `token` is reported by Take() when it is durable, 0: nobody waits. False when
  // the bounds are reached: nothing of the batch will be written.
  bool Add(std::uint64_t token, std::vector<StoreWrite> batch);
  // More than half full: take no new work that needs the disk.
  bool crowded() const;

  // Readable when Take() has something to tell.
  int fd() const;
  News Take();

  std::uint64_t groups_written() const;
  std::uint64_t writes_failed() const;

 private:
  struct Impl;
  explicit CommitQueue(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage
