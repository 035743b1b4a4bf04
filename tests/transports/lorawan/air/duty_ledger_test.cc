// The duty ledger never lets a sub-band exceed its share of any hour, whatever is restarted.
#define BOOST_TEST_MODULE duty_ledger_test
#include "transports/lorawan/air/duty_ledger.h"

#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <string>

#include "core/random.h"
#include "transports/lorawan/air/modulation.h"

namespace selvage::lorawan {
namespace {

struct Sent {
  Time start;  // on the true time line, which no restart touches
  Duration airtime;
};

// Largest sum of air time within any window: it is reached by one that ends where a frame ends.
Duration WorstWindow(const std::vector<Sent>& sent, Duration window) {
  Duration worst{0};
  std::size_t first = 0;
  Duration whole{0};
  for (std::size_t last = 0; last < sent.size(); ++last) {
    whole += sent[last].airtime;
    const Time begin = sent[last].start + sent[last].airtime - window;
    while (sent[first].start + sent[first].airtime <= begin) whole -= sent[first++].airtime;
    const Duration cut = std::max(Duration(0), begin - sent[first].start);
    worst = std::max(worst, whole - cut);
  }
  return worst;
}

// A device that always has something to send and is restarted at random moments. Its monotonic
// clock begins anew each life; the wall clock may be lost.
class Device {
 public:
  Device(const Region& region, std::uint64_t seed, bool wall_clock)
      : region_(region), random_(seed), wall_clock_(wall_clock), store_(NewMemoryStore()) {
    Boot(Time());
  }
  void Boot(Time true_now) {
    origin_ = true_now - Duration(static_cast<std::int64_t>(random_.Below(100'000'000'000)));
    ledger_ = std::make_unique<DutyLedger>(region_);
    ledger_->Restore(Local(true_now), Wall(true_now), *store_);
  }
  // Sends at once or says when it may.
  Time Send(Time true_now, std::int64_t hz, const DataRate& rate, std::size_t phy_bytes) {
    const Duration airtime = region_.TimeOnAir(rate, phy_bytes, false);
    const DutyLedger::Decision d =
        ledger_->Admit(Local(true_now), Wall(true_now), hz, rate, airtime, AirUse::kData);
    if (!d.admitted)
      return d.retry_at == kNever ? kNever : true_now + (d.retry_at - Local(true_now));
    std::string error;
    BOOST_REQUIRE(store_->Write(d.persist, &error));
    sent[hz].push_back({true_now, airtime});
    return true_now + airtime;
  }
  Random& random() { return random_; }
  std::map<std::int64_t, std::vector<Sent>> sent;

 private:
  Time Local(Time t) const { return Time(t - origin_); }
  WallSeconds Wall(Time t) const {
    return wall_clock_ ? static_cast<WallSeconds>(1'700'000'000 + ToNanos(t) / 1'000'000'000) : 0;
  }
  const Region& region_;
  Random random_;
  bool wall_clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DutyLedger> ledger_;
  Time origin_;
};

// 24 hours of greedy sending; `restarts_every` zero: none.
Device Run(const Region& region, const DataRate& rate, std::int64_t hz, bool wall_clock,
           Duration restarts_every, std::uint64_t seed) {
  Device device(region, seed, wall_clock);
  Time now = Time();
  Time reboot = restarts_every > Duration(0) ? now + restarts_every : kNever;
  while (now < Time() + Duration(24h)) {
    if (now >= reboot) {
      device.Boot(now);
      reboot = now + Duration(1 + static_cast<std::int64_t>(
                                      device.random().Below(2 * restarts_every.count())));
    }
    const std::size_t bytes =
        kDataOverheadBytes + device.random().Below(rate.payload_bytes_max + 1);
    now = std::min(device.Send(now, hz, rate, bytes), std::max(reboot, now + 1ns));
  }
  return device;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(duty_ledger)

BOOST_AUTO_TEST_CASE(a_day_of_greedy_sending_stays_within_the_duty_cycle_at_each_data_rate) {
  for (const DataRate& rate : Eu868().data_rates) {
    // One channel of each kind of sub-band: 0.1 %, 1 %, 10 % (868.3 MHz has room for 250 kHz too).
    for (const auto& [hz, limit] : std::map<std::int64_t, Duration>{
             {863'500'000, 3600ms}, {868'300'000, 36s}, {869'525'000, 360s}}) {
      const Device quiet = Run(Eu868(), rate, hz, true, Duration(0), 1);
      const Device restarted = Run(Eu868(), rate, hz, true, Duration(10min), 2);
      const Device clockless = Run(Eu868(), rate, hz, false, Duration(3h), 3);
      for (const Device* device : {&quiet, &restarted, &clockless}) {
        BOOST_TEST_CONTEXT("DR" << rate.index << " at " << hz) {
          BOOST_REQUIRE(device->sent.count(hz) == 1);
          BOOST_TEST(WorstWindow(device->sent.at(hz), 1h).count() <= limit.count());
        }
      }
      // And the ledger is not merely stingy: at least 85 % of what is legal was used, less one
      // largest frame in each hour where frames are large against the limit.
      Duration used{0};
      for (const Sent& s : quiet.sent.at(hz)) used += s.airtime;
      const Duration largest = Eu868().TimeOnAir(rate, rate.payload_bytes_max + 13, false);
      BOOST_TEST(used.count() >= (23 * (limit * 85 / 100 - largest)).count());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_restart_without_the_ledger_would_break_the_limit) {
  // The check above can fail: forget the store at each restart and the hour overflows.
  Device device(Eu868(), 4, true);
  const DataRate& rate = *Eu868().FindDataRate(0);
  std::vector<Sent> sent;
  for (int life = 0; life < 2; ++life) {
    DutyLedger ledger(Eu868());
    for (Time now = Time() + life * Duration(10min);;) {
      const Duration airtime = Eu868().TimeOnAir(rate, 64, false);
      const auto d = ledger.Admit(now, 0, 868'100'000, rate, airtime, AirUse::kData);
      if (!d.admitted) break;
      sent.push_back({now, airtime});
      now += airtime;
    }
  }
  BOOST_TEST(WorstWindow(sent, 1h).count() > Duration(36s).count());
}

BOOST_AUTO_TEST_CASE(us915_channels_keep_to_400_ms_in_20_s_across_restarts) {
  for (int index = 0; index <= 3; ++index) {
    const DataRate& rate = *Us915().FindDataRate(index);
    const Device device = Run(Us915(), rate, 902'300'000, true, Duration(7s), 5);
    BOOST_TEST(WorstWindow(device.sent.at(902'300'000), 20s).count() <= Duration(400ms).count());
    BOOST_TEST(device.sent.at(902'300'000).size() > 24u * 3600 / 30);
  }
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_fits_where_data_no_longer_does) {
  DutyLedger ledger(Eu868());
  const DataRate& rate = *Eu868().FindDataRate(0);
  const Duration data = Eu868().TimeOnAir(rate, 64, false);
  const Duration ack = Eu868().TimeOnAir(rate, 12, false);
  Time now;
  while (ledger.Admit(now, 0, 868'100'000, rate, data, AirUse::kData).admitted) now += data;
  while (ledger.Admit(now, 0, 868'100'000, rate, ack, AirUse::kData).admitted) now += ack;
  BOOST_TEST(ledger.Admit(now, 0, 868'100'000, rate, ack, AirUse::kAcknowledgement).admitted);
}

BOOST_AUTO_TEST_CASE(retry_at_is_the_first_moment_that_is_admitted) {
  DutyLedger ledger(Eu868());
  const DataRate& rate = *Eu868().FindDataRate(2);
  const Duration airtime = Eu868().TimeOnAir(rate, 64, false);
  Time now = Time() + Duration(5s);
  DutyLedger::Decision d;
  while ((d = ledger.Admit(now, 0, 868'100'000, rate, airtime, AirUse::kData)).admitted) {
    BOOST_TEST(!d.persist.empty());
    now += airtime;
  }
  BOOST_TEST(d.persist.empty());
  BOOST_TEST((d.retry_at > now && d.retry_at != kNever));
  BOOST_TEST(
      !ledger.Admit(d.retry_at - 1ns, 0, 868'100'000, rate, airtime, AirUse::kData).admitted);
  BOOST_TEST(ledger.Admit(d.retry_at, 0, 868'100'000, rate, airtime, AirUse::kData).admitted);
}

BOOST_AUTO_TEST_CASE(what_is_illegal_is_never_admitted) {
  DutyLedger eu(Eu868());
  const DataRate& rate = *Eu868().FindDataRate(0);
  auto d = eu.Admit(Time(), 0, 868'650'000, rate, Duration(1ms), AirUse::kAcknowledgement);
  BOOST_TEST(!d.admitted);
  BOOST_TEST((d.retry_at == kNever));
  // 0.1 % is 3.6 s: a frame of 4 s never fits.
  d = eu.Admit(Time(), 0, 868'900'000, rate, Duration(4s), AirUse::kData);
  BOOST_TEST((d.retry_at == kNever));
  DutyLedger us(Us915());
  const DataRate& dr0 = *Us915().FindDataRate(0);
  const Duration airtime = Us915().TimeOnAir(dr0, 60, false);
  BOOST_TEST(airtime.count() > Duration(400ms).count());
  BOOST_TEST(!us.Admit(Time(), 0, 902'300'000, dr0, airtime, AirUse::kData).admitted);
}

BOOST_AUTO_TEST_CASE(sub_bands_do_not_share_a_budget_but_the_network_may_limit_all_of_them) {
  DutyLedger ledger(Eu868());
  const DataRate& rate = *Eu868().FindDataRate(0);
  const Duration airtime = Eu868().TimeOnAir(rate, 64, false);
  Time now;
  while (ledger.Admit(now, 0, 868'100'000, rate, airtime, AirUse::kData).admitted) now += airtime;
  BOOST_TEST(!ledger.Admit(now, 0, 868'300'000, rate, airtime, AirUse::kData).admitted);
  BOOST_TEST(ledger.Admit(now, 0, 867'100'000, rate, airtime, AirUse::kData).admitted);
  ledger.SetAggregateExponent(7);  // 1/128: 28 s, which are spent
  BOOST_TEST(!ledger.Admit(now, 0, 867'100'000, rate, airtime, AirUse::kData).admitted);
  ledger.SetAggregateExponent(0);
  BOOST_TEST(ledger.Admit(now, 0, 867'100'000, rate, airtime, AirUse::kData).admitted);
}

BOOST_AUTO_TEST_CASE(joining_backs_off_over_a_day_and_a_success_starts_it_anew) {
  DutyLedger ledger(Eu868());
  const DataRate& rate = *Eu868().FindDataRate(0);
  const Duration airtime = Eu868().TimeOnAir(rate, 23, false);  // 1.483 s
  std::vector<Sent> sent;
  for (Time now; now < Time() + Duration(60h);) {
    const auto d = ledger.Admit(now, 0, 869'525'000, rate, airtime, AirUse::kJoin);
    if (d.admitted) sent.push_back({now, airtime});
    // Phases change with time, so ask at least every minute.
    now = d.admitted ? now + airtime : std::min(d.retry_at, now + Duration(1min));
  }
  const auto between = [&](Duration from, Duration to) {
    Duration sum{0};
    for (const Sent& s : sent) {
      if (s.start >= Time() + from && s.start < Time() + to) sum += s.airtime;
    }
    return ToSeconds(sum);
  };
  BOOST_TEST(between(0h, 1h) <= 36.0);
  BOOST_TEST(between(0h, 1h) > 33.0);
  BOOST_TEST(between(1h, 11h) <= 36.0);
  BOOST_TEST(between(1h, 11h) > 33.0);
  BOOST_TEST(between(11h, 35h) <= 8.7);
  BOOST_TEST(between(11h, 35h) > 7.0);
  ledger.OnJoined();
  BOOST_TEST(
      ledger.Admit(Time() + Duration(60h), 0, 869'525'000, rate, airtime, AirUse::kJoin).admitted);
}

BOOST_AUTO_TEST_CASE(join_back_off_survives_a_restart) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  const DataRate& rate = *Eu868().FindDataRate(0);
  const Duration airtime = Eu868().TimeOnAir(rate, 23, false);
  std::string error;
  Time now;
  {
    DutyLedger ledger(Eu868());
    for (;;) {
      const auto d = ledger.Admit(now, 1000, 869'525'000, rate, airtime, AirUse::kJoin);
      if (!d.admitted) break;
      BOOST_REQUIRE(store->Write(d.persist, &error));
      now += airtime;
    }
  }
  DutyLedger ledger(Eu868());
  ledger.Restore(Time(), 1000, *store);
  BOOST_TEST(!ledger.Admit(Time(), 1000, 869'525'000, rate, airtime, AirUse::kJoin).admitted);
}

BOOST_AUTO_TEST_CASE(a_damaged_record_counts_as_a_spent_hour) {
  const std::unique_ptr<Store> store = NewMemoryStore();
  std::string error;
  BOOST_REQUIRE(store->Write({{"lorawan/duty/band/2", "rubbish"}}, &error));
  DutyLedger ledger(Eu868());
  ledger.Restore(Time(), 0, *store);
  const DataRate& rate = *Eu868().FindDataRate(5);
  const auto d = ledger.Admit(Time(), 0, 868'100'000, rate, Duration(50ms), AirUse::kData);
  BOOST_TEST(!d.admitted);
  BOOST_TEST((d.retry_at > Time() + Duration(1h) && d.retry_at < Time() + Duration(62min)));
  BOOST_TEST(ledger.UsedPpm(Time(), 2) == 1'000'000);
  BOOST_TEST(ledger.UsedPpm(Time(), 3) == 0);
}

BOOST_AUTO_TEST_CASE(the_record_of_a_window_is_bounded_whatever_the_rate) {
  AirtimeWindow window(1h, 1h);
  for (int i = 0; i < 100'000; ++i) window.Add(Time() + i * Duration(40ms), Duration(4ms));
  BOOST_TEST(window.Encode(Time() + Duration(4000s)).size() <= 2 + 8 * AirtimeWindow::kEntriesMax);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::lorawan
