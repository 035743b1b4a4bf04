#include "agents/delivery/reorder_buffer.h"

#include <algorithm>
#include <iterator>

namespace selvage {

bool ReorderBuffer::Add(Time now, const ReceivedFlow& key, std::uint64_t first,
                        HeldMessage message) {
  const std::size_t bytes = message.body.size() + kEntryBytes;
  const auto known = flows_.find(key);
  if (known != flows_.end() && (known->second.messages.size() >= kFlowMessagesMax ||
                                known->second.bytes + bytes > kFlowBytesMax)) {
    return false;
  }
  while (bytes_ + bytes > kBytesMax || (known == flows_.end() && flows_.size() >= kFlowsMax)) {
    auto oldest = flows_.end();
    for (auto it = flows_.begin(); it != flows_.end(); ++it) {
      if (it == known) continue;
      if (oldest == flows_.end() || it->second.used < oldest->second.used) oldest = it;
    }
    if (oldest == flows_.end()) return false;
    Evict(oldest);
  }
  Flow& flow = known != flows_.end() ? known->second : flows_[key];
  flow.used = now;
  flow.bytes += bytes;
  bytes_ += bytes;
  ++messages_;
  flow.messages.emplace(first, std::move(message));
  return true;
}

void ReorderBuffer::Erase(Flow* flow, std::map<std::uint64_t, HeldMessage>::iterator it) {
  const std::size_t bytes = it->second.body.size() + kEntryBytes;
  flow->bytes -= bytes;
  bytes_ -= bytes;
  --messages_;
  flow->messages.erase(it);
}

std::optional<HeldMessage> ReorderBuffer::Take(const ReceivedFlow& key, std::uint64_t first) {
  const auto f = flows_.find(key);
  if (f == flows_.end()) return std::nullopt;
  const auto it = f->second.messages.find(first);
  if (it == f->second.messages.end()) return std::nullopt;
  const std::size_t bytes = it->second.body.size() + kEntryBytes;
  f->second.bytes -= bytes;
  bytes_ -= bytes;
  --messages_;
  std::optional<HeldMessage> out(std::move(it->second));
  f->second.messages.erase(it);
  if (f->second.messages.empty()) flows_.erase(f);
  return out;
}

std::optional<SequenceRange> ReorderBuffer::Around(const ReceivedFlow& key,
                                                   std::uint64_t sequence) const {
  const auto f = flows_.find(key);
  if (f == flows_.end()) return std::nullopt;
  const auto& messages = f->second.messages;
  auto it = messages.upper_bound(sequence);
  if (it == messages.begin() || std::prev(it)->second.last < sequence) return std::nullopt;
  --it;
  SequenceRange run{it->first, it->second.last};
  for (auto before = it; before != messages.begin();) {
    --before;
    if (before->second.last + 1 != run.first) break;
    run.first = before->first;
  }
  for (++it; it != messages.end() && it->first == run.last + 1; ++it) run.last = it->second.last;
  return run;
}

void ReorderBuffer::Drop(const ReceivedFlow& key, const SequenceRange& range) {
  const auto f = flows_.find(key);
  if (f == flows_.end()) return;
  auto& messages = f->second.messages;
  for (auto it = messages.lower_bound(range.first);
       it != messages.end() && it->first <= range.last;) {
    Erase(&f->second, it++);
  }
  if (messages.empty()) flows_.erase(f);
}

ReorderBuffer::Flows::iterator ReorderBuffer::Evict(Flows::iterator it) {
  evicted_ += it->second.messages.size();
  messages_ -= it->second.messages.size();
  bytes_ -= it->second.bytes;
  return flows_.erase(it);
}

void ReorderBuffer::DropIdle(Time now) {
  for (auto it = flows_.begin(); it != flows_.end();) {
    it = now - it->second.used > kIdle ? Evict(it) : std::next(it);
  }
}

}  // namespace selvage
