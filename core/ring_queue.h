// A first-in-first-out queue in one ring of memory: as std::deque, without its steady allocating.
//
// A std::deque frees and allocates a block every few elements that pass through it, on the path of
// every packet. This one grows to the longest it ever was and stays there, so its user bounds it.
// Not thread safe.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace selvage {

template <typename T>
class RingQueue {
 public:
  RingQueue() = default;
  ~RingQueue() {
    clear();
    std::allocator<T>().deallocate(slots_, capacity_);
  }
  RingQueue(const RingQueue&) = delete;
  RingQueue& operator=(const RingQueue&) = delete;

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // i = 0 is the oldest. REQUIRES: i < size().
  T& operator[](std::size_t i) { return slots_[Slot(i)]; }
  const T& operator[](std::size_t i) const { return slots_[Slot(i)]; }
  // REQUIRES: !empty().
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }

  template <typename... Args>
  T& emplace_back(Args&&... args) {
    if (size_ == capacity_) Grow();
    T* made = ::new (static_cast<void*>(slots_ + Slot(size_))) T(std::forward<Args>(args)...);
    ++size_;
    return *made;
  }
  void push_back(T value) { emplace_back(std::move(value)); }
  // REQUIRES: !empty().
  void pop_front() {
    assert(size_ > 0);
    slots_[head_].~T();
    head_ = Slot(1);
    --size_;
  }
  void clear() {
    while (!empty()) pop_front();
  }

 private:
  static constexpr std::size_t kCapacityFirst = 8;  // doubles: stays a power of two

  std::size_t Slot(std::size_t i) const { return (head_ + i) & (capacity_ - 1); }
  void Grow() {
    const std::size_t larger = capacity_ == 0 ? kCapacityFirst : 2 * capacity_;
    T* moved = std::allocator<T>().allocate(larger);
    for (std::size_t i = 0; i < size_; ++i) {
      T& old = slots_[Slot(i)];
      ::new (static_cast<void*>(moved + i)) T(std::move(old));
      old.~T();
    }
    std::allocator<T>().deallocate(slots_, capacity_);
    slots_ = moved;
    capacity_ = larger;
    head_ = 0;
  }

  T* slots_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace selvage
