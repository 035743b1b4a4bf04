#define BOOST_TEST_MODULE opencv_scorer
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <vector>

#include "agents/runtime/scorer_plugin.h"
#include "agents/scorer/onnx_scorer.h"
#include "tests/agents/scorer/onnx_writer.h"

namespace selvage {
namespace {

using Settings = std::map<std::string, std::string>;

class File {
 public:
  explicit File(const Bytes& bytes)
      : path_(std::filesystem::temp_directory_path() /
              ("selvage_opencv_" + std::to_string(getpid()) + ".onnx")) {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  ~File() { std::filesystem::remove(path_); }
  std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

absl::StatusOr<std::shared_ptr<Scorer>> Load(const Settings& settings) {
  return LoadScorerPlugin(SELVAGE_OPENCV_SCORER, settings, anomaly::LinkSchema());
}

BOOST_AUTO_TEST_CASE(it_scores_as_the_own_reader_does) {
  const std::size_t features = anomaly::LinkSchema().count;
  const Bytes model = MeanAutoencoder(8, features);
  const File file(model);
  const auto theirs = Load({{"model", file.path()}, {"samples", "8"}});
  BOOST_TEST_REQUIRE(theirs.ok(), std::string(theirs.status().message()));
  std::string error;
  const auto ours =
      OnnxScorer::Create(model, "mean", features, OnnxScorer::Output::kByShape, &error);
  BOOST_TEST_REQUIRE((ours != nullptr), error);
  std::vector<float> window(8 * features);
  for (std::size_t i = 0; i < window.size(); ++i) {
    window[i] = 4 * std::sin(static_cast<float>(i * i));
  }
  std::vector<float> a(features);
  std::vector<float> b(features);
  BOOST_TEST_REQUIRE((*theirs)->Score(window.data(), a.data()));
  BOOST_TEST_REQUIRE(ours->Score(window.data(), b.data()));
  for (std::size_t f = 0; f < features; ++f) BOOST_TEST(std::abs(a[f] - b[f]) < 1e-4F);
}

BOOST_AUTO_TEST_CASE(it_runs_an_operator_that_the_own_reader_refuses) {
  const Bytes model =
      OnnxWriter().Input("x", {1, 12}).Node("Softmax", {"x"}, "y").Output("y", {1, 12}).File(11);
  const File file(model);
  const auto scorer = Load({{"model", file.path()}, {"input", "flat"}, {"output", "scores"}});
  BOOST_TEST_REQUIRE(scorer.ok(), std::string(scorer.status().message()));
  std::vector<float> window(12);
  std::vector<float> scores(12);
  BOOST_TEST_REQUIRE((*scorer)->Score(window.data(), scores.data()));
  BOOST_TEST(std::abs(scores[5] - 1.0F / 12) < 1e-5F);
}

BOOST_AUTO_TEST_CASE(what_it_cannot_run_is_refused_with_a_reason) {
  const Bytes model = OnnxWriter()
                          .Input("x", {1, 12})
                          .Node("NoSuchOperator", {"x"}, "y")
                          .Output("y", {1, 12})
                          .File(11);
  const File file(model);
  const auto refused = Load({{"model", file.path()}, {"input", "flat"}});
  BOOST_TEST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.status().message().find("NoSuchOperator") != std::string::npos,
             std::string(refused.status().message()));
  BOOST_TEST(!Load({{"model", "/nowhere.onnx"}}).ok());
  BOOST_TEST(!Load({}).ok());
  BOOST_TEST(!Load({{"model", file.path()}, {"samples", "65"}}).ok());
}

}  // namespace
}  // namespace selvage
