#define BOOST_TEST_MODULE scorer_plugin
#include "agents/runtime/scorer_plugin.h"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "agents/runtime/scorer_loader.h"

namespace selvage {
namespace {

using Settings = std::map<std::string, std::string>;

absl::StatusOr<std::shared_ptr<Scorer>> Load(const Settings& settings) {
  return LoadScorerPlugin(SELVAGE_ODD_SCORER, settings, anomaly::LinkSchema());
}

void CheckRefused(const absl::Status& status, const std::string& words) {
  BOOST_TEST((status.code() == absl::StatusCode::kInvalidArgument));
  BOOST_TEST(status.message().find(words) != std::string::npos, std::string(status.message()));
}

BOOST_AUTO_TEST_CASE(a_shared_object_scores_windows_of_the_link_features) {
  const auto scorer = Load({{"samples", "3"}});
  BOOST_TEST_REQUIRE(scorer.ok(), std::string(scorer.status().message()));
  const std::size_t features = anomaly::LinkSchema().count;
  BOOST_TEST((*scorer)->name() == "odd");
  BOOST_TEST((*scorer)->samples() == 3u);
  BOOST_TEST((*scorer)->features() == features);
  std::vector<float> window(3 * features);
  window[2 * features + 4] = 7;
  std::vector<float> scores(features, -1);
  BOOST_TEST((*scorer)->Score(window.data(), scores.data()));
  BOOST_TEST(scores[4] == 7);
  BOOST_TEST(scores[3] == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_no_score_is_none) {
  for (const char* fault : {"fails", "nan", "negative"}) {
    const auto scorer = Load({{"fault", fault}});
    BOOST_TEST_REQUIRE(scorer.ok());
    std::vector<float> window((*scorer)->samples() * (*scorer)->features());
    std::vector<float> scores((*scorer)->features());
    BOOST_TEST(!(*scorer)->Score(window.data(), scores.data()), fault);
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_has_the_plug_ins_own_words) {
  CheckRefused(Load({{"deep", "yes"}}).status(),
               "is refused: unknown setting 'deep'; the first feature is rssi");
  CheckRefused(Load({{"fault", "silent-refusal"}}).status(), "it does not say why");
}

BOOST_AUTO_TEST_CASE(a_window_without_samples_or_with_too_many_is_refused) {
  CheckRefused(Load({{"samples", "0"}}).status(), "its window is 0 samples long, 1 to 64 are kept");
  CheckRefused(Load({{"samples", "65"}}).status(), "its window is 65 samples long");
}

BOOST_AUTO_TEST_CASE(a_table_of_another_version_or_with_gaps_is_refused) {
  CheckRefused(CheckedScorerApi(nullptr, "x.so").status(), "x.so cannot work with version 1");
  selvage_scorer_api api{};
  api.struct_size = sizeof(api);
  api.abi_version = SELVAGE_SCORER_ABI + 1;
  CheckRefused(CheckedScorerApi(&api, "x.so").status(), "was built for version 2");
  api.abi_version = SELVAGE_SCORER_ABI;
  CheckRefused(CheckedScorerApi(&api, "x.so").status(), "lacks a function");
  api.struct_size = 8;
  CheckRefused(CheckedScorerApi(&api, "x.so").status(), "says that its table has 8 bytes");
}

BOOST_AUTO_TEST_CASE(what_is_not_there_or_no_scorer_is_refused) {
  const anomaly::Schema& schema = anomaly::LinkSchema();
  BOOST_TEST((LoadScorerPlugin("/nowhere/x.so", {}, schema).status().code() ==
              absl::StatusCode::kNotFound));
  const std::string text = std::string(SELVAGE_SOURCE_DIR) + "/README.md";
  CheckRefused(LoadScorerPlugin(text, {}, schema).status(), "cannot be loaded");
}

BOOST_AUTO_TEST_CASE(it_is_timed_like_a_model_in_a_file) {
  ModelSection model;
  model.scorer = SELVAGE_ODD_SCORER;
  model.scorer_settings = {{"samples", "8"}};
  std::int64_t now = 0;
  const auto slow = LoadScorer(model, [&] { return now += 90'000; });
  BOOST_TEST((slow.status().code() == absl::StatusCode::kResourceExhausted));
  BOOST_TEST(slow.status().message().find("one window takes it 90 us") != std::string::npos,
             std::string(slow.status().message()));
  const auto fine = LoadScorer(model, [&] { return now += 2'000; });
  BOOST_TEST_REQUIRE(fine.ok());
  BOOST_TEST(fine->note.find("scores windows of 8 samples in 2.0 us each") != std::string::npos,
             fine->note);
}

}  // namespace
}  // namespace selvage
