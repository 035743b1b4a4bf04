// Store on RocksDB, tuned for an agent of a few megabytes: what Write() acknowledged is on disk.
//
// Small before fast: one write buffer of kWriteBufferBytes, no block cache, no compression, one
// background thread. The node core reads at start only, so what a cache would save is little.
//
// Damage. A log that ends in the middle of a record is what a power loss leaves: the tail was never
// acknowledged and is cut off in silence. A damaged record with others behind it is not: the store
// opens with everything before it, and recovery() says that acknowledged writes may be missing.
//
// A write that failed (full disk) leaves RocksDB refusing writes until it is told to go on; the
// next Write() does so, and opens the database anew when that is not enough. So retrying is all a
// caller has to do. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/store.h"

namespace selvage {

class RocksStore final : public Store {
 public:
  static constexpr std::size_t kWriteBufferBytes = 512 * 1024;
  static constexpr int kOpenFilesMax = 32;

  // Opens or makes the database in directory `path`, whose parent must exist.
  // Errors: Unavailable (another process has it open), PermissionDenied, ResourceExhausted (disk
  // full), DataLoss (damaged beyond the log), NotFound (no parent). Each says what to do.
  static absl::StatusOr<std::unique_ptr<RocksStore>> Open(const std::string& path);
  ~RocksStore() override;

  std::optional<std::string> Get(std::string_view key) override;
  bool Write(const std::vector<StoreWrite>& batch, std::string* error) override;
  void Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) override;

  // The first error that Get or Scan met: what they returned may then be incomplete.
  const absl::Status& read_status() const;
  // Not OK when something acknowledged may be missing after opening.
  const absl::Status& recovery() const;

 private:
  struct Impl;
  explicit RocksStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage
