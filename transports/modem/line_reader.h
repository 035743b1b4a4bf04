// Cuts what a modem sends into lines and, where a command announced them, blocks of raw bytes.
//
// Lines end with CR, LF or both; empty ones are dropped. Modems send noise: a line longer than the
// bound is cut there, and bytes that no text line has are replaced by '?', so that later code sees
// printable text alone. Not thread safe.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace selvage::modem {

class LineReader {
 public:
  static constexpr std::size_t kLineBytesMax = 1024;  // RUI3 events carry 255 bytes as hexadecimal
  static constexpr std::size_t kBlockBytesMax = 4096;
  // Unread input that is kept; more drops the oldest. A modem that floods loses its own lines.
  static constexpr std::size_t kInputBytesMax = 16384;

  void OnBytes(ByteSpan in) {
    input_.insert(input_.end(), in.begin(), in.end());
    while (input_.size() > kInputBytesMax) input_.pop_front();
  }

  // The next whole line, without its end.
  std::optional<std::string> NextLine() {
    while (!input_.empty()) {
      const std::uint8_t c = input_.front();
      input_.pop_front();
      const bool end = c == '\r' || c == '\n';
      if (!end) line_.push_back(c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '?');
      if ((end && !line_.empty()) || line_.size() >= kLineBytesMax) {
        std::string out;
        out.swap(line_);
        return out;
      }
    }
    return std::nullopt;
  }

  // The next `n` bytes raw, once all of them are there. REQUIRES: n <= kBlockBytesMax.
  std::optional<Bytes> NextBlock(std::size_t n) {
    if (input_.size() < n) return std::nullopt;
    const auto end = input_.begin() + static_cast<std::ptrdiff_t>(n);
    Bytes out(input_.begin(), end);
    input_.erase(input_.begin(), end);
    return out;
  }

  // Bytes not cut yet, and the one at `i` of them. REQUIRES: i < size().
  std::size_t size() const { return input_.size(); }
  std::uint8_t Peek(std::size_t i) const { return input_[i]; }

  // True when `prompt` (such as "> ") stands at the beginning of the unfinished line; removes it.
  bool TakePrompt(std::string_view prompt) {
    if (std::string_view(line_).substr(0, prompt.size()) != prompt) return false;
    line_.erase(0, prompt.size());
    return true;
  }

  void Clear() {
    input_.clear();
    line_.clear();
  }

 private:
  std::deque<std::uint8_t> input_;
  std::string line_;
};

}  // namespace selvage::modem
