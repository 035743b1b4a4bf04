// Messages pass the satellite modem once and are paid once, whatever is lost, garbled or restarted.
#define BOOST_TEST_MODULE sbd_machine_test
#include "transports/satellite/sbd_machine.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <memory>
#include <set>

#include "tests/hex.h"
#include "tests/transports/satellite/sbd_emulator.h"

namespace selvage::satellite {
namespace {

// The host: machine, disk, and a driver that carries effects out in order on virtual time.
class Host {
 public:
  Host(std::uint64_t seed, SbdEmulator::Faults faults) : random(seed), modem(seed, faults) {
    Boot();
  }
  void Boot() {
    machine = std::make_unique<SbdMachine>(&random, disk);
    machine->OnPortUp(now);
    handed.reset();
    Drain();
  }
  // The process dies with whatever it had not carried out; `keep` effects still happen.
  void Crash(std::size_t keep) {
    Drain(keep);
    const SbdCounters& c = machine->counters();
    uncertain += c.uncertain;
    recovered += c.recovered;
    Boot();
  }
  void Drain(std::size_t at_most = SIZE_MAX) {
    for (std::size_t i = 0; i < at_most; ++i) {
      std::optional<SbdEffect> e = machine->PollEffect();
      if (!e) return;
      if (auto* write = std::get_if<SbdWrite>(&*e)) modem.OnBytes(now, write->bytes);
      if (auto* persist = std::get_if<SbdPersist>(&*e)) disk = persist->record;
      if (auto* sent = std::get_if<SbdSent>(&*e)) ++told[sent->token];
      if (auto* got = std::get_if<SbdReceived>(&*e)) received.push_back(got->payload);
      if (auto* bill = std::get_if<SbdBilled>(&*e)) billed += bill->credits;
    }
  }
  void RunUntil(Time end) {
    while (now < end) {
      const Time next = std::min({machine->NextDeadline(), modem.NextDeadline(), end});
      now = std::max(now, next);
      const Bytes bytes = modem.Take(now);
      // In two pieces, as a serial port may.
      const std::size_t cut = bytes.empty() ? 0 : random.Below(bytes.size() + 1);
      if (!bytes.empty()) {
        machine->OnBytes(now, ByteSpan(bytes).Sub(0, cut));
        machine->OnBytes(now, ByteSpan(bytes).Sub(cut));
      }
      if (machine->NextDeadline() <= now) machine->OnTimeout(now);
      if (crash_chance > 0 && random.Uniform() < crash_chance) {
        Crash(random.Below(3));
      } else {
        Drain();
      }
    }
  }
  void RunFor(Duration d) { RunUntil(now + d); }

