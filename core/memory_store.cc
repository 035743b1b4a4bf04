#include "core/store.h"

namespace selvage {
namespace {

class MemoryStore : public Store {
 public:
  std::optional<std::string> Get(std::string_view key) override {
    auto it = map_.find(key);
    if (it == map_.end()) return std::nullopt;
    return it->second;
  }
  bool Write(const std::vector<StoreWrite>& batch, std::string* /*error*/) override {
    for (const StoreWrite& w : batch) {
      if (w.value) {
        map_.insert_or_assign(w.key, *w.value);
      } else {
        map_.erase(w.key);
      }
    }
    return true;
  }
  void Scan(std::string_view prefix,
            const std::function<bool(std::string_view, std::string_view)>& visit) override {
    for (auto it = map_.lower_bound(prefix); it != map_.end(); ++it) {
      if (std::string_view(it->first).substr(0, prefix.size()) != prefix) break;
      if (!visit(it->first, it->second)) break;
    }
  }

 private:
  std::map<std::string, std::string, std::less<>> map_;
};

}  // namespace

std::unique_ptr<Store> NewMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace selvage
