#define BOOST_TEST_MODULE frame_sight_test
#include "sim/frame_sight.h"

#include <boost/test/unit_test.hpp>

#include "core/frame.h"

namespace selvage::sim {
namespace {

class Fixture {
 public:
  std::shared_ptr<SealedPackets> packets = std::make_shared<SealedPackets>();
  std::shared_ptr<Crypto> real = NewSodiumCrypto();
  WatchedCrypto origin{real, packets};
  WatchedCrypto relay{real, packets};
  SymmetricKey end_key{};
  SymmetricKey hop_key{};

  Fixture() {
    end_key.fill(1);
    hop_key.fill(2);
  }

  Bytes SealPayload(std::uint32_t flow, std::uint32_t sequence) {
    Bytes plain = {0, 7};  // something of the end-to-end layer ahead of the payload
    const Bytes payload = MarkedPayload(flow, sequence, 64);
    plain.insert(plain.end(), payload.begin(), payload.end());
    Bytes sealed(plain.size() + kTagBytes);
    origin.Seal(end_key, 1, {}, plain, kTagBytes, sealed.data());
    return sealed;
  }

  // A frame of `node` with a packet inside, behind `chunks_ahead`, with carried failures.
  Bytes SealFrame(WatchedCrypto* node, ByteSpan sealed, bool feedback, int carried) {
    Bytes content(1400);
    ByteWriter out{MutableByteSpan(content)};
    if (feedback) WriteFeedback({}, &out);
    DataHeader header;
    for (int i = 0; i < carried; ++i) {
      header.carried.Add({ShortId(100 + static_cast<std::uint32_t>(i)), AdjacencyIndex(1)});
    }
    WriteDataHeader(header, &out);
    out.Put(sealed);
    content.resize(out.size());
    Bytes frame = {1, 2, 3, 4, 5};
    frame.resize(5 + content.size() + kTagBytes);
    node->Seal(hop_key, 9, {}, content, kTagBytes, frame.data() + 5);
    return frame;
  }
};

BOOST_AUTO_TEST_CASE(a_marked_payload_reads_back_and_nothing_else_does) {
  const Bytes payload = MarkedPayload(3, 70000, 64);
  BOOST_TEST(payload.size() == 64u);
  const auto label = ReadMarker(payload);
  BOOST_REQUIRE(label.has_value());
  BOOST_TEST(label->flow == 3u);
  BOOST_TEST(label->sequence == 70000u);
  BOOST_TEST(!ReadMarker(Bytes(64)).has_value());
  BOOST_TEST(!ReadMarker(ByteSpan(payload).Sub(0, 15)).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_relay_frame_is_recognised_by_the_packet_inside, Fixture) {
  const Bytes sealed = SealPayload(2, 41);
  const Bytes frame = SealFrame(&relay, sealed, false, 0);
  const PacketLabel* label = relay.FindFrame(frame);
  BOOST_REQUIRE(label != nullptr);
  BOOST_TEST(label->flow == 2u);
  BOOST_TEST(label->sequence == 41u);
  BOOST_TEST(label->extra_bytes == 0u);
}

BOOST_FIXTURE_TEST_CASE(chunks_ahead_and_carried_failures_are_extra, Fixture) {
  const Bytes sealed = SealPayload(2, 41);
  const std::size_t base = SealFrame(&relay, sealed, false, 0).size();
  const Bytes frame = SealFrame(&relay, sealed, true, 3);
  const PacketLabel* label = relay.FindFrame(frame);
  BOOST_REQUIRE(label != nullptr);
  BOOST_TEST(label->extra_bytes > 15u);
  BOOST_TEST(label->extra_bytes == frame.size() - base);
}

BOOST_FIXTURE_TEST_CASE(frames_without_a_packet_of_ours_are_not_recognised, Fixture) {
  const Bytes stranger = SealFrame(&relay, Bytes(80), false, 0);
  BOOST_TEST((relay.FindFrame(stranger) == nullptr));
  const Bytes mine = SealFrame(&relay, SealPayload(0, 0), false, 0);
  BOOST_TEST((origin.FindFrame(mine) == nullptr));  // another node sealed it
  BOOST_TEST((relay.FindFrame(Bytes(3)) == nullptr));
}

BOOST_FIXTURE_TEST_CASE(watching_changes_no_byte, Fixture) {
  const Bytes plain = MarkedPayload(1, 2, 64);
  Bytes watched(plain.size() + kTagBytes);
  Bytes bare(plain.size() + kTagBytes);
  origin.Seal(end_key, 5, {}, plain, kTagBytes, watched.data());
  real->Seal(end_key, 5, {}, plain, kTagBytes, bare.data());
  BOOST_TEST(watched == bare, boost::test_tools::per_element());
  BOOST_TEST(origin.Open(end_key, 5, {}, watched, kTagBytes, watched.data()));
}

}  // namespace
}  // namespace selvage::sim