  Random random;
  SbdEmulator modem;
  std::unique_ptr<SbdMachine> machine;
  std::string disk;
  Time now;
  std::map<std::uint64_t, int> told;
  std::vector<Bytes> received;
  std::uint64_t billed = 0, uncertain = 0, recovered = 0;
  double crash_chance = 0;
  std::optional<std::uint64_t> handed;  // submitted in this life
};

Bytes Text(const std::string& s) { return ByteSpan::Of(s).ToBytes(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(sbd_machine)

BOOST_AUTO_TEST_CASE(the_block_of_hello_is_that_of_the_manual) {
  BOOST_TEST(ToHex(EncodeSbdBlock(ByteSpan::Of("hello"))) == "68656c6c6f0214");
}

BOOST_AUTO_TEST_CASE(answers_of_the_manual_are_read_and_garbled_ones_are_not) {
  const auto s = ParseSbdSession("+SBDIX: 0, 5, 1, 0, 90, 2");
  BOOST_REQUIRE(s.has_value());
  BOOST_TEST(s->sent());
  BOOST_TEST(s->momsn == 5);
  BOOST_TEST(s->mt_status == 1);
  BOOST_TEST(s->mt_bytes == 90);
  BOOST_TEST(s->mt_queued == 2);
  BOOST_TEST(ParseSbdSession("+SBDIX:32,5,2,0,0,0")->mo_status == 32);
  const auto x = ParseSbdStatus("+SBDSX: 1, 1234, 0, -1, 0, 0");
  BOOST_TEST(!x.has_value());
  BOOST_TEST(ParseSbdStatus("+SBDSX: 1, 1234, 0, 9, 0, 0")->momsn == 1234);
  for (const char* line :
       {"", "+SBDIX:", "+SBDIX: 0, 5, 1, 0, 90", "+SBDIX: 0, 5, 1, 0, 90, 2, 3",
        "+SBDIX: 0, 5, 1, 0, 9?, 2", "+SBDIX: 0, 5, 7, 0, 90, 2", "+SBDIX: 0, 5, 1, 0, 999, 2",
        "+SBDIX: 0, 99999, 1, 0, 90, 2", "+SBDIX: 0 5, 1, 0, 90, 2", "SBDIX: 0, 5, 1, 0, 90, 2"}) {
    BOOST_TEST(!ParseSbdSession(line), line);
  }
}

BOOST_AUTO_TEST_CASE(credits_are_50_bytes_and_never_none) {
  BOOST_TEST(SbdCredits(0, 0) == 1u);
  BOOST_TEST(SbdCredits(50, 0) == 1u);
  BOOST_TEST(SbdCredits(51, 0) == 2u);
  BOOST_TEST(SbdCredits(340, 270) == 13u);
}

BOOST_AUTO_TEST_CASE(a_message_leaves_as_in_the_manual) {
  Host host(1, {});
  host.RunFor(10s);
  BOOST_TEST(host.machine->ready());
  host.modem.commands.clear();
  BOOST_TEST((host.machine->Submit(host.now, 42, ByteSpan::Of("hello")) ==
              SbdMachine::Submitted::kAccepted));
  host.Drain();
  host.RunFor(2min);
  BOOST_TEST(host.told[42] == 1);
  BOOST_REQUIRE(host.modem.at_gateway.size() == 1u);
  BOOST_TEST((host.modem.at_gateway[0] == Text("hello")));
  BOOST_TEST(host.billed == 1u);
  BOOST_TEST(host.disk.empty());
  const std::vector<std::string> wanted = {"AT+SBDWB=5", "AT+SBDIX", "AT+SBDSX", "AT+SBDSX",
                                           "AT+SBDD0"};
  BOOST_TEST(host.modem.commands == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_idle_modem_costs_nothing) {
  Host host(1, {});
  host.RunFor(24h);
  BOOST_TEST(host.modem.billed == 0u);
  BOOST_TEST(host.machine->counters().sessions == 0u);
}

BOOST_AUTO_TEST_CASE(a_ring_fetches_every_waiting_message_and_no_more) {
  Host host(3, {});
  host.RunFor(10s);
  host.modem.SendToDevice(host.now, Text("one"));
  host.modem.SendToDevice(host.now, Bytes(270, '\r'));  // bytes that look like line ends
  host.modem.SendToDevice(host.now, Text("OK\r\nSBDRING\r\n"));
  host.RunFor(10min);
  BOOST_REQUIRE(host.received.size() == 3u);
  BOOST_TEST((host.received[0] == Text("one")));
  BOOST_TEST((host.received[1] == Bytes(270, '\r')));
  BOOST_TEST((host.received[2] == Text("OK\r\nSBDRING\r\n")));
  BOOST_TEST(host.machine->counters().sessions == 3u);
  BOOST_TEST(host.billed == host.modem.billed);
}

BOOST_AUTO_TEST_CASE(failures_wait_a_minute_and_then_longer_and_the_message_is_kept) {
  Host host(4, {});
  host.RunFor(10s);
  host.modem.scripted_statuses = {32, 17, 36, 0};
  host.machine->Submit(host.now, 7, ByteSpan::Of("x"));
  host.Drain();
  const Time start = host.now;
  std::vector<double> tries;
  for (std::uint64_t seen = 0; host.told[7] == 0 && host.now < start + Duration(1h);) {
    host.RunFor(1s);
    if (host.machine->counters().sessions > seen) {
      seen = host.machine->counters().sessions;
      tries.push_back(ToSeconds(host.now - start));
    }
  }
  BOOST_REQUIRE(tries.size() == 4u);
  BOOST_TEST((tries[1] - tries[0] > 48 && tries[1] - tries[0] < 130));
  BOOST_TEST((tries[2] - tries[1] > 96 && tries[2] - tries[1] < 200));
  BOOST_TEST(tries[3] - tries[2] > 190);
  BOOST_TEST(host.modem.billed == 1u);
}

BOOST_AUTO_TEST_CASE(a_lost_answer_is_settled_by_the_counter) {
  Host host(5, {});
  host.RunFor(10s);
  host.machine->Submit(host.now, 9, ByteSpan::Of("once"));
  host.Drain();
  host.RunFor(500ms);  // the session runs
  BOOST_REQUIRE(host.machine->counters().sessions == 1u);
  host.Crash(0);
  host.RunFor(10min);
  BOOST_TEST(host.told[9] == 1);
  BOOST_TEST(host.machine->counters().recovered == 1u);
  BOOST_TEST(host.modem.at_gateway.size() == 1u);
}

BOOST_AUTO_TEST_CASE(no_session_is_opened_beyond_the_budget) {
  Host host(6, {});
  host.RunFor(10s);
  host.machine->SetBudget(host.now, 2);
  BOOST_TEST(
      (host.machine->Submit(host.now, 1, Bytes(101, 'a')) == SbdMachine::Submitted::kNoBudget));
  for (std::uint64_t token : {2, 3, 4}) {
    BOOST_TEST(
        (host.machine->Submit(host.now, token, Text("short")) == SbdMachine::Submitted::kAccepted));
  }
  host.Drain();
  host.RunFor(6h);
  BOOST_TEST(host.modem.billed == 2u);
  BOOST_TEST(host.modem.at_gateway.size() == 2u);
  host.machine->SetBudget(host.now, 1);
  host.Drain();
  host.RunFor(1h);
  BOOST_TEST(host.modem.at_gateway.size() == 3u);
}

BOOST_AUTO_TEST_CASE(the_queue_is_bounded_and_sizes_are_checked) {
  Host host(7, {});
  for (std::size_t i = 0; i < SbdMachine::kQueueMax; ++i) {
    BOOST_TEST((host.machine->Submit(host.now, i, Text("q")) == SbdMachine::Submitted::kAccepted));
  }
  BOOST_TEST((host.machine->Submit(host.now, 99, Text("q")) == SbdMachine::Submitted::kFull));
  BOOST_TEST(
      (host.machine->Submit(host.now, 99, Bytes(341, 'x')) == SbdMachine::Submitted::kTooBig));
  BOOST_TEST((host.machine->Submit(host.now, 99, {}) == SbdMachine::Submitted::kTooBig));
}

BOOST_AUTO_TEST_CASE(without_a_satellite_in_sight_sessions_wait) {
  Host host(8, {});
  host.RunFor(10s);
  host.machine->OnBytes(host.now, ByteSpan::Of("\r\n+CIEV:1,0\r\n+CIEV:0,0\r\n"));
  host.machine->Submit(host.now, 1, Text("x"));
  host.Drain();
  host.RunFor(5min);
  BOOST_TEST(host.machine->counters().sessions == 0u);
  host.machine->OnBytes(host.now, ByteSpan::Of("+CIEV:0,4\r\n+CIEV:1,1\r\n"));
  BOOST_TEST((host.machine->signal() == 4));
  host.Drain();
  host.RunFor(2min);
  BOOST_TEST(host.told[1] == 1);
}

BOOST_AUTO_TEST_CASE(random_faults_and_crashes_lose_nothing_and_send_nothing_twice) {
  std::uint64_t recovered = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      SbdEmulator::Faults faults;
      faults.session_fails = 0.3;
      faults.answer_lost = 0.05;
      faults.garbled = 0.05;
      faults.resets = 0.02;
      faults.noise = 0.05;
      Host host(seed, faults);
      host.crash_chance = seed % 2 ? 0.01 : 0;
      std::uint64_t next = 0;
      std::size_t mt_sent = 0;
      // The host's own outbox: a message is handed over again after a crash until it is told sent.
      while (host.told.size() < 30 && host.now < Time() + Duration(72h)) {
        if (host.told.size() == next) ++next;
        const std::uint64_t token = next - 1;
        // What the machine has only in memory goes with a crash; what it began is in its record.
        if (host.handed != token && host.machine->current() != token && !host.told.count(token)) {
          host.handed = token;
          host.machine->Submit(host.now, token, Text("message " + std::to_string(token)));
        }
        if (host.random.Below(40) == 0 && mt_sent < 20) {
          host.modem.SendToDevice(host.now, Text("down " + std::to_string(mt_sent++)));
        }
        host.RunFor(30s);
      }
      host.crash_chance = 0;
      host.RunFor(3h);
      recovered += host.recovered + host.machine->counters().recovered;
      const std::uint64_t uncertain = host.uncertain + host.machine->counters().uncertain;
      std::map<std::string, std::size_t> arrived;
      for (const Bytes& b : host.modem.at_gateway) ++arrived[ByteSpan(b).ToString()];
      BOOST_TEST(host.told.size() >= 30u);
      std::size_t twice = 0;
      for (const auto& [token, count] : host.told) {
        const std::size_t n = arrived["message " + std::to_string(token)];
        BOOST_TEST(n >= 1u, "message " << token << " was lost");
        twice += n - std::min<std::size_t>(n, 1);
      }
      BOOST_TEST(twice <= uncertain);
      // What came down the satellite reached the host at least once, except what a modem's power
      // failure took out of its buffer after the gateway had handed it over.
      std::set<std::string> got;
      for (const Bytes& b : host.received) got.insert(ByteSpan(b).ToString());
      BOOST_TEST(got.size() + host.modem.mailbox() + host.modem.lost_by_reset >= mt_sent);
    }
  }
  BOOST_TEST(recovered > 10u);  // the faults did reach the case that this is about
}

BOOST_AUTO_TEST_CASE(garbage_never_crashes_and_is_bounded) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    SbdMachine machine(&random, "");
    Time now;
    machine.OnPortUp(now);
    constexpr const char* kLines[] = {"OK\r\n",
                                      "READY\r\n",
                                      "0\r\n",
                                      "+SBDIX: 0,1,1,1,5,9\r\n",
                                      "+SBDSX: 1,2,1,3,1,4\r\n",
                                      "SBDRING\r\n",
                                      "ERROR\r\n",
                                      "+CIEV:1,1\r\n",
                                      "+CIEV:9\r\n"};
    for (int i = 0; i < 3000; ++i) {
      now += Duration(static_cast<std::int64_t>(random.Below(20'000'000'000)));
      if (random.Below(3) == 0) {
        Bytes rubbish(random.Below(50));
        for (auto& b : rubbish) b = static_cast<std::uint8_t>(random.Below(256));
        machine.OnBytes(now, rubbish);
      } else {
        machine.OnBytes(now, ByteSpan::Of(kLines[random.Below(std::size(kLines))]));
      }
      if (random.Below(20) == 0) machine.Submit(now, static_cast<std::uint64_t>(i), Text("x"));
      machine.OnTimeout(now);
      int effects = 0;
      while (machine.PollEffect()) ++effects;
      BOOST_TEST(effects < 100);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::satellite
