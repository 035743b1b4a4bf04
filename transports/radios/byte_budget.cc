#include "transports/radios/byte_budget.h"

#include <time.h>

#include <algorithm>

namespace selvage {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kRecordBytes = 1 + 4 + 4 + 8 + 8;
// A hundredth of the limit is lost at most by a crash, and a day costs a hundred writes.
constexpr std::uint64_t kStepsPerLimit = 100;
constexpr std::uint64_t kStepMin = 4096;
constexpr std::uint64_t kStepMax = 1 << 20;
constexpr std::uint64_t kUsedMax = std::uint64_t{1} << 60;  // sums stay sums

std::uint64_t StepOf(const ByteBudget::Limits& limits) {
  std::uint64_t least = limits.day_bytes;
  if (limits.month_bytes != 0 && (least == 0 || limits.month_bytes < least)) {
    least = limits.month_bytes;
  }
  return std::clamp(least / kStepsPerLimit, kStepMin, kStepMax);
}

std::uint32_t MonthOf(WallSeconds wall) {
  const time_t seconds = static_cast<time_t>(wall);
  tm utc{};
  gmtime_r(&seconds, &utc);
  return static_cast<std::uint32_t>(utc.tm_year * 12 + utc.tm_mon);
}

}  // namespace

ByteBudget::ByteBudget(Limits limits) : limits_(limits), step_(StepOf(limits)) {}

void ByteBudget::Restore(WallSeconds wall, ByteSpan record) {
  ByteReader in(record);
  const bool known = in.U8() == kVersion && record.size() == kRecordBytes;
  day_ = in.U32();
  month_ = in.U32();
  day_used_ = std::min(in.U64(), kUsedMax);
  month_used_ = std::min(in.U64(), kUsedMax);
  if (!known) {
    day_ = static_cast<std::uint32_t>(wall / 86400);
    month_ = wall == 0 ? 0 : MonthOf(wall);
    day_used_ = limits_.day_bytes;
    month_used_ = limits_.month_bytes;
  }
  day_covered_ = day_asked_ = day_used_;
  month_covered_ = month_asked_ = month_used_;
  Roll(wall);
}

void ByteBudget::Roll(WallSeconds wall) {
  if (wall == 0) return;
  const auto day = static_cast<std::uint32_t>(wall / 86400);
  const std::uint32_t month = MonthOf(wall);
  // What is on disk names the old day: nothing of the new one is covered yet.
  if (day > day_) day_used_ = day_covered_ = day_asked_ = 0;
  if (month > month_) month_used_ = month_covered_ = month_asked_ = 0;
  // Backwards, too: a clock that was wrong once must not hold a day for years.
  day_ = day;
  month_ = month;
}

bool ByteBudget::Fits(std::uint64_t bytes) const {
  return (limits_.day_bytes == 0 || day_used_ + bytes <= limits_.day_bytes) &&
         (limits_.month_bytes == 0 || month_used_ + bytes <= limits_.month_bytes);
}

bool ByteBudget::Covered(std::uint64_t bytes) const {
  return day_used_ + bytes <= day_covered_ && month_used_ + bytes <= month_covered_;
}

void ByteBudget::Add(std::uint64_t bytes) {
  day_used_ += bytes;
  month_used_ += bytes;
}

bool ByteBudget::NeedsWrite() const {
  return day_used_ + step_ / 2 > day_asked_ || month_used_ + step_ / 2 > month_asked_;
}

std::string ByteBudget::Record() {
  day_asked_ = day_used_ + step_;
  month_asked_ = month_used_ + step_;
  Bytes out(kRecordBytes);
  ByteWriter w(out);
  w.U8(kVersion);
  w.U32(day_);
  w.U32(month_);
  w.U64(day_asked_);
  w.U64(month_asked_);
  return ByteSpan(out).ToString();
}

void ByteBudget::Written(const std::string& record) {
  ByteReader in(ByteSpan::Of(record));
  in.U8();
  const std::uint32_t day = in.U32();
  const std::uint32_t month = in.U32();
  const std::uint64_t of_day = in.U64();
  const std::uint64_t of_month = in.U64();
  // A day that ended meanwhile is not this one's.
  if (day == day_) day_covered_ = std::max(day_covered_, of_day);
  if (month == month_) month_covered_ = std::max(month_covered_, of_month);
}

void ByteBudget::NotWritten() {
  day_asked_ = day_covered_;
  month_asked_ = month_covered_;
}

double ByteBudget::UsedShare() const {
  const auto share = [](std::uint64_t used, std::uint64_t limit) {
    return limit == 0 ? 0.0 : static_cast<double>(used) / static_cast<double>(limit);
  };
  return std::max(share(day_used_, limits_.day_bytes), share(month_used_, limits_.month_bytes));
}

}  // namespace selvage
