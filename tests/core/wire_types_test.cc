#define BOOST_TEST_MODULE wire_types_test
#include "core/wire_types.h"

#include <boost/test/unit_test.hpp>

namespace selvage {

BOOST_AUTO_TEST_CASE(exactly_the_six_types_of_version_one_are_known) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto type = ParseTypeByte(static_cast<std::uint8_t>(byte));
    BOOST_TEST(type.has_value() == (byte >= 0x10 && byte <= 0x15), "byte " << byte);
    if (type) BOOST_TEST(MakeTypeByte(*type) == byte);
  }
}

BOOST_AUTO_TEST_CASE(type_values_are_those_on_the_wire) {
  BOOST_TEST(MakeTypeByte(FrameType::kBeacon) == 0x10);
  BOOST_TEST(MakeTypeByte(FrameType::kHandshake3) == 0x13);
  BOOST_TEST(MakeTypeByte(FrameType::kSealed) == 0x14);
  BOOST_TEST(MakeTypeByte(FrameType::kSealedSlow) == 0x15);
}

}  // namespace selvage
