#include "agents/runtime/delivery_thread.h"

#include <pthread.h>

#include <system_error>
#include <utility>

namespace selvage {

bool DeliveryThread::Start() {
  try {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "deliver");
      Run();
    });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void DeliveryThread::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool DeliveryThread::Add(bool required, std::function<void()> call) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (calls_.size() >= (required ? kRequiredMax : kOptionalMax)) {
      ++dropped_;
      return false;
    }
    calls_.push_back(std::move(call));
  }
  wake_.notify_one();
  return true;
}

void DeliveryThread::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !calls_.empty(); });
    if (stop_) return;
    const std::function<void()> call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call();
    lock.lock();
  }
}

}  // namespace selvage
