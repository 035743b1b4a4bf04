// The conformance suite tells a plug-in that keeps to its contract from one that does not, by name.
#define BOOST_TEST_MODULE conformance_test
#include "transports/plugin/conformance.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>

#include "transports/plugin/loaded_plugin.h"

namespace selvage {
namespace {

using Verdict = ConformanceResult::Verdict;

std::vector<ConformanceResult> Check(const std::string& fault, const std::string& only) {
  ConformanceOptions options;
  options.plugin = SELVAGE_BAD_PLUGIN;
  options.patience = 2s;
  options.settings.settings = {{"fault", fault}};
  if (!only.empty()) options.only = {only};
  auto results = CheckPlugin(options);
  BOOST_REQUIRE(results.ok());
  return *results;
}

// The named check fails, for this reason, with this fault.
bool Fails(const std::string& fault, const std::string& check, const std::string& because) {
  const auto results = Check(fault, check);
  BOOST_REQUIRE(results.size() == 1);
  BOOST_TEST_MESSAGE(fault << ": " << results[0].detail);
  return results[0].verdict == Verdict::kFail &&
         results[0].detail.find(because) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conformance)

BOOST_AUTO_TEST_CASE(a_plug_in_that_keeps_to_the_contract_passes_every_check) {
  const auto results = Check("none", "");
  BOOST_TEST(results.size() == ConformanceChecks().size());
  for (const ConformanceResult& r : results) {
    BOOST_TEST_MESSAGE(r.check << ": " << r.detail);
    BOOST_TEST((r.verdict == Verdict::kPass ||
                (r.check == "budget" && r.verdict == Verdict::kSkip)),
               r.check << ": " << r.detail);
  }
}

BOOST_AUTO_TEST_CASE(lies_about_the_largest_unit_fail_at_its_edge) {
  BOOST_TEST(Fails("mtu-lie", "mtu-edge", "ACCEPTED, not TOO_BIG"));
  BOOST_TEST(Fails("tiny", "start", "too few"));
  BOOST_TEST(Fails("flips-bits", "mtu-edge", "unchanged"));
}

BOOST_AUTO_TEST_CASE(blocking_hoarding_and_senseless_answers_fail_under_overload) {
  BOOST_TEST(Fails("blocks", "overload", "blocked"));
  BOOST_TEST(Fails("hoards", "overload", "without a bound"));
  BOOST_TEST(Fails("wild-retry", "overload", "wild"));
  BOOST_TEST(Fails("no-answer", "overload", "REFUSED"));
}

BOOST_AUTO_TEST_CASE(a_link_that_does_not_go_down_or_come_back_fails_hot_unplug) {
  BOOST_TEST(Fails("once", "hot-unplug", "does not come back"));
  BOOST_TEST(Fails("claims-up", "hot-unplug", "still up"));
  BOOST_TEST(Fails("stays-away", "hot-unplug", "does not come back"));
  BOOST_TEST(Fails("does-not-notice", "hot-unplug", "no event says so"));
}

BOOST_AUTO_TEST_CASE(a_crash_or_a_hang_fails_one_check_and_leaves_the_suite_alive) {
  BOOST_TEST(Fails("crashes", "garbage", "crashes: signal 6"));
  BOOST_TEST(Fails("flips-bits", "garbage", "nobody sent"));
}

BOOST_AUTO_TEST_CASE(start_clock_telemetry_and_contract_each_catch_their_faults) {
  BOOST_TEST(Fails("never-starts", "start", "no such device"));
  BOOST_TEST(Fails("stays-down", "start", "does not come up"));
  BOOST_TEST(Fails("never-sleeps", "start", "never sleep"));
  BOOST_TEST(Fails("bad-caps", "start", "out of range"));
  BOOST_TEST(Fails("makes-up", "clock-jump", "do not end"));
  BOOST_TEST(Fails("lies", "telemetry", "out of range"));
  BOOST_TEST(Fails("takes-anything", "contract", "without a word"));
  BOOST_TEST(Fails("leaks", "contract", "descriptors open"));
  BOOST_TEST(Fails("writes-behind", "versions", "behind a structure"));
}

BOOST_AUTO_TEST_CASE(an_unknown_check_is_answered_with_the_known_ones) {
  ConformanceOptions options;
  options.plugin = SELVAGE_BAD_PLUGIN;
  options.only = {"mtu-egde"};
  const auto results = CheckPlugin(options);
  BOOST_REQUIRE(!results.ok());
  BOOST_TEST(std::string(results.status().message()).find("mtu-edge") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_plug_in_is_not_loaded) {
  BOOST_TEST(absl::IsNotFound(LoadPlugin("/nowhere/at-all.so").status()));
  char name[] = "/tmp/selvage-plugin-XXXXXX";
  close(mkstemp(name));
  std::ofstream(name) << "not an object";
  BOOST_TEST(absl::IsInvalidArgument(LoadPlugin(name).status()));
  chmod(name, 0666);
  BOOST_TEST(absl::IsPermissionDenied(LoadPlugin(name).status()));
  unlink(name);
}

BOOST_AUTO_TEST_CASE(a_table_of_another_version_or_with_holes_is_refused) {
  const auto good = LoadPlugin(SELVAGE_BAD_PLUGIN);
  BOOST_REQUIRE(good.ok());
  selvage_transport_api api = *good;
  BOOST_TEST(CheckedApi(&api, "it").ok());
  api.abi_version = 2;
  BOOST_TEST(!CheckedApi(&api, "it").ok());
  api = *good;
  api.send = nullptr;
  BOOST_TEST(!CheckedApi(&api, "it").ok());
  api = *good;
  api.name = "Bad Name";
  BOOST_TEST(!CheckedApi(&api, "it").ok());
  api = *good;
  api.struct_size = 40;
  BOOST_TEST(!CheckedApi(&api, "it").ok());
  BOOST_TEST(!CheckedApi(nullptr, "it").ok());
  // An older plug-in's table ends before what is optional: that is absent then.
  api = *good;
  api.struct_size = offsetof(selvage_transport_api, describe);
  const auto older = CheckedApi(&api, "it");
  BOOST_REQUIRE(older.ok());
  BOOST_TEST((older->describe == nullptr));
  BOOST_TEST((older->inject_fault == nullptr));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
