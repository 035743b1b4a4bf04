// Reads the fields of one Protocol Buffers message without a schema: bounded, without allocation.
//
// A reader that meets something it cannot read ends, and ok() is false from then on. Groups, which
// nobody writes any more, are such a thing. Format: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/bytes.h"

namespace selvage {

class WireReader {
 public:
  enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  explicit WireReader(ByteSpan in) : in_(in) {}

  // Steps to the next field. False at the end, or when the rest cannot be read.
  bool Next() {
    if (!ok_ || at_ == in_.size()) return false;
    const std::uint64_t key = Varint();
    if (!ok_ || (key >> 3) == 0 || (key >> 3) > kFieldMax) return Fail();
    field_ = static_cast<std::uint32_t>(key >> 3);
    type_ = static_cast<Type>(key & 7);
    bytes_ = {};
    switch (type_) {
      case Type::kVarint:
        number_ = Varint();
        return ok_;
      case Type::kFixed64:
        return Take(8);
      case Type::kFixed32:
        return Take(4);
      case Type::kBytes: {
        const std::uint64_t size = Varint();
        return ok_ && size <= in_.size() - at_ ? Take(static_cast<std::size_t>(size)) : Fail();
      }
    }
    return Fail();
  }
  bool ok() const { return ok_; }
  std::uint32_t field() const { return field_; }
  Type type() const { return type_; }
  std::uint64_t number() const { return number_; }  // of a varint
  // Of the other types.
  ByteSpan bytes() const { return bytes_; }
  // An integer as every int64 and enum is written: two's complement.
  std::int64_t integer() const { return static_cast<std::int64_t>(number_); }

  // For packed numbers: a varint where the reader stands. Zero, and !ok(), when there is none.
  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < in_.size(); shift += 7) {
      const std::uint8_t byte = in_[at_++];
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    Fail();
    return 0;
  }
  bool AtEnd() const { return !ok_ || at_ == in_.size(); }

 private:
  static constexpr std::uint64_t kFieldMax = (1U << 29) - 1;

  bool Fail() {
    ok_ = false;
    return false;
  }
  bool Take(std::size_t size) {
    if (size > in_.size() - at_) return Fail();
    bytes_ = in_.Sub(at_, size);
    at_ += size;
    return true;
  }

  ByteSpan in_;
  std::size_t at_ = 0;
  bool ok_ = true;
  std::uint32_t field_ = 0;
  Type type_ = Type::kVarint;
  std::uint64_t number_ = 0;
  ByteSpan bytes_;
};

// Little-endian numbers of raw tensor data, on any machine.
template <class T>
T FromLittleEndian(const std::uint8_t* in) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bits |= static_cast<std::uint64_t>(in[i]) << (8 * i);
  }
  T value;
  if constexpr (sizeof(T) == 4) {
    const auto narrow = static_cast<std::uint32_t>(bits);
    std::memcpy(&value, &narrow, sizeof(T));
  } else if constexpr (sizeof(T) == 1) {
    const auto narrow = static_cast<std::uint8_t>(bits);
    std::memcpy(&value, &narrow, sizeof(T));
  } else {
    static_assert(sizeof(T) == 8);
    std::memcpy(&value, &bits, sizeof(T));
  }
  return value;
}

}  // namespace selvage
