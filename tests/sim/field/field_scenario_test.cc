// Field files: what is read, what is refused and how it is said, and what follows from the seed.
#define BOOST_TEST_MODULE field_scenario_test
#include "sim/field/field_scenario.h"

#include <boost/test/unit_test.hpp>
#include <filesystem>

namespace selvage::sim {
namespace {

const char kField[] = R"(
seed = 4
duration_s = 100
[lora]
spreading_factor = 10
[[group]]
name = "a"
count = 5
place = "line"
area = [0, 0, 400, 200]
radios = ["lora", "wifi", "lora"]
[[group]]
name = "b"
wired = true
radios = ["redcap", "sbd"]
[[traffic]]
from = "a"
to = "b"
class = "critical"
bytes = 32
every_s = 5
[[fault]]
kind = "silent"
node = "a1"
peer = "b0"
radio = "lora"
at_s = 10
for_s = 20
)";

std::string Complaint(const std::string& text) {
  const auto field = ParseField(text, "f");
  return field.ok() ? "" : std::string(field.status().message());
}

std::string With(const std::string& more) { return std::string(kField) + more; }

BOOST_AUTO_TEST_CASE(a_field_is_read_as_written) {
  const auto field = ParseField(kField, "f");
  BOOST_TEST_REQUIRE(field.ok());
  BOOST_TEST(field->node_count() == 6u);
  BOOST_TEST(field->lora_factor == 10);
  BOOST_TEST(field->groups[0].radios.size() == 2u);
  BOOST_TEST(field->groups[1].wired);
  BOOST_TEST(field->traffic[0].bytes == 32u);
  BOOST_TEST(field->faults[0].for_s == 20);
  const auto nodes = DrawNodes(*field);
  BOOST_TEST(nodes[2].name == "a2");
  BOOST_TEST(nodes[2].at.x == 200);
  BOOST_TEST(nodes[2].at.y == 100);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused_with_its_place) {
  BOOST_TEST(Complaint("seed = \"x\"\n").find("f:1:8: \"seed\" must be a number") == 0u);
  BOOST_TEST(Complaint(With("[[fault]]\nkind = \"rain\"\nnode = \"a0\"\n"))
                 .find("must be one of") != std::string::npos);
  BOOST_TEST(Complaint(With("[[fault]]\nkind = \"crash\"\nnode = \"a9\"\n")) ==
             "f:1:1: fault crash: there is no node \"a9\"");
  BOOST_TEST(Complaint(With("[[fault]]\nkind = \"crash\"\n")).find("needs a \"node\"") !=
             std::string::npos);
  BOOST_TEST(Complaint(With("[[traffic]]\nfrom = \"a\"\nto = \"c\"\n")).find("no such group") !=
             std::string::npos);
  BOOST_TEST(Complaint(With("[[group]]\nname = \"a\"\nradios = [\"wifi\"]\n"))
                 .find("two groups are called a") != std::string::npos);
  BOOST_TEST(Complaint(With("[[group]]\nname = \"c\"\nradios = [\"smoke\"]\n"))
                 .find("must be a list of wifi") != std::string::npos);
  BOOST_TEST(Complaint(With("[wifi]\nrange = 5\n")).find("there is no key \"range\" here") !=
             std::string::npos);
  BOOST_TEST(!Complaint("[[group\n").empty());
  BOOST_TEST((LoadField("/nowhere").status().code() == absl::StatusCode::kNotFound));
}

BOOST_AUTO_TEST_CASE(random_faults_follow_the_seed_alone) {
  const std::string random =
      "[random_faults]\nkinds = \"crash silent\"\ngroups = \"a\"\nradios = \"lora\"\n"
      "every_s = 10\nfor_s = 5\n";
  const auto one = ParseField(With(random), "f");
  const auto two = ParseField(With(random), "f");
  BOOST_TEST_REQUIRE(one.ok());
  BOOST_TEST(one->faults.size() == 1 + 9u);
  for (std::size_t i = 1; i < one->faults.size(); ++i) {
    BOOST_TEST(one->faults[i].kind == two->faults[i].kind);
    BOOST_TEST(one->faults[i].node == two->faults[i].node);
    BOOST_TEST(one->faults[i].node[0] == 'a');
  }
}

BOOST_AUTO_TEST_CASE(one_kind_of_radio_alone_is_given_to_everybody) {
  auto field = ParseField(kField, "f");
  KeepOnly(RadioKind::kSbd, &*field);
  for (const FieldGroup& group : field->groups) {
    BOOST_TEST((group.radios == std::vector<RadioKind>{RadioKind::kSbd}));
  }
}

BOOST_AUTO_TEST_CASE(all_fields_that_come_with_the_simulator_are_read) {
  int fields = 0;
  for (const char* name : {"wildfire", "factory", "feeder", "convoy", "outpost"}) {
    const auto field =
        LoadField(std::string(SELVAGE_SOURCE_DIR "/sim/scenarios/") + name + ".toml");
    BOOST_TEST(field.ok(), field.status().message());
    fields += field.ok();
  }
  BOOST_TEST(fields == 5);
}

BOOST_AUTO_TEST_CASE(a_fault_may_mean_a_whole_group) {
  BOOST_TEST(Complaint(With("[[fault]]\nkind = \"jam\"\nnode = \"a\"\n")) == "");
  BOOST_TEST(Complaint(With("[[fault]]\nkind = \"jam\"\nnode = \"c\"\n")) ==
             "f:1:1: fault jam: there is no node \"c\"");
}

BOOST_AUTO_TEST_CASE(a_small_field_keeps_the_shape_and_its_faults_meet_nodes_that_are_left) {
  auto field = ParseField(R"(
[[group]]
name = "pole"
count = 121
place = "grid"
area = [0, 30, 600, 630]
radios = ["wifi"]
[[group]]
name = "gate"
count = 4
radios = ["wifi"]
[[fault]]
kind = "blackhole"
node = "pole60"
[[fault]]
kind = "away"
node = "gate3"
to = [300, 0]
)",
                          "f");
  BOOST_TEST_REQUIRE(field.ok());
  Shrink(&*field);
  BOOST_TEST(field->groups[0].count == 13u);
  BOOST_TEST(field->groups[1].count == 4u);
  BOOST_TEST(field->groups[0].area[1] == 10);
  BOOST_TEST(field->groups[0].area[2] == 200);
  BOOST_TEST(field->faults[0].node == "pole8");
  BOOST_TEST(field->faults[1].node == "gate3");
  BOOST_TEST(field->faults[1].to[0] == 100);
}

BOOST_AUTO_TEST_CASE(the_city_has_a_thousand_nodes) {
  auto city = LoadField(SELVAGE_SOURCE_DIR "/sim/scenarios/city.toml");
  BOOST_TEST_REQUIRE(city.ok());
  BOOST_TEST(city->node_count() == 1000u);
  BOOST_TEST(city->wifi_abstract);
  Shrink(&*city);
  BOOST_TEST(city->node_count() == 113u);
}

}  // namespace
}  // namespace selvage::sim
