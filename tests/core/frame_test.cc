#define BOOST_TEST_MODULE frame_test
#include "core/frame.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"

namespace selvage {
namespace {

DataHeader AnyHeader(Random* random) {
  DataHeader h;
  h.traffic_class = static_cast<TrafficClass>(random->Below(4));
  h.walk = static_cast<std::uint8_t>(random->Below(kWalkMax + 1));
  h.copy = static_cast<std::uint8_t>(random->Below(2));
  h.attempt = static_cast<std::uint8_t>(random->Below(2) * random->Below(256));
  h.hop_limit = static_cast<std::uint8_t>(random->U64());
  h.destination = ShortId(static_cast<std::uint32_t>(random->U64()));
  h.id = {ShortId(static_cast<std::uint32_t>(random->U64())),
          static_cast<std::uint16_t>(random->U64()), static_cast<std::uint16_t>(random->U64()),
          random->U64() >> 16};
  if (random->Below(2) == 0) {
    h.fragments = static_cast<std::uint8_t>(2 + random->Below(254));
    h.fragment = static_cast<std::uint8_t>(random->Below(h.fragments));
  }
  const std::uint64_t carried = random->Below(kCarriedMax + 1);
  for (std::uint64_t i = 0; i < carried; ++i) {
    h.carried.Add({ShortId(static_cast<std::uint32_t>(random->U64())),
                   AdjacencyIndex(static_cast<std::uint8_t>(1 + random->Below(255)))});
  }
  return h;
}

bool Same(const DataHeader& a, const DataHeader& b) {
  return a.traffic_class == b.traffic_class && a.walk == b.walk && a.copy == b.copy &&
         a.attempt == b.attempt && a.hop_limit == b.hop_limit && a.destination == b.destination &&
         a.id == b.id && a.fragment == b.fragment && a.fragments == b.fragments &&
         std::equal(a.carried.begin(), a.carried.end(), b.carried.begin(), b.carried.end());
}

// Writes one chunk and gives it back as read.
template <typename Write>
Chunk RoundTrip(Bytes* buffer, Write write) {
  buffer->assign(256, 0);
  ByteWriter w(*buffer);
  write(&w);
  BOOST_TEST(w.ok());
  buffer->resize(w.size());
  ChunkReader reader(*buffer);
  Chunk chunk;
  BOOST_TEST(reader.Next(&chunk));
  Chunk more;
  BOOST_TEST(!reader.Next(&more));
  BOOST_TEST(reader.ok());
  return chunk;
}

BOOST_AUTO_TEST_CASE(every_data_header_comes_back_with_its_payload) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const DataHeader h = AnyHeader(&random);
    Bytes buffer;
    const Chunk c = RoundTrip(&buffer, [&](ByteWriter* w) {
      WriteDataHeader(h, w);
      w->Put(Bytes{7, 8, 9});
    });
    BOOST_TEST((c.type == ChunkType::kData));
    BOOST_TEST(buffer.size() - 3 <= kDataHeaderBytesMax);
    BOOST_TEST(buffer.size() - 3 >= kDataHeaderBytesMin);
    DataHeader back;
    ByteSpan payload;
    BOOST_REQUIRE(ReadDataHeader(c.body, &back, &payload));
    BOOST_TEST(Same(h, back));
    BOOST_TEST((payload == ByteSpan(Bytes{7, 8, 9})));
    // Cut anywhere inside the header: malformed.
    const std::size_t header = c.body.size() - 3;
    BOOST_TEST(!ReadDataHeader(c.body.Sub(0, random.Below(header)), &back, &payload));
  }
}

BOOST_AUTO_TEST_CASE(the_smallest_header_is_21_bytes_and_the_largest_65) {
  Bytes buffer(100);
  DataHeader h;
  ByteWriter small(buffer);
  WriteDataHeader(h, &small);
  BOOST_TEST(small.size() == 21);
  BOOST_TEST(small.size() == kDataHeaderBytesMin);
  h.fragments = 2;
  h.attempt = 255;
  for (std::size_t i = 0; i < kCarriedMax; ++i) {
    h.carried.Add({ShortId(1), AdjacencyIndex(static_cast<std::uint8_t>(i + 1))});
  }
  ByteWriter large(buffer);
  WriteDataHeader(h, &large);
  BOOST_TEST(large.size() == 65);
  BOOST_TEST(large.size() == kDataHeaderBytesMax);
}

