// Durable key-value storage as the agent sees it: ordered, batched, acknowledged means on disk.
//
// Implementations: RocksDB (agents/store), memory (here, for tests, simulation and leaf builds).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selvage {

struct StoreWrite {
  std::string key;
  std::optional<std::string> value;  // nullopt deletes the key
};

// Thread rule: one thread at a time.
class Store {
 public:
  virtual ~Store() = default;
  // nullopt when the key is not there.
  virtual std::optional<std::string> Get(std::string_view key) = 0;
  // Applies all writes atomically. On true they survive a power loss; on false none was applied
  // and `*error` says what failed and what to do about it.
  virtual bool Write(const std::vector<StoreWrite>& batch, std::string* error) = 0;
  // Calls `visit` for each key that starts with `prefix`, in key order, until it returns false.
  virtual void Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) = 0;
};

// Keeps everything in memory; loses it with the process.
std::unique_ptr<Store> NewMemoryStore();

}  // namespace selvage
