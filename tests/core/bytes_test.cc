#define BOOST_TEST_MODULE bytes_test
#include "core/bytes.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"

namespace selvage {

BOOST_AUTO_TEST_CASE(integers_are_big_endian_and_come_back) {
  Bytes b(21);
  ByteWriter w(b);
  w.U8(0x01);
  w.U16(0x0203);
  w.U32(0x04050607);
  w.U48(0x08090a0b0c0d);
  w.U64(0x0e0f101112131415);
  BOOST_TEST(w.ok());
  BOOST_TEST(w.room() == 0);
  for (std::size_t i = 0; i < b.size(); ++i) BOOST_TEST(b[i] == i + 1);
  ByteReader r(b);
  BOOST_TEST(r.U8() == 0x01);
  BOOST_TEST(r.U16() == 0x0203);
  BOOST_TEST(r.U32() == 0x04050607u);
  BOOST_TEST(r.U48() == 0x08090a0b0c0du);
  BOOST_TEST(r.U64() == 0x0e0f101112131415u);
  BOOST_TEST(r.ok());
  BOOST_TEST(r.remaining() == 0);
}

BOOST_AUTO_TEST_CASE(a_reader_that_runs_past_its_end_stays_bad_and_reads_zeros) {
  const Bytes b{0xff, 0xff, 0xff};
  ByteReader r(b);
  BOOST_TEST(r.U32() == 0);
  BOOST_TEST(!r.ok());
  BOOST_TEST(r.U8() == 0);
  BOOST_TEST(r.Take(1).empty());
  BOOST_TEST((r.Array<2>() == std::array<std::uint8_t, 2>{}));
  BOOST_TEST(!r.ok());
}

BOOST_AUTO_TEST_CASE(a_writer_that_runs_past_its_end_writes_nothing_more) {
  Bytes b(4, 0xee);
  ByteWriter w(MutableByteSpan(b.data(), 3));
  w.U16(0x0102);
  w.U16(0x0304);
  w.U8(0x05);
  BOOST_TEST(!w.ok());
  BOOST_TEST((b == Bytes{1, 2, 0xee, 0xee}));
  BOOST_TEST(w.size() == 2);
}

BOOST_AUTO_TEST_CASE(varints_come_back_at_every_length) {
  for (int bits = 0; bits <= 64; ++bits) {
    const std::uint64_t v = bits == 0 ? 0 : ~std::uint64_t{0} >> (64 - bits);
    Bytes b(10);
    ByteWriter w(b);
    w.Varint(v);
    BOOST_TEST(w.size() == static_cast<std::size_t>(bits == 0 ? 1 : (bits + 6) / 7));
    ByteReader r(w.written());
    BOOST_TEST(r.Varint() == v);
    BOOST_TEST(r.ok());
    ByteReader cut(w.written().Sub(0, w.size() - 1));
    cut.Varint();
    BOOST_TEST(!cut.ok());
  }
}

BOOST_AUTO_TEST_CASE(varints_that_are_too_long_or_too_large_are_refused) {
  const Bytes three{0x80, 0x80, 0x01};
  ByteReader at(three);
  BOOST_TEST(at.Varint(3) == 1u << 14);
  BOOST_TEST(at.ok());
  ByteReader below(three);
  below.Varint(2);
  BOOST_TEST(!below.ok());
  Bytes overflow(9, 0xff);
  overflow.push_back(0x02);
  ByteReader r(overflow);
  r.Varint();
  BOOST_TEST(!r.ok());
}

BOOST_AUTO_TEST_CASE(views_are_clamped) {
  const Bytes b{1, 2, 3};
  const ByteSpan s(b);
  BOOST_TEST((s.Sub(1) == ByteSpan(Bytes{2, 3})));
  BOOST_TEST(s.Sub(3).empty());
  BOOST_TEST(s.Sub(99).empty());
  BOOST_TEST(s.Sub(2, 99).size() == 1);
  BOOST_TEST((ByteSpan() == s.Sub(3)));
  BOOST_TEST((s != s.Sub(1)));
}

BOOST_AUTO_TEST_CASE(hexadecimal_comes_back_and_anything_else_is_refused) {
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    Bytes b(random.Below(40));
    for (auto& byte : b) byte = static_cast<std::uint8_t>(random.U64());
    Bytes back;
    BOOST_TEST(FromHex(ToHex(b), &back));
    BOOST_TEST(back == b);
  }
  Bytes kept{9};
  for (const char* bad : {"0", "0g", "zz", " 00", "0x00", "00 "}) {
    BOOST_TEST(!FromHex(bad, &kept), bad);
  }
  BOOST_TEST(kept == Bytes{9});
  BOOST_TEST(FromHex("aAfF", &kept));
  BOOST_TEST((kept == Bytes{0xaa, 0xff}));
}

}  // namespace selvage