BOOST_AUTO_TEST_CASE(headers_that_contradict_themselves_are_malformed) {
  Bytes good(64);
  DataHeader h;
  h.fragments = 3;
  h.fragment = 2;
  h.carried.Add({ShortId(1), AdjacencyIndex(1)});
  ByteWriter w(good);
  WriteDataHeader(h, &w);
  good.resize(w.size());
  const ByteSpan body = ByteSpan(good).Sub(1);
  DataHeader back;
  ByteSpan payload;
  BOOST_REQUIRE(ReadDataHeader(body, &back, &payload));
  const std::size_t fragment_at = 20;  // within the body
  auto refused = [&](std::size_t at, std::uint8_t value) {
    Bytes bad = body.ToBytes();
    bad.at(at) = value;
    return !ReadDataHeader(bad, &back, &payload);
  };
  BOOST_TEST(refused(fragment_at, 3));      // fragment 3 of 3
  BOOST_TEST(refused(fragment_at + 1, 1));  // one fragment is no fragment
  BOOST_TEST(refused(fragment_at + 2, 0));  // carries, but nothing
  BOOST_TEST(refused(fragment_at + 2, 9));  // more than eight
  BOOST_TEST(!refused(fragment_at, 1));
  h.attempt = 7;
  Bytes again(64);
  ByteWriter v(again);
  WriteDataHeader(h, &v);
  again.resize(v.size());
  BOOST_TEST(ReadDataHeader(ByteSpan(again).Sub(1), &back, &payload));
  again[1 + 20] = 0;  // sent anew, but never
  BOOST_TEST(!ReadDataHeader(ByteSpan(again).Sub(1), &back, &payload));
}

BOOST_AUTO_TEST_CASE(the_newest_eight_failures_are_carried) {
  CarriedFailures c;
  for (std::uint8_t i = 1; i <= 10; ++i) c.Add({ShortId(5), AdjacencyIndex(i)});
  c.Add({ShortId(5), AdjacencyIndex(10)});
  BOOST_TEST(c.size() == kCarriedMax);
  for (std::uint8_t i = 1; i <= 10; ++i) {
    BOOST_TEST(c.Contains({ShortId(5), AdjacencyIndex(i)}) == (i >= 3));
  }
  BOOST_TEST((c[0] == EdgeId{ShortId(5), AdjacencyIndex(3)}));
}

BOOST_AUTO_TEST_CASE(feedback_takes_eight_bytes_while_nothing_is_missing_and_comes_back) {
  Random random(2);
  for (int i = 0; i < 1000; ++i) {
    Feedback f;
    f.highest = static_cast<std::uint32_t>(random.U64());
    f.missing = i == 0 ? 0 : random.U64() >> random.Below(64);
    f.held = Duration(static_cast<std::int64_t>(random.Below(0x10000)) * 8000);
    Bytes buffer;
    const Chunk c = RoundTrip(&buffer, [&](ByteWriter* w) { WriteFeedback(f, w); });
    BOOST_TEST(c.feedback.highest == f.highest);
    BOOST_TEST(c.feedback.missing == f.missing);
    BOOST_TEST(c.feedback.held.count() == f.held.count());
    if (i == 0) BOOST_TEST(buffer.size() == 8);
    BOOST_TEST(buffer.size() <= 16);
  }
  // Longer than the field can say: the most it can say.
  Feedback late;
  late.held = 3s;
  Bytes buffer;
  BOOST_TEST(RoundTrip(&buffer, [&](ByteWriter* w) {
               WriteFeedback(late, w);
             }).feedback.held.count() == 0xffff * 8000);
  late.held = Duration(-5);
  BOOST_TEST(RoundTrip(&buffer, [&](ByteWriter* w) {
               WriteFeedback(late, w);
             }).feedback.held.count() == 0);
}

BOOST_AUTO_TEST_CASE(hellos_come_back_and_long_intervals_are_rounded_up) {
  Random random(3);
  for (int i = 0; i < 500; ++i) {
    Hello h;
    h.interval_ms = static_cast<std::uint32_t>(random.Below(kHelloIntervalMaxMs + 1));
    if (i % 2 == 0) h.interval_ms %= 0x8000;
    h.wants_reply = random.Below(2) == 0;
    h.not_hearing = random.Below(2) == 0;
    h.reply = random.Below(2) == 0;
    h.index = AdjacencyIndex(static_cast<std::uint8_t>(random.U64()));
    h.map_digest = static_cast<std::uint32_t>(random.U64());
    Bytes buffer;
    const Hello b = RoundTrip(&buffer, [&](ByteWriter* w) { WriteHello(h, w); }).hello;
    BOOST_TEST(buffer.size() == 9);
    BOOST_TEST(b.interval_ms >= h.interval_ms);
    BOOST_TEST(b.interval_ms - h.interval_ms < (h.interval_ms < 0x8000 ? 1u : 64u));
    BOOST_TEST(b.wants_reply == h.wants_reply);
    BOOST_TEST(b.not_hearing == h.not_hearing);
    BOOST_TEST(b.reply == h.reply);
    BOOST_TEST((b.index == h.index));
    BOOST_TEST(b.map_digest == h.map_digest);
  }
  Hello longest;
  longest.interval_ms = 0xfffffffe;
  Bytes buffer;
  BOOST_TEST(RoundTrip(&buffer, [&](ByteWriter* w) { WriteHello(longest, w); }).hello.interval_ms ==
             kHelloIntervalMaxMs);
}

