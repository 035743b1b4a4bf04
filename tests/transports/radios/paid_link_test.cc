// A paid link moves what its budget allows and no more, in this life and the next.
#define BOOST_TEST_MODULE paid_link_test
#include "transports/radios/paid_link.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "tests/transports/recording_listener.h"

namespace selvage {
namespace {

constexpr WallSeconds kDay = 86400;
constexpr WallSeconds kNovember23 = 1795392000 + 3600;  // 2026-11-23 01:00 UTC

// A disk that is as slow as a test wants, and a clock.
struct FakeDisk final : TransportStore {
  Store& Records() override { return *store; }
  bool MakeDurable(std::vector<StoreWrite> writes, std::function<void()> done) override {
    ++asked;
    if (stuck) return false;
    std::string error;
    store->Write(writes, &error);
    done();
    return true;
  }
  WallSeconds wall() const override { return now; }
  std::unique_ptr<Store> store = NewMemoryStore();
  WallSeconds now = kNovember23;
  bool stuck = false;
  int asked = 0;
};

// Carries everything, at once.
struct FakeRadio final : Transport {
  explicit FakeRadio(const TransportContext& c) : context(c) {}
  absl::Status Start() override {
    context.listener.OnLinkUp(context.link, {});
    return absl::OkStatus();
  }
  void Send(const PeerAddress& to, ByteSpan frame) override { bytes += frame.size() + 48; }
  void Flush() override {}
  const TransportCounters& counters() const override { return count; }
  const TransportContext context;
  std::uint64_t bytes = 0;
  TransportCounters count;
};

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {}
  void Make(std::map<std::string, std::string> options) {
    link.reset();
    listener = {};
    LinkConfig config;
    config.transport = "redcap";
    config.interface = "wwan0";
    config.options = std::move(options);
    const auto factory = WithBudget([this](const TransportContext& context) {
      auto made = std::make_unique<FakeRadio>(context);
      radio = made.get();
      return absl::StatusOr<std::unique_ptr<Transport>>(std::move(made));
    });
    auto made = factory({config, LinkId(1), *reactor, listener, nullptr, &disk});
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    link = *std::move(made);
    BOOST_REQUIRE(link->Start().ok());
  }
  // Until the link is down; how many bytes have left by then.
  std::uint64_t SendAll() {
    for (int i = 0; i < 100000 && listener.up; ++i) {
      link->Send(PeerAddress::Broadcast(), Bytes(952));
      if (i % 10 == 0) {
        const bool ignored = RunUntil(*reactor, [] { return true; });
        BOOST_TEST(ignored);
      }
      if (radio->bytes > 0 && link->counters().send_errors > 0) {
        BOOST_TEST(RunUntil(*reactor, [&] { return !listener.up; }));
      }
    }
    return radio->bytes;
  }
  FakeDisk disk;
  std::unique_ptr<Reactor> reactor;
  RecordingListener listener;
  FakeRadio* radio = nullptr;
  std::unique_ptr<Transport> link;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(paid_link, Fixture)

BOOST_AUTO_TEST_CASE(a_day_ends_at_its_bytes_and_the_link_with_it) {
  Make({{"bytes_per_day", "100000"}});
  BOOST_REQUIRE(listener.up);
  const std::uint64_t sent = SendAll();
  BOOST_TEST(sent <= 100000u);
  BOOST_TEST(sent > 97000u);
  BOOST_TEST(!listener.up);
  BOOST_TEST(listener.reason.find("this day") != std::string::npos);
  BOOST_TEST(link->Telemetry(PeerAddress::Broadcast())->budget_used.value() > 0.97);
  BOOST_TEST(link->RadioState().find("0.10 of 0.10 MB today") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(restarts_give_nothing_back_and_the_next_day_does) {
  Make({{"bytes_per_day", "100000"}});
  std::uint64_t sent = 0;
  for (int life = 0; life < 30; ++life) {  // more lives than the budget has steps
    for (int i = 0; i < 3; ++i) link->Send(PeerAddress::Broadcast(), Bytes(952));
    sent += radio->bytes;
    Make({{"bytes_per_day", "100000"}});
  }
  sent += SendAll();
  BOOST_TEST(sent <= 100000u);
  BOOST_TEST(!listener.up);
  disk.now += kDay;
  Make({{"bytes_per_day", "100000"}});
  BOOST_TEST(listener.up);
  BOOST_TEST(SendAll() > 97000u);
}

BOOST_AUTO_TEST_CASE(money_is_bytes_of_a_month) {
  // 2 cents at 200 cents a gigabyte: 10 MB.
  const std::map<std::string, std::string> options{{"cents_per_month", "2"},
                                                   {"cents_per_gigabyte", "200"}};
  Make(options);
  const std::uint64_t sent = SendAll();
  BOOST_TEST(sent <= 10'000'000u);
  BOOST_TEST(sent > 9'990'000u);
  disk.now += kDay;  // the 24th of November
  Make(options);
  BOOST_TEST(!listener.up);
  disk.now += 7 * kDay;  // the 1st of December
  Make(options);
  BOOST_TEST(listener.up);
}

BOOST_AUTO_TEST_CASE(what_the_disk_does_not_know_of_is_not_sent) {
  disk.stuck = true;
  Make({{"bytes_per_day", "100000"}});
  link->Send(PeerAddress::Broadcast(), Bytes(952));
  BOOST_TEST(radio->bytes == 0u);
  BOOST_TEST(disk.asked > 0);
  disk.stuck = false;
  link->Send(PeerAddress::Broadcast(), Bytes(952));
  BOOST_TEST(radio->bytes == 1000u);
}

BOOST_AUTO_TEST_CASE(what_arrives_is_paid_for_too) {
  Make({{"bytes_per_day", "100000"}});
  for (int i = 0; i < 100; ++i) {
    Bytes frame(952);
    radio->context.listener.OnFrame(LinkId(1), PeerAddress::From(Bytes(4, 1)), frame);
  }
  BOOST_TEST(RunUntil(*reactor, [&] { return !listener.up; }));
}

BOOST_AUTO_TEST_CASE(a_price_without_a_limit_is_a_mistake) {
  LinkConfig config;
  config.options = {{"cents_per_gigabyte", "200"}};
  const auto factory = WithBudget([](const TransportContext&) {
    return absl::StatusOr<std::unique_ptr<Transport>>(absl::UnavailableError("made"));
  });
  const TransportContext context{config, LinkId(1), *reactor, listener, nullptr, nullptr};
  BOOST_TEST(absl::IsInvalidArgument(factory(context).status()));
}

BOOST_AUTO_TEST_CASE(a_damaged_record_and_a_clock_that_goes_back_give_nothing) {
  ByteBudget budget({100000, 0});
  budget.Restore(kNovember23, Bytes{9, 9, 9});
  BOOST_TEST(!budget.Fits(1));
  budget.Roll(kNovember23 - 40 * kDay);  // a clock that was wrong
  BOOST_TEST(!budget.Fits(1));
  budget.Roll(kNovember23);
  BOOST_TEST(budget.Fits(100000));
  Random random(5);
  for (int i = 0; i < 2000; ++i) {
    Bytes record(random.Below(40));
    for (auto& b : record) b = static_cast<std::uint8_t>(random.Below(256));
    if (record.size() == 25) record[0] = 1;
    ByteBudget other({100000, 100000});
    other.Restore(kNovember23, record);
    BOOST_TEST(other.UsedShare() >= 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
