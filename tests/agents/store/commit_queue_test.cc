#define BOOST_TEST_MODULE commit_queue_test
#include "agents/store/commit_queue.h"

#include <poll.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

namespace selvage {
namespace {

// A store whose writes wait for the test and then succeed or fail as it says.
class GatedStore : public Store {
 public:
  std::optional<std::string> Get(std::string_view key) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return inner_->Get(key);
  }
  bool Write(const std::vector<StoreWrite>& batch, std::string* error) override {
    std::unique_lock<std::mutex> lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return allowed_ > 0; });
    --allowed_;
    if (fail_) {
      *error = "disk full; make room";
      return false;
    }
    sizes_.push_back(batch.size());
    return inner_->Write(batch, error);
  }
  void Scan(std::string_view,
            const std::function<bool(std::string_view, std::string_view)>&) override {}

  void Allow(int writes, bool fail) {
    const std::lock_guard<std::mutex> lock(mutex_);
    allowed_ += writes;
    fail_ = fail;
    changed_.notify_all();
  }
  void WaitUntilBegun(int writes) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this, writes] { return begun_ >= writes; });
  }
  std::vector<std::size_t> sizes() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return sizes_;
  }

 private:
  std::unique_ptr<Store> inner_ = NewMemoryStore();
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0;
  int allowed_ = 0;
  bool fail_ = false;
  std::vector<std::size_t> sizes_;
};

constexpr int kPatienceMs = 20000;

CommitQueue::News WaitForNews(CommitQueue& queue) {
  pollfd p{queue.fd(), POLLIN, 0};
  BOOST_REQUIRE(poll(&p, 1, kPatienceMs) == 1);
  return queue.Take();
}

std::unique_ptr<CommitQueue> MustCreate(Store* store) {
  auto queue = CommitQueue::Create(store);
  BOOST_REQUIRE(queue.ok());
  return std::move(*queue);
}

using Tokens = std::vector<std::uint64_t>;

BOOST_AUTO_TEST_CASE(a_batch_is_written_and_its_token_comes_back) {
  const auto store = NewMemoryStore();
  auto queue = MustCreate(store.get());
  BOOST_TEST(queue->Add(7, {{"a", "1"}}));
  const auto news = WaitForNews(*queue);
  BOOST_TEST(news.durable == Tokens{7});
  BOOST_TEST(!news.changed.has_value());
  queue.reset();
  BOOST_TEST(store->Get("a").value() == "1");
}

BOOST_AUTO_TEST_CASE(what_arrives_during_a_write_becomes_one_group_with_the_last_values) {
  GatedStore store;
  auto queue = MustCreate(&store);
  BOOST_TEST(queue->Add(1, {{"first", "1"}}));
  store.WaitUntilBegun(1);
  BOOST_TEST(queue->Add(2, {{"a", "1"}, {"b", "1"}}));
  BOOST_TEST(queue->Add(0, {{"a", std::nullopt}}));
  BOOST_TEST(queue->Add(3, {{"b", "2"}, {"c", "1"}}));
  store.Allow(2, false);
  Tokens durable;
  while (durable.size() < 3) {
    for (const auto t : WaitForNews(*queue).durable) durable.push_back(t);
  }
  BOOST_TEST(durable == (Tokens{1, 2, 3}));
  BOOST_TEST(store.sizes() == (std::vector<std::size_t>{1, 3}));
  BOOST_TEST(!store.Get("a").has_value());
  BOOST_TEST(store.Get("b").value() == "2");
  BOOST_TEST(queue->groups_written() == 2u);
}

BOOST_AUTO_TEST_CASE(a_failed_write_acknowledges_nothing_is_told_once_and_tried_again) {
  GatedStore store;
  auto queue = MustCreate(&store);
  store.Allow(2, true);
  BOOST_TEST(queue->Add(1, {{"a", "old"}}));
  auto news = WaitForNews(*queue);
  BOOST_TEST(news.durable.empty());
  BOOST_REQUIRE(news.changed.has_value());
  BOOST_TEST(news.changed->message().find("make room") != absl::string_view::npos);
  BOOST_TEST(queue->Add(2, {{"a", "new"}, {"b", "1"}}));
  store.WaitUntilBegun(3);  // the second failure is not news
  BOOST_TEST(!queue->Take().changed.has_value());
  store.Allow(2, false);
  Tokens durable;
  while (durable.size() < 2) {
    news = WaitForNews(*queue);
    if (news.changed) BOOST_TEST(news.changed->ok());
    for (const auto t : news.durable) durable.push_back(t);
  }
  BOOST_TEST(durable == (Tokens{1, 2}));
  BOOST_TEST(store.Get("a").value() == "new");
  BOOST_TEST(store.Get("b").value() == "1");
  BOOST_TEST(queue->writes_failed() == 2u);
}

BOOST_AUTO_TEST_CASE(the_end_writes_what_is_queued) {
  GatedStore store;
  auto queue = MustCreate(&store);
  BOOST_TEST(queue->Add(1, {{"a", "1"}}));
  store.WaitUntilBegun(1);
  BOOST_TEST(queue->Add(0, {{"b", "1"}}));
  store.Allow(2, false);
  queue.reset();
  BOOST_TEST(store.Get("a").has_value());
  BOOST_TEST(store.Get("b").has_value());
}

BOOST_AUTO_TEST_CASE(beyond_the_bounds_nothing_is_taken) {
  GatedStore store;
  auto queue = MustCreate(&store);
  BOOST_TEST(queue->Add(1, {{"a", "1"}}));
  store.WaitUntilBegun(1);
  BOOST_TEST(!queue->crowded());
  const std::string megabyte(1024 * 1024 - 1024, 'm');
  int taken = 0;
  while (taken < 20 && queue->Add(2, {{"m" + std::to_string(taken), megabyte}})) ++taken;
  BOOST_TEST(taken == 8);
  BOOST_TEST(queue->crowded());
  // The same key again replaces its value, but the sum is judged first: still refused.
  BOOST_TEST(!queue->Add(3, {{"m0", megabyte}}));
  store.Allow(2, false);
  queue.reset();
  BOOST_TEST(store.Get("m7").has_value());
  BOOST_TEST(!store.Get("m8").has_value());
}

BOOST_AUTO_TEST_CASE(beyond_the_bound_of_tokens_nothing_is_taken) {
  GatedStore store;
  auto queue = MustCreate(&store);
  for (std::size_t i = 0; i < CommitQueue::kPendingTokensMax; ++i) {
    BOOST_TEST_REQUIRE(queue->Add(i + 1, {{"k", "v"}}));
  }
  BOOST_TEST(!queue->Add(1, {{"k", "w"}}));
  store.Allow(1000, false);
}

}  // namespace
}  // namespace selvage
