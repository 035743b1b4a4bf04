#include "agents/delivery/courier.h"

#include <algorithm>

namespace selvage {

bool Courier::Add(Time now, ShortId who, const MessageId& what, Duration pause) {
  auto it = meetings_.find(who.value);
  if (it == meetings_.end()) {
    if (meetings_.size() >= kMeetingsMax) return false;
    it = meetings_.emplace(who.value, Meeting()).first;
  }
  it->second.pause = pause;
  if (it->second.under_way.count(what) == 0) it->second.todo.insert(what);
  Fill(now, who.value, &it->second);
  return true;
}

void Courier::Fill(Time now, std::uint32_t who, Meeting* meeting) {
  while (meeting->under_way.size() < kWindow && !meeting->todo.empty()) {
    const MessageId what = *meeting->todo.begin();
    meeting->todo.erase(meeting->todo.begin());
    Try& t = meeting->under_way[what];
    t.pause = meeting->pause;
    t.again = now + t.pause;
    due_.push_back({ShortId(who), what});
  }
}

void Courier::OnConfirmed(Time now, ShortId who, const MessageId& what) {
  const auto it = meetings_.find(who.value);
  if (it == meetings_.end()) return;
  it->second.under_way.erase(what);
  it->second.todo.erase(what);
  Fill(now, who.value, &it->second);
  if (it->second.under_way.empty()) meetings_.erase(it);
}

void Courier::Forget(const MessageId& what) {
  for (auto it = meetings_.begin(); it != meetings_.end();) {
    it->second.under_way.erase(what);
    it->second.todo.erase(what);
    const bool over = it->second.under_way.empty() && it->second.todo.empty();
    it = over ? meetings_.erase(it) : std::next(it);
  }
}

void Courier::OnTimeout(Time now) {
  for (auto m = meetings_.begin(); m != meetings_.end();) {
    Meeting& meeting = m->second;
    bool unwanted = false;
    for (auto it = meeting.under_way.begin(); it != meeting.under_way.end();) {
      Try& t = it->second;
      if (now < t.again) {
        ++it;
        continue;
      }
      if (t.tries >= kTriesMax) {
        unwanted = true;
        it = meeting.under_way.erase(it);
        continue;
      }
      ++t.tries;
      t.pause *= 2;
      t.again = now + t.pause;
      due_.push_back({ShortId(m->first), it->first});
      ++it;
    }
    // A whole window that nobody wanted: neither the rest.
    if (unwanted && meeting.under_way.empty()) {
      m = meetings_.erase(m);
      continue;
    }
    Fill(now, m->first, &meeting);
    m = meeting.under_way.empty() ? meetings_.erase(m) : std::next(m);
  }
}

Time Courier::NextDeadline() const {
  Time at = kNever;
  for (const auto& [who, meeting] : meetings_) {
    for (const auto& [what, t] : meeting.under_way) at = std::min(at, t.again);
    if (meeting.under_way.size() < kWindow && !meeting.todo.empty()) at = Time::min();
  }
  return at;
}

std::size_t Courier::Waiting(ShortId who) const {
  const auto it = meetings_.find(who.value);
  return it == meetings_.end() ? 0 : it->second.todo.size() + it->second.under_way.size();
}

}  // namespace selvage
