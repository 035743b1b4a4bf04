#define BOOST_TEST_MODULE ids_test
#include "core/ids.h"

#include <boost/test/unit_test.hpp>

namespace selvage {

BOOST_AUTO_TEST_CASE(a_node_id_is_read_back_from_its_text) {
  NodeId id;
  for (std::size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(0xf0 + i);
  BOOST_TEST(id.ToHex() == "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  NodeId back;
  BOOST_TEST(NodeId::FromHex(id.ToHex(), &back));
  BOOST_TEST((back == id));
  BOOST_TEST(NodeId::FromHex("F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF", &back));
  BOOST_TEST((back == id));
}

BOOST_AUTO_TEST_CASE(text_that_is_no_node_id_leaves_the_target_alone) {
  NodeId id;
  id.bytes[0] = 7;
  const NodeId before = id;
  for (const char* bad :
       {"", "00", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfef", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00",
        "g0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"}) {
    BOOST_TEST(!NodeId::FromHex(bad, &id), bad);
  }
  BOOST_TEST((id == before));
}

BOOST_AUTO_TEST_CASE(the_short_id_is_the_first_four_bytes_big_endian) {
  NodeId id;
  BOOST_TEST(id.IsZero());
  id.bytes[0] = 0x12;
  id.bytes[3] = 0x78;
  id.bytes[4] = 0xff;
  BOOST_TEST(id.Short().value == 0x12000078u);
  BOOST_TEST(!id.IsZero());
}

BOOST_AUTO_TEST_CASE(class_names_and_numbers_are_those_of_wire_and_configuration) {
  const char* names[] = {"critical", "reliable", "telemetry", "bulk"};
  for (int i = 0; i < kTrafficClasses; ++i) {
    const auto c = static_cast<TrafficClass>(i);
    BOOST_TEST(ToString(c) == names[i]);
    TrafficClass back = TrafficClass::kBulk;
    BOOST_TEST(ParseTrafficClass(names[i], &back));
    BOOST_TEST((back == c));
  }
  TrafficClass untouched = TrafficClass::kReliable;
  for (const char* bad : {"", "Critical", "bulk ", "?", "urgent"}) {
    BOOST_TEST(!ParseTrafficClass(bad, &untouched), bad);
  }
  BOOST_TEST((untouched == TrafficClass::kReliable));
}

}  // namespace selvage
