#include "transports/radios/credit_budget.h"

#include <time.h>

#include <algorithm>

namespace selvage {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kRecordBytes = 1 + 4 + 4 + 8 + 8;
constexpr std::uint64_t kUsedMax = std::uint64_t{1} << 40;  // sums stay sums

std::uint32_t MonthOf(WallSeconds wall) {
  const time_t seconds = static_cast<time_t>(wall);
  tm utc{};
  gmtime_r(&seconds, &utc);
  return static_cast<std::uint32_t>(utc.tm_year * 12 + utc.tm_mon);
}

}  // namespace

void CreditBudget::Restore(WallSeconds wall, ByteSpan record) {
  ByteReader in(record);
  const bool known = in.U8() == kVersion && record.size() == kRecordBytes;
  day_ = in.U32();
  month_ = in.U32();
  month_used_ = std::min(in.U64(), kUsedMax);
  control_used_ = std::min(in.U64(), kUsedMax);
  if (!known) {
    day_ = static_cast<std::uint32_t>(wall / 86400);
    month_ = wall == 0 ? 0 : MonthOf(wall);
    month_used_ = limits_.month;
    control_used_ = limits_.control_day;
  }
  Roll(wall);
}

std::string CreditBudget::Encode() const {
  Bytes out(kRecordBytes);
  ByteWriter w(out);
  w.U8(kVersion);
  w.U32(day_);
  w.U32(month_);
  w.U64(month_used_);
  w.U64(control_used_);
  return ByteSpan(out).ToString();
}

void CreditBudget::Roll(WallSeconds wall) {
  if (wall == 0) return;
  const auto day = static_cast<std::uint32_t>(wall / 86400);
  const std::uint32_t month = MonthOf(wall);
  if (day > day_) control_used_ = 0;
  if (month > month_) month_used_ = 0;
  // Backwards, too: a clock that was wrong once must not hold a day for years.
  day_ = day;
  month_ = month;
}

bool CreditBudget::TakeControl(std::uint64_t credits) {
  if (control_used_ + credits > limits_.control_day) return false;
  control_used_ += credits;
  return true;
}

}  // namespace selvage
