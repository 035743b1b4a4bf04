// A session never uses a counter twice and never accepts one twice, whatever crashes.
#define BOOST_TEST_MODULE session_test
#include "transports/lorawan/session.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "core/random.h"
#include "tests/hex.h"

namespace selvage::lorawan {
namespace {

SessionKeys Keys(Version version) {
  SessionKeys keys;
  keys.version = version;
  keys.app_s[0] = 7;
  if (version == Version::kV11) {
    keys.fnwk_s_int[0] = 1;
    keys.snwk_s_int[0] = 2;
    keys.nwk_s_enc[0] = 3;
  }
  return keys;
}

OutgoingFrame Data(const std::string& text, bool confirmed = false) {
  OutgoingFrame f;
  f.fport = 5;
  f.payload = ByteSpan::Of(text).ToBytes();
  f.confirmed = confirmed;
  return f;
}

struct Pair {
  explicit Pair(Version version)
      : device(Role::kDevice, 0x26011bda, Keys(version)),
        network(Role::kNetwork, 0x26011bda, Keys(version)) {}
  Session device, network;
};

Session Restored(const std::string& record) {
  const auto s = Session::Restore(ByteSpan::Of(record));
  BOOST_REQUIRE(s.has_value());
  return *s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session)

BOOST_AUTO_TEST_CASE(frames_pass_in_both_directions_and_a_replay_does_not) {
  for (const Version version : {Version::kV10, Version::kV11}) {
    Pair p(version);
    for (int i = 0; i < 5; ++i) {
      const auto up = p.device.Seal(Data("up"));
      const auto got = p.network.Open(up->phy);
      BOOST_REQUIRE(got.has_value());
      BOOST_TEST(ByteSpan(got->frame.payload).ToString() == "up");
      BOOST_TEST(!p.network.Open(up->phy));
      const auto down = p.network.Seal(Data("down"));
      BOOST_REQUIRE(p.device.Open(down->phy).has_value());
      BOOST_TEST(!p.device.Open(down->phy));
      BOOST_TEST(!p.network.Open(down->phy));  // our own, reflected
    }
  }
}

BOOST_AUTO_TEST_CASE(lost_frames_are_counted_up_to_the_gap) {
  Pair p(Version::kV10);
  BOOST_TEST(p.network.Open(p.device.Seal(Data("0"))->phy)->lost == 0u);
  for (int i = 0; i < 10; ++i) p.device.Seal(Data("lost"));
  BOOST_TEST(p.network.Open(p.device.Seal(Data("11"))->phy)->lost == 10u);
  for (std::uint32_t i = 0; i < kFcntGapMax - 1; ++i) p.device.Seal(OutgoingFrame());
  BOOST_TEST(p.network.Open(p.device.Seal(Data("far"))->phy)->lost == kFcntGapMax - 1);
  for (std::uint32_t i = 0; i < kFcntGapMax; ++i) p.device.Seal(OutgoingFrame());
  BOOST_TEST(!p.network.Open(p.device.Seal(Data("too far"))->phy));
}

BOOST_AUTO_TEST_CASE(counters_go_on_beyond_16_bits) {
  Pair p(Version::kV11);
  for (std::uint32_t i = 0; i < 70'000; ++i) {
    const auto up = p.device.Seal(OutgoingFrame());
    if (i % 10'000 == 0) {
      const auto got = p.network.Open(up->phy);
      BOOST_REQUIRE(got.has_value());
      BOOST_TEST(got->frame.fcnt == i);
    }
  }
}

BOOST_AUTO_TEST_CASE(downlinks_of_1_1_with_and_without_application_data_count_apart) {
  Pair p(Version::kV11);
  BOOST_TEST(p.network.Seal(Data("a"))->fcnt == 0u);
  BOOST_TEST(p.network.Seal(Data("b"))->fcnt == 1u);
  OutgoingFrame commands;
  commands.fopts = {0x06};
  const auto down = p.network.Seal(commands);
  BOOST_TEST(down->fcnt == 0u);
  const auto got = p.device.Open(down->phy);
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST((got->frame.fopts == Bytes{0x06}));
  Pair old(Version::kV10);
  old.network.Seal(Data("a"));
  BOOST_TEST(old.network.Seal(commands)->fcnt == 1u);
}

BOOST_AUTO_TEST_CASE(a_confirmed_frame_is_acknowledged_by_the_next_one_back) {
  for (const Version version : {Version::kV10, Version::kV11}) {
    Pair p(version);
    p.device.Seal(Data("earlier"));
    const auto up = p.device.Seal(Data("please", true));
    BOOST_REQUIRE(p.network.Open(up->phy).has_value());
    BOOST_TEST(p.network.owes_acknowledgement());
    const auto down = p.network.Seal(OutgoingFrame());
    BOOST_TEST(!p.network.owes_acknowledgement());
    const auto got = p.device.Open(down->phy);
    BOOST_REQUIRE(got.has_value());
    BOOST_TEST(got->frame.ack);
    BOOST_TEST(got->acknowledges);
    BOOST_TEST(!p.device.Open(p.network.Seal(OutgoingFrame())->phy)->acknowledges);
  }
}

BOOST_AUTO_TEST_CASE(a_crash_at_any_moment_neither_repeats_a_counter_nor_accepts_one_twice) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    Pair p(static_cast<Version>(seed % 2));
    std::string device_disk = p.device.Record(), network_disk = p.network.Record();
    std::set<std::uint32_t> used, accepted;
    std::vector<Bytes> air;
    for (int i = 0; i < 200; ++i) {
      const auto up = p.device.Seal(Data("x"));
      if (random.Below(8) == 0) {  // power fails before the write is durable: nothing was sent
        p.device = Restored(device_disk);
        continue;
      }
      device_disk = up->record;
      BOOST_TEST(used.insert(up->fcnt).second);
      air.push_back(up->phy);
      if (random.Below(8) == 0) p.device = Restored(device_disk);
      // An attacker plays any earlier frame instead, or after it.
      for (const Bytes& phy : {air[random.Below(air.size())], air.back()}) {
        const auto got = p.network.Open(phy);
        if (!got) continue;
        if (random.Below(8) == 0) {  // not durable: nobody acted upon it
          p.network = Restored(network_disk);
          continue;
        }
        network_disk = got->record;
        BOOST_TEST(accepted.insert(got->frame.fcnt).second);
        if (random.Below(8) == 0) p.network = Restored(network_disk);
      }
    }
    BOOST_TEST(accepted.size() > 100u);
  }
}

