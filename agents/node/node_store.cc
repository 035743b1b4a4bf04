// NodeCore: what becomes of messages while the disk refuses.
#include "agents/node/node_impl.h"

namespace selvage {

void NodeCore::Impl::Withdraw(std::uint64_t message, const std::string& reason) {
  std::optional<StoreWrite> removal = sender_.Withdraw(message);
  if (!removal) return;
  // Its write may wait in the driver's queue still: the later value of a key wins.
  Emit(Persist{0, {*std::move(removal)}});
  Emit(MessageReport{message, MessageReport::What::kFailed, "cannot be stored: " + reason});
}

void NodeCore::Impl::PersistRefused(std::uint64_t token) {
  auto it = waiting_.find(token);
  if (it == waiting_.end()) return;
  const WaitingPersist w = std::move(it->second);
  waiting_.erase(it);
  if (w.carried) {
    custody_.OnWriteRefused(*w.carried);
  } else if (w.message == 0) {
    // No receipts, so what they speak of will be sent again; the records go to the disk with it.
    receiver_.OnRefused(w.receipts);
  } else {
    Withdraw(w.message, "too much waits for the disk already");
  }
}

void NodeCore::Impl::StoreFailed(const std::string& reason) {
  store_failure_ = reason.empty() ? "the disk refuses writes" : reason;
  // Receipts go on waiting: their messages were handed up, and the record is written in the end.
  std::vector<std::uint64_t> messages;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (it->second.carried) {
      custody_.OnWriteRefused(*it->second.carried);
      it = waiting_.erase(it);
    } else if (it->second.message == 0) {
      ++it;
    } else {
      messages.push_back(it->second.message);
      it = waiting_.erase(it);
    }
  }
  for (const std::uint64_t m : messages) Withdraw(m, store_failure_);
}

}  // namespace selvage
