#define BOOST_TEST_MODULE direct_datagram_test
#include "agents/node/direct_datagram.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

constexpr std::uint32_t kLoraBytes = 51;  // LoRaWAN's payload at its slowest rate
constexpr std::size_t kRoom = 35;         // 51 - 13 (session, slow) - 3 (chunk, class, port)

// Two neighbours on a slow link that is set up wide and then narrowed to 51 bytes, as when a radio
// falls back to its slowest rate.
struct SlowPair {
  Mesh mesh;
  explicit SlowPair(std::uint64_t seed, bool slow = true) : mesh(seed) {
    mesh.shape_link = [slow](LinkInfo* info) { info->slow = slow; };
    mesh.Add("a");
    mesh.Add("b");
    mesh.Join("a", "b", Channel(1452));
    mesh.StartAll();
    mesh.Run(30s);
  }
  static ChannelModel Channel(std::uint32_t mtu) {
    ChannelModel m;
    m.delay = 50ms;
    m.mtu_bytes = mtu;
    return m;
  }
  void Narrow(bool slow = true) {
    mesh.SetChannel("a", "b", Channel(kLoraBytes));
    for (const char* name : {"a", "b"}) {
      LinkInfo info;
      info.name = "l0";
      info.transport = "memory";
      info.slow = slow;
      info.mtu_bytes = kLoraBytes;
      mesh.Find(name).core->OnLinkUp(mesh.now(), LinkId(0), info);
      mesh.Drain(mesh.Find(name));
    }
    mesh.Run(10s);
  }
};

BOOST_AUTO_TEST_CASE(thirty_five_bytes_reach_a_neighbour_in_one_frame_of_fifty_one) {
  SlowPair p(1);
  p.Narrow();
  const auto frames = p.mesh.Counter("a", "data_frames_sent_total");
  const auto bytes = p.mesh.Counter("a", "data_bytes_sent_total");
  Bytes payload(kRoom, 0x5a);
  BOOST_TEST(p.mesh.Send("a", "b", TrafficClass::kTelemetry, payload) > 0);
  p.mesh.Run(1s);
  const auto& got = p.mesh.Find("b").delivered;
  BOOST_REQUIRE(got.size() == 1);
  BOOST_TEST(got[0].what.payload == payload);
  BOOST_TEST(got[0].what.port == 7);
  BOOST_TEST((got[0].what.from == p.mesh.Find("a").identity.certificate.id));
  BOOST_TEST((got[0].what.traffic_class == TrafficClass::kTelemetry));
  BOOST_TEST(p.mesh.Counter("a", "data_frames_sent_total") - frames == 1);
  BOOST_TEST(p.mesh.Counter("a", "data_bytes_sent_total") - bytes == kLoraBytes);
}

BOOST_AUTO_TEST_CASE(one_byte_more_does_not_fit_and_is_counted) {
  SlowPair p(2);
  p.Narrow();
  p.mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(kRoom + 1));
  p.mesh.Run(10s);
  BOOST_TEST(p.mesh.Find("b").delivered.empty());
  BOOST_TEST(p.mesh.Counter("a", "frames_dropped_mtu_total") == 1);
}

BOOST_AUTO_TEST_CASE(no_frame_exceeds_a_link_that_became_narrow) {
  SlowPair p(3);
  const auto before = p.mesh.network().counters().too_long;
  p.Narrow();
  for (int i = 0; i < 20; ++i) {
    p.mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(static_cast<std::size_t>(2 * i)));
    p.mesh.Send("b", "a", TrafficClass::kTelemetry, Bytes(static_cast<std::size_t>(i)));
    p.mesh.Run(30s);
  }
  BOOST_TEST(p.mesh.network().counters().too_long == before);
  BOOST_TEST(p.mesh.Find("a").delivered.size() == 20);
  BOOST_TEST(p.mesh.Find("b").delivered.size() == 18);  // 0, 2, ... 34
}

BOOST_AUTO_TEST_CASE(a_lost_datagram_is_sent_once_more_and_delivered_once) {
  SlowPair p(4);
  p.Narrow();
  ChannelModel hole = SlowPair::Channel(kLoraBytes);
  hole.loss = 1;
  p.mesh.SetChannel("a", "b", hole);
  p.mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(10, 1));
  p.mesh.Run(200ms);
  p.mesh.SetChannel("a", "b", SlowPair::Channel(kLoraBytes));
  for (std::uint8_t i = 2; i < 8; ++i) {
    p.mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(10, i));
    p.mesh.Run(1s);
  }
  p.mesh.Run(10s);
  std::map<int, int> seen;
  for (const Delivered& d : p.mesh.Find("b").delivered) ++seen[d.what.payload.at(0)];
  BOOST_TEST(seen.size() == 7);
  for (const auto& [n, times] : seen) BOOST_TEST(times == 1, "datagram " << n);
  BOOST_TEST(p.mesh.Counter("a", "frames_resent_same_link_total") == 1);
}

