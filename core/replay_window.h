// Sliding replay window of 2,048 counters (RFC 6479): accepts each counter at most once.
//
// Unlike IPsec's, the window may start anywhere: the first counter it is shown sets its place, so
// that a new session can go on with the old one's sequence numbers.
#pragma once

#include <array>
#include <cstdint>

namespace selvage {

class ReplayWindow {
 public:
  static constexpr std::uint64_t kSize = 2048;

  // True when `counter` is new and not older than the window.
  bool WouldAccept(std::uint64_t counter) const;
  // Records it. Call only after the frame proved authentic. Returns WouldAccept() from before.
  bool Accept(std::uint64_t counter);

  bool empty() const { return empty_; }
  // Highest counter accepted. 0 when empty.
  std::uint64_t highest() const { return highest_; }

 private:
  static constexpr std::size_t kWordBits = 64;
  // One spare, so that a slide clears whole words.
  static constexpr std::size_t kWords = kSize / kWordBits + 1;
  std::array<std::uint64_t, kWords> words_{};
  std::uint64_t highest_ = 0;
  bool empty_ = true;
};

}  // namespace selvage