BOOST_AUTO_TEST_CASE(a_hello_may_promise_nothing) {
  Hello silent;
  silent.interval_ms = kHelloNoPromise;
  Bytes buffer;
  BOOST_TEST(RoundTrip(&buffer, [&](ByteWriter* w) { WriteHello(silent, w); }).hello.interval_ms ==
             kHelloNoPromise);
}

BOOST_AUTO_TEST_CASE(chunks_of_a_later_version_are_skipped_by_their_length) {
  Bytes buffer(64);
  ByteWriter w(buffer);
  WriteBlob(static_cast<ChunkType>(0x6e), Bytes(20, 1), &w);
  WriteBlob(ChunkType::kSummary, Bytes{5}, &w);
  ChunkReader reader(w.written());
  Chunk c;
  BOOST_TEST(reader.Next(&c));
  BOOST_TEST(c.body.size() == 20);
  BOOST_TEST(reader.Next(&c));
  BOOST_TEST((c.type == ChunkType::kSummary));
  BOOST_TEST((c.body == ByteSpan(Bytes{5})));
  BOOST_TEST(!reader.Next(&c));
  BOOST_TEST(reader.ok());
}

BOOST_AUTO_TEST_CASE(a_cut_chunk_makes_the_frame_malformed) {
  Bytes buffer(64);
  for (const bool blob : {false, true}) {
    ByteWriter w(buffer);
    if (blob) {
      WriteBlob(ChunkType::kLinkState, Bytes(9, 1), &w);
    } else {
      WriteFeedback({1, 0x0101, 1ms}, &w);
    }
    for (std::size_t n = 1; n < w.size(); ++n) {
      ChunkReader reader(w.written().Sub(0, n));
      Chunk c;
      BOOST_TEST(!reader.Next(&c));
      BOOST_TEST(!reader.ok());
    }
  }
  const Bytes nine_missing_bytes{1, 0, 0, 0, 1, 0, 0, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  ChunkReader reader(nine_missing_bytes);
  Chunk c;
  BOOST_TEST(!reader.Next(&c));
  BOOST_TEST(!reader.ok());
}

BOOST_AUTO_TEST_CASE(random_bytes_are_read_within_their_bounds_and_come_to_an_end) {
  Random random(4);
  int malformed = 0;
  for (int i = 0; i < 50'000; ++i) {
    Bytes b(random.Below(120));
    for (auto& byte : b) byte = static_cast<std::uint8_t>(random.U64());
    if (!b.empty() && i % 3 != 0) b[0] = static_cast<std::uint8_t>(1 + random.Below(8));
    ChunkReader reader(b);
    Chunk c;
    std::size_t chunks = 0;
    while (reader.Next(&c)) {
      ++chunks;
      if (!c.body.empty()) {
        BOOST_REQUIRE(c.body.data() >= b.data());
        BOOST_REQUIRE(c.body.data() + c.body.size() <= b.data() + b.size());
      }
      DataHeader h;
      ByteSpan payload;
      if (c.type != ChunkType::kData || !ReadDataHeader(c.body, &h, &payload)) continue;
      BOOST_REQUIRE(h.carried.size() <= kCarriedMax);
      BOOST_REQUIRE(h.fragment < h.fragments);
      // What was understood says the same when written again (duplicates in the set aside).
      Bytes again(kDataHeaderBytesMax);
      ByteWriter w(again);
      WriteDataHeader(h, &w);
      BOOST_REQUIRE(w.ok());
      DataHeader back;
      ByteSpan none;
      BOOST_REQUIRE(ReadDataHeader(w.written().Sub(1), &back, &none));
      BOOST_REQUIRE(Same(h, back));
    }
    BOOST_REQUIRE(chunks <= b.size());
    malformed += !reader.ok();
  }
  BOOST_TEST(malformed > 1000);
}

}  // namespace
}  // namespace selvage
