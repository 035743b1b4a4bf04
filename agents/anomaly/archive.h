// Writes and reads the state of the model field by field, the same walk for both directions.
//
// Each part of the model has Visit(archive), which names its fields and the range a sane value lies
// in. Reading refuses what is short, out of range or not a number: a state file may be damaged, and
// one infinite variance would blind the model for good.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace selvage::anomaly {

class StateWriter {
 public:
  // Counts only while `out` is null.
  StateWriter(std::uint8_t* out, std::size_t capacity) : out_(out), capacity_(capacity) {}

  template <class T>
  void Field(T& value, double /*low*/, double /*high*/) {
    if (out_ != nullptr && size_ + sizeof(T) <= capacity_) {
      std::memcpy(out_ + size_, &value, sizeof(T));
    }
    size_ += sizeof(T);
  }

  bool ok() const { return out_ == nullptr || size_ <= capacity_; }
  std::size_t size() const { return size_; }

 private:
  std::uint8_t* out_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

class StateReader {
 public:
  StateReader(const std::uint8_t* in, std::size_t size) : in_(in), size_(size) {}

  template <class T>
  void Field(T& value, double low, double high) {
    if (!ok_ || size_ - at_ < sizeof(T)) {
      ok_ = false;
      return;
    }
    T read;
    std::memcpy(&read, in_ + at_, sizeof(T));
    at_ += sizeof(T);
    auto number = static_cast<double>(read);
    if (!(number >= low && number <= high)) {  // also refuses NaN
      ok_ = false;
      return;
    }
    value = read;
  }

  // True when every field was there, in range, and nothing is left over.
  bool Finished() const { return ok_ && at_ == size_; }
  bool ok() const { return ok_; }

 private:
  const std::uint8_t* in_;
  std::size_t size_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace selvage::anomaly
