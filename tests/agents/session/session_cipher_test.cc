#define BOOST_TEST_MODULE session_cipher_test
#include "agents/session/session_cipher.h"

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "core/wire_types.h"
#include "tests/hex.h"

namespace selvage {
namespace {

using OpenResult = SessionCipher::OpenResult;

constexpr std::uint16_t kIdA = 0x0102;
constexpr std::uint16_t kIdB = 0xa1b2;

std::shared_ptr<Crypto> sodium = NewSodiumCrypto();

SessionCipher::Keys KeysOf(std::uint8_t send, std::uint8_t receive) {
  SessionCipher::Keys keys;
  keys.send.fill(send);
  keys.receive.fill(receive);
  return keys;
}

// Two ends of one session; `first` is the first counter a sends.
struct Ends {
  explicit Ends(bool slow, std::uint64_t first = 0, Crypto* crypto = sodium.get())
      : a(crypto, KeysOf(1, 2), kIdA, kIdB, slow, first),
        b(crypto, KeysOf(2, 1), kIdB, kIdA, slow, 0, first) {}
  SessionCipher a, b;
};

Bytes SealFrom(SessionCipher* from, ByteSpan content, std::uint64_t* counter = nullptr) {
  Bytes out(content.size() + from->overhead_bytes());
  std::uint64_t c;
  BOOST_REQUIRE_EQUAL(from->Seal(content, out, counter != nullptr ? counter : &c), out.size());
  return out;
}

struct Opened {
  OpenResult result;
  std::uint64_t counter = 0;
  Bytes content;
};
Opened OpenAt(SessionCipher* at, Bytes frame) {
  Opened o;
  MutableByteSpan content;
  o.result = at->Open(frame, &o.counter, &content);
  if (o.result == OpenResult::kOk) o.content = ByteSpan(content).ToBytes();
  return o;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_one_seals_the_other_opens_both_ways_and_both_kinds) {
  for (bool slow : {false, true}) {
    Ends e(slow);
    for (std::uint64_t i = 0; i < 100; ++i) {
      const Bytes content(i, static_cast<std::uint8_t>(i));
      std::uint64_t counter = 0;
      const Opened at_b = OpenAt(&e.b, SealFrom(&e.a, content, &counter));
      BOOST_TEST(counter == i);
      BOOST_TEST((at_b.result == OpenResult::kOk));
      BOOST_TEST(at_b.counter == i);
      BOOST_TEST((at_b.content == content));
      BOOST_TEST((OpenAt(&e.a, SealFrom(&e.b, content)).content == content));
    }
    BOOST_TEST(e.a.sealed_frames() == 100u);
    BOOST_TEST(e.a.next_counter() == 100u);
  }
}

BOOST_AUTO_TEST_CASE(the_frame_has_the_documented_layout) {
  Ends fast(false, 0x01020304);
  BOOST_TEST(fast.a.header_bytes() == 7u);
  BOOST_TEST(fast.a.overhead_bytes() == 23u);
  BOOST_TEST(ToHex(ByteSpan(SealFrom(&fast.a, Hex("00"))).Sub(0, 7)) == "14a1b201020304");
  Ends slow(true, 0x01020304);
  BOOST_TEST(slow.a.header_bytes() == 5u);
  BOOST_TEST(slow.a.overhead_bytes() == 13u);
  BOOST_TEST(ToHex(ByteSpan(SealFrom(&slow.a, Hex("00"))).Sub(0, 5)) == "15a1b20304");
}

BOOST_AUTO_TEST_CASE(content_may_already_lie_in_its_place_or_overlap_it) {
  for (std::size_t offset : {7, 0, 3, 9}) {
    Ends e(false);
    Bytes buffer(64);
    for (std::size_t i = 0; i < 20; ++i) buffer[offset + i] = static_cast<std::uint8_t>(i + 1);
    const Bytes content = ByteSpan(buffer).Sub(offset, 20).ToBytes();
    std::uint64_t counter;
    const std::size_t size = e.a.Seal({buffer.data() + offset, 20}, buffer, &counter);
    BOOST_TEST(size == 43u);
    buffer.resize(size);
    BOOST_TEST((OpenAt(&e.b, buffer).content == content));
  }
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_is_refused_and_the_intact_frame_still_opens) {
  for (bool slow : {false, true}) {
    Ends e(slow);
    const Bytes frame = SealFrom(&e.a, Hex("000102030405060708"));
    for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
      Bytes forged = frame;
      forged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      const OpenResult r = OpenAt(&e.b, forged).result;
      BOOST_REQUIRE((r == (bit < 24 ? OpenResult::kMalformed : OpenResult::kForged)));
    }
    BOOST_TEST((OpenAt(&e.b, frame).result == OpenResult::kOk));
  }
}

BOOST_AUTO_TEST_CASE(truncated_frames_are_refused_at_every_length) {
  for (bool slow : {false, true}) {
    Ends e(slow);
    const Bytes frame = SealFrom(&e.a, Hex("0001020304"));
    for (std::size_t n = 0; n < frame.size(); ++n) {
      const OpenResult r = OpenAt(&e.b, ByteSpan(frame).Sub(0, n).ToBytes()).result;
      BOOST_REQUIRE(
          (r == (n < e.b.overhead_bytes() ? OpenResult::kMalformed : OpenResult::kForged)));
    }
    BOOST_TEST((OpenAt(&e.b, frame).result == OpenResult::kOk));
  }
}

BOOST_AUTO_TEST_CASE(a_replayed_frame_is_refused_and_so_is_one_older_than_the_window) {
  Ends e(false);
  std::vector<Bytes> frames;
  for (std::uint64_t i = 0; i <= ReplayWindow::kSize; ++i) frames.push_back(SealFrom(&e.a, {}));
  BOOST_TEST((OpenAt(&e.b, frames[5]).result == OpenResult::kOk));
  BOOST_TEST((OpenAt(&e.b, frames[5]).result == OpenResult::kReplayed));
  BOOST_TEST((OpenAt(&e.b, frames[3]).result == OpenResult::kOk));  // late, not replayed
  BOOST_TEST((OpenAt(&e.b, frames.back()).result == OpenResult::kOk));
  BOOST_TEST((OpenAt(&e.b, frames[0]).result == OpenResult::kReplayed));
  BOOST_TEST((OpenAt(&e.b, frames[1]).result == OpenResult::kOk));  // the oldest inside
}

BOOST_AUTO_TEST_CASE(a_forged_frame_far_ahead_does_not_move_the_window) {
  Ends e(false);
  const Bytes first = SealFrom(&e.a, {});
  BOOST_TEST((OpenAt(&e.b, SealFrom(&e.a, {})).result == OpenResult::kOk));
  Bytes forged = first;
  forged[3] = 0x40;  // counter 2^30
  BOOST_TEST((OpenAt(&e.b, forged).result == OpenResult::kForged));
  BOOST_TEST((OpenAt(&e.b, first).result == OpenResult::kOk));
}

BOOST_AUTO_TEST_CASE(a_frame_reflected_to_its_sender_or_from_another_session_is_refused) {
  Ends e(false), slow(true);
  const Bytes frame = SealFrom(&e.a, Hex("00"));
  BOOST_TEST((OpenAt(&e.a, frame).result == OpenResult::kMalformed));
  Bytes addressed_back = frame;
  addressed_back[1] = kIdA >> 8;
  addressed_back[2] = kIdA & 0xff;
  BOOST_TEST((OpenAt(&e.a, addressed_back).result == OpenResult::kForged));
  BOOST_TEST((OpenAt(&slow.b, frame).result == OpenResult::kMalformed));
}

BOOST_AUTO_TEST_CASE(low_counter_bytes_wrap_without_a_gap) {
  for (bool slow : {false, true}) {
    const std::uint64_t wrap = slow ? std::uint64_t{1} << 16 : std::uint64_t{1} << 32;
    for (std::uint64_t lap : {1, 7}) {
      Ends e(slow, lap * wrap - 3);
      std::vector<Bytes> frames;
      for (int i = 0; i < 6; ++i) frames.push_back(SealFrom(&e.a, Hex("07")));
      for (int i : {0, 4, 2, 5, 1, 3}) {  // reordered over the wrap
        const Opened o = OpenAt(&e.b, frames[static_cast<std::size_t>(i)]);
        BOOST_TEST((o.result == OpenResult::kOk));
        BOOST_TEST(o.counter == lap * wrap - 3 + static_cast<std::uint64_t>(i));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_slow_session_survives_losing_just_under_half_its_low_range) {
  auto standin = NewStandInCrypto(1);
  Ends e(true, 0, standin.get());
  BOOST_TEST((OpenAt(&e.b, SealFrom(&e.a, {})).result == OpenResult::kOk));
  for (int i = 1; i <= 32768; ++i) SealFrom(&e.a, {});
  const Opened o = OpenAt(&e.b, SealFrom(&e.a, {}));
  BOOST_TEST((o.result == OpenResult::kOk));
  BOOST_TEST(o.counter == 32769u);
}

BOOST_AUTO_TEST_CASE(expand_counter_gives_the_example_of_rfc_9000) {
  BOOST_TEST(ExpandCounter(0xa82f30eb, 0x9b32, 16) == 0xa82f9b32u);
}

BOOST_AUTO_TEST_CASE(expand_counter_returns_every_counter_near_the_expected_one) {
  const bool ok = rc::check("nearest counter with these low bits", [] {
    const int bits = *rc::gen::element(16, 32);
    const std::uint64_t half = std::uint64_t{1} << (bits - 1);
    const std::uint64_t expected = *rc::gen::oneOf(
        rc::gen::arbitrary<std::uint64_t>(), rc::gen::inRange<std::uint64_t>(0, 100'000),
        rc::gen::map(rc::gen::inRange<std::uint64_t>(0, 100'000),
                     [](std::uint64_t d) { return UINT64_MAX - d; }));
    const std::uint64_t distance = *rc::gen::inRange<std::uint64_t>(0, half);
    const bool ahead = *rc::gen::arbitrary<bool>();
    if (ahead) RC_PRE(expected <= UINT64_MAX - distance);
    if (!ahead) RC_PRE(expected >= distance);
    const std::uint64_t counter = ahead ? expected + distance : expected - distance;
    RC_ASSERT(ExpandCounter(expected, counter & (2 * half - 1), bits) == counter);
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(random_bytes_never_open) {
  Random random(5);
  Ends e(false), slow(true);
  for (int i = 0; i < 20000; ++i) {
    Bytes frame(random.Below(80));
    for (auto& b : frame) b = static_cast<std::uint8_t>(random.U64());
    if (i % 2 == 0 && frame.size() >= 3) {  // past the first checks
      frame[0] = MakeTypeByte(i % 4 == 0 ? FrameType::kSealed : FrameType::kSealedSlow);
      frame[1] = kIdB >> 8;
      frame[2] = kIdB & 0xff;
    }
    SealedFrameSession(frame);
    BOOST_REQUIRE((OpenAt(&e.b, frame).result != OpenResult::kOk));
    BOOST_REQUIRE((OpenAt(&slow.b, frame).result != OpenResult::kOk));
  }
}

BOOST_AUTO_TEST_CASE(session_of_a_frame_is_read_only_from_whole_sealed_frames) {
  for (bool slow : {false, true}) {
    Ends e(slow);
    const Bytes frame = SealFrom(&e.a, {});
    BOOST_TEST((SealedFrameSession(frame) == kIdB));
    for (std::size_t n = 0; n < frame.size(); ++n) {
      BOOST_TEST(!SealedFrameSession(ByteSpan(frame).Sub(0, n)));
    }
    for (FrameType other : {FrameType::kBeacon, FrameType::kHandshake1, FrameType::kHandshake3}) {
      Bytes changed = frame;
      changed[0] = MakeTypeByte(other);
      BOOST_TEST(!SealedFrameSession(changed));
    }
    Bytes version_two = frame;
    version_two[0] += 0x10;
    BOOST_TEST(!SealedFrameSession(version_two));
  }
}

}  // namespace selvage