BOOST_AUTO_TEST_CASE(the_last_counter_is_used_once_and_then_none) {
  Session device(Role::kDevice, 1, Keys(Version::kV10));
  std::string record = device.Record();
  // Next counter to send: 8 bytes after version, role, version, address and four keys.
  for (int i = 0; i < 8; ++i) record[71 + i] = static_cast<char>(i < 4 ? 0 : 0xff);
  Session last = Restored(record);
  BOOST_TEST(last.Seal(OutgoingFrame())->fcnt == 0xffffffffu);
  BOOST_TEST(!last.Seal(OutgoingFrame()));
  BOOST_TEST(!Restored(last.Record()).Seal(OutgoingFrame()));
}

BOOST_AUTO_TEST_CASE(a_damaged_record_is_refused) {
  const std::string record = Session(Role::kDevice, 1, Keys(Version::kV10)).Record();
  BOOST_TEST(Session::Restore(ByteSpan::Of(record)).has_value());
  BOOST_TEST(!Session::Restore(ByteSpan::Of(record.substr(1))));
  BOOST_TEST(!Session::Restore(ByteSpan::Of(record + "x")));
  for (const std::size_t at : {0u, 1u, 2u, 71u}) {
    std::string damaged = record;
    damaged[at] = 0x55;
    BOOST_TEST(!Session::Restore(ByteSpan::Of(damaged)));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::lorawan
