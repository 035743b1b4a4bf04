#include "transports/lorawan/air/airtime_window.h"

#include <algorithm>
#include <cassert>

namespace selvage::lorawan {
namespace {

std::int64_t FloorDivide(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && a < 0 ? 1 : 0);
}

}  // namespace

AirtimeWindow::AirtimeWindow(Duration window, Duration limit)
    : window_(window), slot_(window / kSlots), limit_(limit) {
  assert(slot_ >= 1ms && limit >= Duration(0));
}

Duration AirtimeWindow::Used(Time now) const {
  Duration used{0};
  for (const Entry& e : entries_) {
    if (Expiry(e) > now) used += e.airtime;
  }
  return used;
}

bool AirtimeWindow::Fits(Time now, Duration airtime, Duration reserve) const {
  return Used(now) + airtime + reserve <= limit_;
}

Time AirtimeWindow::NextFit(Time now, Duration airtime, Duration reserve) const {
  if (airtime + reserve > limit_) return kNever;
  Duration used = Used(now);
  if (used + airtime + reserve <= limit_) return now;
  for (const Entry& e : entries_) {
    if (Expiry(e) <= now) continue;
    used -= e.airtime;
    if (used + airtime + reserve <= limit_) return Expiry(e);
  }
  return kNever;  // not reached: with everything expired it fits
}

void AirtimeWindow::Add(Time now, Duration airtime) {
  while (!entries_.empty() && Expiry(entries_.front()) <= now) entries_.pop_front();
  const std::int64_t slot = FloorDivide(ToNanos(now + airtime), slot_.count());
  // A frame that ends in an earlier slot than one counted before is counted with that one: longer.
  if (entries_.empty() || slot > entries_.back().slot) {
    if (entries_.size() >= kEntriesMax) {  // frames longer than a slot, started out of order
      entries_[1].airtime += entries_[0].airtime;
      entries_.pop_front();
    }
    entries_.push_back({slot, Duration(0)});
  }
  entries_.back().airtime += airtime;
}

// Record: count u16, then per entry the milliseconds until it expires (rounded up) u32 and its
// air time in microseconds (rounded up) u32.
std::string AirtimeWindow::Encode(Time now) const {
  Bytes out(2 + 8 * entries_.size());
  ByteWriter w(out);
  std::uint16_t count = 0;
  w.U16(0);
  for (const Entry& e : entries_) {
    const Duration left = Expiry(e) - now;
    if (left <= Duration(0)) continue;
    w.U32(static_cast<std::uint64_t>((left.count() + 999'999) / 1'000'000));
    w.U32(static_cast<std::uint64_t>((e.airtime.count() + 999) / 1000));
    ++count;
  }
  ByteWriter(out).U16(count);
  return std::string(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(w.size()));
}

bool AirtimeWindow::Restore(Time now, Duration elapsed, ByteSpan record) {
  ByteReader r(record);
  const std::size_t count = r.U16();
  if (!r.ok() || count > kEntriesMax || r.remaining() != 8 * count) return false;
  if (elapsed < Duration(0)) elapsed = Duration(0);
  std::deque<Entry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    // Nothing counts longer than from this moment on, so a forged or damaged record ends in a
    // window.
    const Duration stored = Duration(std::int64_t{r.U32()} * 1'000'000);
    const Duration left = std::min(stored, window_ + 2 * slot_) - elapsed;
    const Duration airtime = Duration(std::int64_t{r.U32()} * 1000);
    if (left <= Duration(0)) continue;
    // The smallest slot that expires no earlier: ceil((now + left - window) / slot) - 1.
    const std::int64_t begin = ToNanos(now + left - window_);
    const std::int64_t slot = -FloorDivide(-begin, slot_.count()) - 1;
    if (entries.empty() || slot > entries.back().slot) entries.push_back({slot, Duration(0)});
    entries.back().airtime += airtime;
  }
  entries_ = std::move(entries);
  return true;
}

}  // namespace selvage::lorawan