BOOST_AUTO_TEST_CASE(a_fast_link_carries_the_whole_header_and_seal) {
  SlowPair p(5, false);
  const auto bytes = p.mesh.Counter("a", "data_bytes_sent_total");
  p.mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(10));
  p.mesh.Run(1s);
  BOOST_TEST(p.mesh.Find("b").delivered.size() == 1);
  // 23 of the session, 21 of chunk and header, 3 of payload header, 16 of the seal.
  BOOST_TEST(p.mesh.Counter("a", "data_bytes_sent_total") - bytes >= 23 + 21 + 3 + 16 + 10);
}

BOOST_AUTO_TEST_CASE(classes_that_promise_a_receipt_never_go_direct) {
  SlowPair p(6);
  const auto bytes = p.mesh.Counter("a", "data_bytes_sent_total");
  p.mesh.Send("a", "b", TrafficClass::kReliable, Bytes(10));
  p.mesh.Run(5s);
  BOOST_TEST(p.mesh.Find("b").delivered.size() == 1);
  BOOST_TEST(p.mesh.Find("a").reports.size() == 2);
  BOOST_TEST(p.mesh.Counter("a", "data_bytes_sent_total") - bytes > 50);
}

BOOST_AUTO_TEST_CASE(an_idle_slow_link_stays_up_for_hours_on_few_bytes) {
  SlowPair p(7);
  const auto frames = p.mesh.Counter("a", "control_frames_sent_total");
  p.mesh.Run(std::chrono::hours(2));
  BOOST_TEST((p.mesh.StateOf("a", "b") == NeighborState::kUp));
  BOOST_TEST(p.mesh.Counter("a", "suspicions_total") == 0);
  BOOST_TEST(p.mesh.Counter("b", "suspicions_total") == 0);
  // A hello about every four minutes, a beacon every quarter of an hour.
  const auto sent = p.mesh.Counter("a", "control_frames_sent_total") - frames;
  BOOST_TEST(sent <= 50);
  BOOST_TEST(sent >= 20);
}

BOOST_AUTO_TEST_CASE(the_chunk_is_read_back_as_written_and_nothing_else_is_taken) {
  Bytes out(64);
  for (const std::uint16_t port : {0, 1, 127, 128, 0x3ffe}) {
    ByteWriter w(out);
    const Bytes payload{1, 2, 3};
    WriteDirect({TrafficClass::kBulk, port, payload}, &w);
    BOOST_TEST(w.size() == (port < 128 ? 3u : 4u) + 3u);
    ChunkReader reader(w.written());
    Chunk chunk;
    BOOST_REQUIRE(reader.Next(&chunk));
    BOOST_TEST((chunk.type == ChunkType::kDirect));
    DirectDatagram d;
    BOOST_REQUIRE(ReadDirect(chunk.body, &d));
    BOOST_TEST((d.traffic_class == TrafficClass::kBulk));
    BOOST_TEST(d.port == port);
    BOOST_TEST((d.payload == ByteSpan(payload)));
  }
  DirectDatagram d;
  BOOST_TEST(!ReadDirect(Bytes{}, &d));
  BOOST_TEST(!ReadDirect(Bytes{2}, &d));
  BOOST_TEST(!ReadDirect(Bytes{0, 7, 1}, &d));                 // critical
  BOOST_TEST(!ReadDirect(Bytes{1, 7, 1}, &d));                 // reliable
  BOOST_TEST(!ReadDirect(Bytes{4, 7, 1}, &d));                 // no class
  BOOST_TEST(!ReadDirect(Bytes{2, 0xff, 0x7f, 1}, &d));        // the port of receipts
  BOOST_TEST(!ReadDirect(Bytes{2, 0xff, 0xff, 0x7f, 1}, &d));  // beyond 16 bits
  BOOST_TEST(!ReadDirect(Bytes{2, 0x80, 0x80, 0x80, 0}, &d));  // too long
  BOOST_TEST(ReadDirect(Bytes{2, 7}, &d));                     // empty payload
}

}  // namespace
}  // namespace selvage
