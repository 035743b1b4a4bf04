// Views of bytes, and bounded readers and writers: the only way this code base parses input.
//
// A reader that runs past its end turns bad and stays bad, every later read returns zeros; the
// caller checks ok() once at the end. A writer that runs past its end does the same. Integers are
// big endian on the wire.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace selvage {

using Bytes = std::vector<std::uint8_t>;

// Read-only view; the viewed memory must outlive it. (std::span is C++20; see STYLE.md.)
class ByteSpan {
 public:
  constexpr ByteSpan() = default;
  constexpr ByteSpan(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  ByteSpan(const Bytes& b) : data_(b.data()), size_(b.size()) {}  // NOLINT: implicit by design
  template <std::size_t N>
  ByteSpan(const std::array<std::uint8_t, N>& a) : data_(a.data()), size_(N) {}  // NOLINT
  static ByteSpan Of(std::string_view s) {
    return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
  }

  const std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::uint8_t operator[](std::size_t i) const { return data_[i]; }
  const std::uint8_t* begin() const { return data_; }
  const std::uint8_t* end() const { return data_ + size_; }
  // Clamped to the view: never reads outside it.
  ByteSpan Sub(std::size_t at, std::size_t n = SIZE_MAX) const {
    if (at > size_) at = size_;
    return {data_ + at, n < size_ - at ? n : size_ - at};
  }
  Bytes ToBytes() const { return Bytes(begin(), end()); }
  std::string ToString() const { return std::string(begin(), end()); }
  friend bool operator==(ByteSpan a, ByteSpan b) {
    return a.size_ == b.size_ && (a.size_ == 0 || std::memcmp(a.data_, b.data_, a.size_) == 0);
  }
  friend bool operator!=(ByteSpan a, ByteSpan b) { return !(a == b); }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Writable view; same lifetime rule.
class MutableByteSpan {
 public:
  constexpr MutableByteSpan() = default;
  constexpr MutableByteSpan(std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  MutableByteSpan(Bytes& b) : data_(b.data()), size_(b.size()) {}  // NOLINT
  std::uint8_t* data() const { return data_; }
  std::size_t size() const { return size_; }
  operator ByteSpan() const { return {data_, size_}; }  // NOLINT

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

class ByteReader {
 public:
  explicit ByteReader(ByteSpan in) : in_(in) {}
  bool ok() const { return ok_; }
  std::size_t remaining() const { return in_.size() - at_; }
  std::size_t position() const { return at_; }
  std::uint8_t U8() { return static_cast<std::uint8_t>(Int(1)); }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Int(2)); }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Int(4)); }
  std::uint64_t U48() { return Int(6); }
  std::uint64_t U64() { return Int(8); }
  // LEB128, at most `bytes_max` bytes; longer turns the reader bad.
  std::uint64_t Varint(int bytes_max = 10);
  // The next n bytes, or an empty view and bad.
  ByteSpan Take(std::size_t n);
  // Everything left.
  ByteSpan Rest() { return Take(remaining()); }
  // Copies N bytes into a fixed array (zeros when bad).
  template <std::size_t N>
  std::array<std::uint8_t, N> Array() {
    std::array<std::uint8_t, N> out{};
    ByteSpan s = Take(N);
    if (s.size() == N) std::memcpy(out.data(), s.data(), N);
    return out;
  }

 private:
  std::uint64_t Int(std::size_t n) {
    if (!ok_ || remaining() < n) {
      ok_ = false;
      return 0;
    }
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < n; ++i) v = (v << 8) | in_[at_ + i];
    at_ += n;
    return v;
  }
  ByteSpan in_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

class ByteWriter {
 public:
  explicit ByteWriter(MutableByteSpan out) : out_(out) {}
  bool ok() const { return ok_; }
  std::size_t size() const { return at_; }
  std::size_t room() const { return out_.size() - at_; }
  ByteSpan written() const { return {out_.data(), at_}; }
  void U8(std::uint64_t v) { Int(v, 1); }
  void U16(std::uint64_t v) { Int(v, 2); }
  void U32(std::uint64_t v) { Int(v, 4); }
  void U48(std::uint64_t v) { Int(v, 6); }
  void U64(std::uint64_t v) { Int(v, 8); }
  void Varint(std::uint64_t v);
  void Put(ByteSpan s) {
    if (std::uint8_t* p = Skip(s.size()); p != nullptr && !s.empty()) {
      std::memcpy(p, s.data(), s.size());
    }
  }
  // Room for n bytes to be filled in by the caller; nullptr and bad when there is none.
  std::uint8_t* Skip(std::size_t n) {
    if (!ok_ || room() < n) {
      ok_ = false;
      return nullptr;
    }
    std::uint8_t* p = out_.data() + at_;
    at_ += n;
    return p;
  }

 private:
  void Int(std::uint64_t v, std::size_t n) {
    if (std::uint8_t* p = Skip(n); p != nullptr) {
      for (std::size_t i = 0; i < n; ++i) p[i] = static_cast<std::uint8_t>(v >> (8 * (n - 1 - i)));
    }
  }
  MutableByteSpan out_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

// Lower-case hexadecimal.
std::string ToHex(ByteSpan in);
// False unless `hex` is an even number of hexadecimal digits.
bool FromHex(std::string_view hex, Bytes* out);

}  // namespace selvage
