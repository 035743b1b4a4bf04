#define BOOST_TEST_MODULE scorer_loader
#include "agents/runtime/scorer_loader.h"

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "agents/anomaly/schema.h"
#include "tests/agents/scorer/onnx_writer.h"

namespace selvage {
namespace {

class Folder {
 public:
  Folder() {
    path_ = std::filesystem::temp_directory_path() /
            ("selvage_scorer_" + std::to_string(SteadyNanoseconds()));
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const Bytes& bytes) const {
    std::ofstream(path_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

// A clock on which each reading is `step` later.
NanosecondClock Stepping(std::int64_t step) {
  return [now = std::int64_t{0}, step]() mutable { return now += step; };
}

ModelSection Wanting(const std::string& file) {
  ModelSection model;
  model.onnx = file;
  return model;
}

Bytes Autoencoder() { return MeanAutoencoder(8, anomaly::LinkSchema().count); }

BOOST_AUTO_TEST_CASE(a_model_within_its_budget_is_loaded_and_its_time_told) {
  const Folder folder;
  const auto loaded = LoadScorer(Wanting(folder.Write("ae.onnx", Autoencoder())), Stepping(40'000));
  BOOST_TEST_REQUIRE(loaded.ok(), std::string(loaded.status().message()));
  BOOST_TEST(loaded->scorer->samples() == 8u);
  BOOST_TEST(loaded->scorer->name() == "ae.onnx");
  BOOST_TEST(loaded->note.find("windows of 8 samples in 40 us") != std::string::npos, loaded->note);
}

BOOST_AUTO_TEST_CASE(a_model_that_is_too_slow_is_refused_with_its_time_and_the_budget) {
  const Folder folder;
  const auto loaded =
      LoadScorer(Wanting(folder.Write("ae.onnx", Autoencoder())), Stepping(812'000));
  BOOST_TEST_REQUIRE(!loaded.ok());
  BOOST_TEST((loaded.status().code() == absl::StatusCode::kResourceExhausted));
  const std::string text(loaded.status().message());
  BOOST_TEST(
      text.find("ae.onnx is refused: one window takes it 812 us, the budget") != std::string::npos,
      text);
  BOOST_TEST(text.find("is 50 us") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(a_model_that_takes_seconds_is_not_run_thirty_times) {
  const Folder folder;
  int readings = 0;
  std::int64_t now = 0;
  const auto loaded = LoadScorer(Wanting(folder.Write("ae.onnx", Autoencoder())), [&] {
    ++readings;
    return now += 1'500'000'000;
  });
  BOOST_TEST(!loaded.ok());
  BOOST_TEST(readings < 8);
}

BOOST_AUTO_TEST_CASE(an_unsupported_operator_is_refused_by_its_name) {
  const Folder folder;
  const Bytes file =
      OnnxWriter().Input("x", {1, 12}).Node("Softmax", {"x"}, "y").Output("y", {1, 12}).File();
  const auto loaded = LoadScorer(Wanting(folder.Write("softmax.onnx", file)), SteadyNanoseconds);
  BOOST_TEST_REQUIRE(!loaded.ok());
  BOOST_TEST((loaded.status().code() == absl::StatusCode::kInvalidArgument));
  const std::string text(loaded.status().message());
  BOOST_TEST(text.find("softmax.onnx is refused: operator Softmax (n0) is not supported") !=
                 std::string::npos,
             text);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_or_no_model_is_refused) {
  const Folder folder;
  BOOST_TEST((LoadScorer(Wanting("/nowhere/x.onnx"), SteadyNanoseconds).status().code() ==
              absl::StatusCode::kNotFound));
  const auto text = LoadScorer(Wanting(folder.Write("t.onnx", Bytes{'h', 'e', 'l', 'l', 'o'})),
                               SteadyNanoseconds);
  BOOST_TEST((text.status().code() == absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace selvage
