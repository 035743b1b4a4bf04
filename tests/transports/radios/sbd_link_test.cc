// Two SBD modems on pseudo-terminals and a gateway between them: frames cross, each is paid once.
#define BOOST_TEST_MODULE sbd_link_test
#include "transports/radios/sbd_link.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tests/transports/recording_listener.h"
#include "transports/radios/radios.h"

namespace selvage {
namespace {

using satellite::SbdCredits;

// A 9602 behind a pseudo-terminal. What it sends is in `sent`; what is put into `mailbox` rings.
struct SbdModem {
  SbdModem() {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    BOOST_REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    keep = open(ptsname(master), O_RDWR | O_NOCTTY);
  }
  ~SbdModem() {
    close(master);
    close(keep);
  }
  void Say(const std::string& text) {
    BOOST_REQUIRE(write(master, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void Deliver(Bytes message) {
    mailbox.push_back(std::move(message));
    Say("\r\nSBDRING\r\n");
  }
  void Turn() {
    char buffer[1024];
    const ssize_t n = read(master, buffer, sizeof buffer);
    if (n > 0) input.append(buffer, static_cast<std::size_t>(n));
    while (Step()) {
    }
  }
  bool Step() {
    if (wanted > 0) {
      if (input.size() < wanted + 2) return false;
      mo = ByteSpan::Of(input.substr(0, wanted)).ToBytes();
      const bool right = satellite::EncodeSbdBlock(mo) == ByteSpan::Of(input.substr(0, wanted + 2));
      input.erase(0, wanted + 2);
      wanted = 0;
      Say(right ? "\r\n0\r\n\r\nOK\r\n" : "\r\n2\r\n\r\nOK\r\n");
      return true;
    }
    const std::size_t end = input.find('\r');
    if (end == std::string::npos) return false;
    const std::string line = input.substr(0, end);
    input.erase(0, end + 1);
    if (!line.empty()) OnCommand(line);
    return true;
  }
  void OnCommand(const std::string& line) {
    if (line.rfind("AT+SBDWB=", 0) == 0) {
      wanted = static_cast<std::size_t>(std::atoi(line.c_str() + 9));
      return Say("READY\r\n");
    }
    if (line == "AT+SBDIX" || line == "AT+SBDIXA") return Session();
    if (line == "AT+SBDRB") {
      std::string out{static_cast<char>(mt.size() >> 8), static_cast<char>(mt.size() & 255)};
      const Bytes block = satellite::EncodeSbdBlock(mt);
      return Say(out + ByteSpan(block).ToString() + "\r\nOK\r\n");
    }
    if (line == "AT+SBDSX") {
      Say("+SBDSX: " + std::to_string(!mo.empty()) + ", " + std::to_string(momsn) + ", " +
          std::to_string(!mt.empty()) + ", " + std::to_string(mtmsn) + ", 0, " +
          std::to_string(mailbox.size()) + "\r\n");
    }
    if (line == "AT+SBDD0") {
      mo.clear();
      Say("0\r\n");
    }
    Say("\r\nOK\r\n");
  }
  void Session() {
    ++sessions;
    const int used = momsn;
    if (!mo.empty()) sent.push_back(mo);
    mt.clear();
    const bool got = !mailbox.empty();
    if (got) {
      mt = mailbox.front();
      mailbox.erase(mailbox.begin());
      ++mtmsn;
    }
    billed += SbdCredits(mo.size(), mt.size());
    momsn = (momsn + 1) % 65536;
    if (mute_sessions) return;
    Say("+SBDIX: 0, " + std::to_string(used) + ", " + std::to_string(got) + ", " +
        std::to_string(mtmsn) + ", " + std::to_string(mt.size()) + ", " +
        std::to_string(mailbox.size()) + "\r\n\r\nOK\r\n");
  }
  int master = -1, keep = -1;
  std::string input;
  std::size_t wanted = 0;
  Bytes mo, mt;
  int momsn = 65535, mtmsn = 3;
  std::vector<Bytes> sent, mailbox;
  std::uint64_t billed = 0;
  int sessions = 0;
  bool mute_sessions = false;  // the answer of a session never comes
};

struct Disk final : TransportStore {
  Store& Records() override { return *records; }
  bool MakeDurable(std::vector<StoreWrite> writes, std::function<void()> done) override {
    if (broken) return false;
    std::string error;
    records->Write(writes, &error);
    done();
    return true;
  }
  WallSeconds wall() const override { return clock; }
  std::unique_ptr<Store> records = NewMemoryStore();
  bool broken = false;
  WallSeconds clock = 1'800'000'000;
};

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) { RegisterRadios(); }
  LinkConfig Config(SbdModem& modem) {
    LinkConfig config;
    config.transport = "satellite";
    config.options = {{"modem", "sbd"},
                      {"at_port", ptsname(modem.master)},
                      {"credits_per_month", "200"},
                      {"control_credits_per_day", "20"}};
    return config;
  }
  std::unique_ptr<Transport> Make(const LinkConfig& config, RecordingListener& listener,
                                  TransportStore* store) {
    auto made =
        CreateTransport("satellite", config, LinkId(1), *reactor, listener, nullptr, store);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    BOOST_REQUIRE((*made)->Start().ok());
    return *std::move(made);
  }
  bool Wait(const std::function<bool()>& done, Duration most = 20s) {
    reactor->SetTurnEnd([](Time now) { return now + 2ms; });
    const Time limit = reactor->ReadClock() + most;
    while (!done() && reactor->ReadClock() < limit) {
      for (auto [from, to] : {std::pair{&ma, &mb}, std::pair{&mb, &ma}}) {
        const std::size_t before = from->sent.size();
        from->Turn();
        for (std::size_t i = before; i < from->sent.size(); ++i) to->Deliver(from->sent[i]);
      }
      reactor->RunOnce();
    }
    return done();
  }
  Bytes Pattern(std::size_t n) {
    Bytes b(n);
    for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    return b;
  }
  std::unique_ptr<Reactor> reactor;
  SbdModem ma, mb;
  RecordingListener a, b;
  Disk disk_a, disk_b;
};

const SbdLink& Sbd(const std::unique_ptr<Transport>& t) {
  return dynamic_cast<const SbdLink&>(*t);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(sbd_link, Fixture)

BOOST_AUTO_TEST_CASE(frames_cross_in_messages_and_the_bill_is_what_the_operator_counts) {
  const auto la = Make(Config(ma), a, &disk_a), lb = Make(Config(mb), b, &disk_b);
  BOOST_REQUIRE(Wait([&] { return a.up && b.up; }));
  BOOST_TEST(a.info.transport == "satellite");
  BOOST_TEST(a.info.slow);
  BOOST_TEST((a.info.tariff == Tariff::kDear));
  BOOST_TEST((a.info.idle_gap == kNoHellos));
  BOOST_TEST((a.info.patience == Duration(300s)));
  la->Send(PeerAddress::Broadcast(), Pattern(40));
  la->Flush();
  BOOST_REQUIRE(Wait([&] { return b.frames.size() == 1; }));
  BOOST_TEST(b.frames[0].bytes == Pattern(40));
  BOOST_TEST(ma.sent.size() == 1u);
  BOOST_TEST(ma.sent[0].size() == 45u);
  BOOST_TEST(ma.billed == 1u);
  // The answer goes to who asked, in as many messages as it needs.
  lb->Send(b.frames[0].from, Pattern(600));
  lb->Flush();
  BOOST_REQUIRE(Wait([&] { return a.frames.size() == 1; }));
  BOOST_TEST(a.frames[0].bytes == Pattern(600));
  BOOST_TEST(mb.sent.size() == 3u);
  for (const Bytes& m : mb.sent) BOOST_TEST(m.size() <= satellite::kMtBytesMax);
  BOOST_REQUIRE(Wait([&] {
    return Sbd(la).budget().month_used() == ma.billed && Sbd(lb).budget().month_used() == mb.billed;
  }));
  BOOST_TEST(ma.mailbox.empty());
  BOOST_TEST(la->RadioState().find("of 200 credits this month") != std::string::npos);
  BOOST_TEST(*la->Telemetry({})->budget_used == static_cast<double>(ma.billed) / 200);
}

BOOST_AUTO_TEST_CASE(an_answer_lost_with_the_process_costs_neither_a_message_nor_a_second_bill) {
  {
    const auto la = Make(Config(ma), a, &disk_a);
    BOOST_REQUIRE(Wait([&] { return a.up; }));
    ma.mute_sessions = true;
    la->Send(PeerAddress::Broadcast(), Pattern(120));
    la->Flush();
    BOOST_REQUIRE(Wait([&] { return ma.sessions == 1; }));
    Wait([] { return false; }, 100ms);
    BOOST_TEST(Sbd(la).budget().month_used() == 0u);  // nobody told yet
  }
  ma.mute_sessions = false;
  a = RecordingListener();
  const auto la = Make(Config(ma), a, &disk_a);
  BOOST_REQUIRE(Wait([&] { return Sbd(la).modem_counters().recovered == 1; }));
  BOOST_TEST(ma.billed == 3u);
  BOOST_TEST(Sbd(la).budget().month_used() == 3u);
  la->Send(PeerAddress::Broadcast(), Pattern(20));
  la->Flush();
  BOOST_REQUIRE(Wait([&] { return ma.sent.size() == 2; }));
  BOOST_TEST(ma.sent[1].size() == 25u);  // the new one: the first did not go again
}

BOOST_AUTO_TEST_CASE(a_process_that_dies_before_the_session_sends_the_message_in_its_next_life) {
  {
    const auto la = Make(Config(ma), a, &disk_a);
    BOOST_REQUIRE(Wait([&] { return a.up; }));
    la->Send(PeerAddress::Broadcast(), Pattern(30));
    la->Flush();
    // Written down and handed to the port; the modem has not read its command yet.
    const auto on_disk = [&] {
      return disk_a.records->Get(std::string("radio") + ptsname(ma.master) + "/sbd").has_value();
    };
    reactor->SetTurnEnd([](Time now) { return now + 2ms; });
    for (int i = 0; i < 1000 && !on_disk(); ++i) reactor->RunOnce();
    BOOST_REQUIRE(on_disk());
    BOOST_TEST(ma.sessions == 0);
  }
  ma.input.clear();
  char lost[256];
  while (read(ma.master, lost, sizeof lost) > 0) {
  }
  a = RecordingListener();
  const auto la = Make(Config(ma), a, &disk_a);
  BOOST_REQUIRE(Wait([&] { return ma.sent.size() == 1; }));
  BOOST_TEST(ma.sent[0].size() == 35u);
  BOOST_REQUIRE(Wait([&] { return Sbd(la).budget().month_used() == 1; }));
}

BOOST_AUTO_TEST_CASE(no_session_begins_before_its_message_is_on_disk) {
  disk_a.broken = true;
  const auto la = Make(Config(ma), a, &disk_a);
  BOOST_REQUIRE(Wait([&] { return a.up; }));
  la->Send(PeerAddress::Broadcast(), Pattern(30));
  la->Flush();
  Wait([&] { return ma.sessions > 0; }, 500ms);
  BOOST_TEST(ma.sessions == 0);
  disk_a.broken = false;
  BOOST_TEST(Wait([&] { return ma.sessions == 1; }));
}

BOOST_AUTO_TEST_CASE(with_its_credits_spent_the_link_is_down_and_a_restart_renews_nothing) {
  LinkConfig config = Config(ma);
  config.options["credits_per_month"] = "4";
  {
    const auto la = Make(config, a, &disk_a);
    BOOST_REQUIRE(Wait([&] { return a.up; }));
    la->Send(PeerAddress::Broadcast(), Pattern(100));
    la->Flush();
    BOOST_REQUIRE(Wait([&] { return Sbd(la).budget().month_used() == 3; }));
    la->Send(PeerAddress::Broadcast(), Pattern(100));  // three more: too many
    la->Send(PeerAddress::Broadcast(), Pattern(20));   // one more
    la->Flush();
    BOOST_REQUIRE(Wait([&] { return !a.up; }));
    BOOST_TEST(a.reason == "the credits of this month are used up");
    BOOST_TEST(ma.billed == 4u);
  }
  a = RecordingListener();
  {
    const auto la = Make(config, a, &disk_a);
    BOOST_REQUIRE(Wait([&] { return a.reason == "the credits of this month are used up"; }));
    ma.Deliver(Pattern(30));  // to look costs a credit
    Wait([] { return false; }, 300ms);
    BOOST_TEST(ma.sessions == 2);
  }
  disk_a.clock += 31 * 86400;
  a = RecordingListener();
  const auto la = Make(config, a, &disk_a);
  BOOST_TEST(Wait([&] { return a.up; }));
}

BOOST_AUTO_TEST_CASE(control_frames_have_credits_of_their_own_and_repetitions_go_once) {
  const auto la = Make(Config(ma), a, &disk_a);
  BOOST_REQUIRE(Wait([&] { return a.up; }));
  for (int i = 0; i < 3; ++i) la->SendControl(PeerAddress::Broadcast(), Pattern(90));
  la->Flush();
  BOOST_REQUIRE(Wait([&] { return ma.sent.size() == 1; }));
  for (std::size_t i = 0; i < 30; ++i) la->SendControl(PeerAddress::Broadcast(), Pattern(91 + i));
  la->Send(PeerAddress::Broadcast(), Pattern(40));
  la->Flush();
  BOOST_REQUIRE(Wait([&] { return ma.sent.size() >= 2; }));
  BOOST_TEST(ma.sent[1].size() == 45u);  // data first
  Wait([] { return false; }, 1s);
  BOOST_TEST(Sbd(la).budget().control_used() <= 20u);
  BOOST_TEST(Sbd(la).budget().control_used() > 15u);
  const std::uint64_t billed = ma.billed;
  la->Send(PeerAddress::Broadcast(), Pattern(41));
  la->Flush();
  BOOST_TEST(Wait([&] { return ma.billed == billed + 1; }));
}

BOOST_AUTO_TEST_CASE(messages_for_others_and_rubbish_go_no_further) {
  const auto la = Make(Config(ma), a, &disk_a);
  BOOST_REQUIRE(Wait([&] { return a.up; }));
  ma.Deliver(Bytes{0x12, 0x34, 0x56});
  ma.Deliver(Bytes{0x12, 0x34, 0x00, 0x00, 0x50, 1, 2});  // to station 0, which is nobody
  ma.Deliver(Bytes{0x00, 0x00, 0xff, 0xff, 0x50, 1, 2});  // from nobody
  ma.Deliver(Bytes{0x12, 0x34, 0xff, 0xff, 0x50, 7, 8});
  BOOST_REQUIRE(Wait([&] { return a.frames.size() == 1; }));
  BOOST_TEST(a.frames[0].bytes == (Bytes{7, 8}));
  BOOST_TEST(ma.mailbox.empty());
}

BOOST_AUTO_TEST_CASE(the_link_goes_with_its_modem) {
  char folder[] = "/tmp/selvage-sbd-XXXXXX";
  BOOST_REQUIRE(mkdtemp(folder) != nullptr);
  const std::string port = std::string(folder) + "/modem";
  LinkConfig config = Config(ma);
  config.options["at_port"] = port;
  const auto la = Make(config, a, nullptr);
  BOOST_TEST(Wait([&] { return a.reason == "there is no serial port " + port; }));
  BOOST_REQUIRE(symlink(ptsname(ma.master), port.c_str()) == 0);
  BOOST_TEST(Wait([&] { return a.up; }));
  unlink(port.c_str());
  rmdir(folder);
}

BOOST_AUTO_TEST_CASE(sections_that_cannot_work_say_what_would) {
  const auto error = [&](std::map<std::string, std::string> options, bool interface = false) {
    LinkConfig config;
    config.transport = "satellite";
    config.options = std::move(options);
    if (interface) config.interface = "eth0";
    return std::string(
        CreateTransport("satellite", config, LinkId(1), *reactor, a).status().message());
  };
  const auto says = [](const std::string& text, const char* what) {
    return text.find(what) != std::string::npos;
  };
  BOOST_TEST(says(error({{"modem", "sbd"}}), "at_port"));
  BOOST_TEST(says(error({{"modem", "sbd"}, {"at_port", "/dev/x"}}), "credits_per_month"));
  BOOST_TEST(says(error({{"modem", "fax"}}), "\"sbd\""));
  BOOST_TEST(says(error({}), "modem = \"sbd\""));
  BOOST_TEST(says(error({{"credits_per_month", "5"}}, true), "is for modem"));
  const std::map<std::string, std::string> right{
      {"modem", "sbd"}, {"at_port", "/dev/x"}, {"credits_per_month", "5"}};
  BOOST_TEST(error(right).empty());
  BOOST_TEST(says(error(right, true), "no interface"));
  auto wrong = right;
  wrong["bytes_per_day"] = "50000";
  BOOST_TEST(says(error(wrong), "credits"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
