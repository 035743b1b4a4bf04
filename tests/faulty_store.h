// A store that fails as disks do, around a real one: every k-th write, or all while it is full.
//
// Thread rule: the switches may be set on any thread; the rest as Store says.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/store.h"

namespace selvage {

class FaultyStore final : public Store {
 public:
  explicit FaultyStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  // The k-th write from now fails, and each k-th after it; 0: none does.
  void FailEvery(int k) {
    since_ = 0;
    fail_every_ = k;
  }
  // Full: every write fails.
  void SetFull(bool full) { full_ = full; }
  int failed() const { return failed_; }
  int written() const { return written_; }

  std::optional<std::string> Get(std::string_view key) override { return inner_->Get(key); }
  bool Write(const std::vector<StoreWrite>& batch, std::string* error) override {
    const int k = fail_every_;
    if (full_ || (k > 0 && ++since_ % k == 0)) {
      ++failed_;
      *error = full_ ? "No space left on device; make room on that disk" : "input/output error";
      return false;
    }
    if (!inner_->Write(batch, error)) return false;
    ++written_;
    return true;
  }
  void Scan(
      std::string_view prefix,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) override {
    inner_->Scan(prefix, visit);
  }

 private:
  const std::unique_ptr<Store> inner_;
  std::atomic<int> fail_every_{0};
  std::atomic<int> since_{0};
  std::atomic<bool> full_{false};
  std::atomic<int> failed_{0};
  std::atomic<int> written_{0};
};

}  // namespace selvage
