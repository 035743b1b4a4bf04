#include "core/replay_window.h"

#include <algorithm>

namespace selvage {

bool ReplayWindow::WouldAccept(std::uint64_t counter) const {
  if (empty_ || counter > highest_) return true;
  if (highest_ - counter >= kSize) return false;
  const std::uint64_t word = words_[(counter / kWordBits) % kWords];
  return ((word >> (counter % kWordBits)) & 1) == 0;
}

bool ReplayWindow::Accept(std::uint64_t counter) {
  if (!WouldAccept(counter)) return false;
  if (empty_) {
    empty_ = false;
    highest_ = counter;
  } else if (counter > highest_) {
    // Words the window slides over are stale: clear them before a bit of the new lap is set.
    const std::uint64_t from = highest_ / kWordBits;
    const std::uint64_t slide = std::min<std::uint64_t>(counter / kWordBits - from, kWords);
    for (std::uint64_t i = 1; i <= slide; ++i) words_[(from + i) % kWords] = 0;
    highest_ = counter;
  }
  words_[(counter / kWordBits) % kWords] |= std::uint64_t{1} << (counter % kWordBits);
  return true;
}

}  // namespace selvage
