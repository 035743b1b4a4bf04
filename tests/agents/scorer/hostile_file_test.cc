#define BOOST_TEST_MODULE hostile_file
#include <boost/test/unit_test.hpp>

#include "agents/scorer/onnx_scorer.h"
#include "core/random.h"
#include "tests/agents/scorer/onnx_writer.h"

namespace selvage {
namespace {

constexpr std::size_t kFeatures = 3;

std::unique_ptr<OnnxScorer> Load(const Bytes& file, std::string* error) {
  return OnnxScorer::Create(file, "model.onnx", kFeatures, OnnxScorer::Output::kByShape, error);
}

std::string Error(const Bytes& file) {
  std::string error;
  BOOST_TEST((Load(file, &error) == nullptr));
  BOOST_TEST(!error.empty());
  return error;
}

bool Says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

OnnxWriter WithInput() {
  OnnxWriter w;
  w.Input("x", {1, kFeatures});
  return w;
}

BOOST_AUTO_TEST_CASE(a_file_cut_off_anywhere_is_refused) {
  const Bytes whole = MeanAutoencoder(2, kFeatures);
  std::string error;
  BOOST_TEST_REQUIRE((Load(whole, &error) != nullptr), error);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    BOOST_TEST((Load(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)),
                     &error) == nullptr),
               size);
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_refused_or_runs_and_never_crashes) {
  const Bytes whole = MeanAutoencoder(2, kFeatures);
  Random random(20261123);
  int ran = 0;
  for (int round = 0; round < 20000; ++round) {
    Bytes damaged = whole;
    const std::uint64_t hits = 1 + random.Below(4);
    for (std::uint64_t i = 0; i < hits; ++i) {
      const auto at = static_cast<std::size_t>(random.Below(damaged.size()));
      switch (random.Below(3)) {
        case 0:
          damaged[at] ^= static_cast<std::uint8_t>(1U << random.Below(8));
          break;
        case 1:
          damaged[at] = static_cast<std::uint8_t>(random.Below(256));
          break;
        default:
          damaged.insert(damaged.begin() + static_cast<std::ptrdiff_t>(at),
                         static_cast<std::uint8_t>(random.Below(256)));
      }
    }
    std::string error;
    const auto scorer = Load(damaged, &error);
    if (scorer == nullptr) {
      BOOST_TEST_REQUIRE(!error.empty());
      continue;
    }
    std::vector<float> window(scorer->samples() * kFeatures, 1.0F);
    std::vector<float> scores(kFeatures);
    scorer->Score(window.data(), scores.data());
    ++ran;
  }
  BOOST_TEST(ran > 0);  // weights and names may change
  BOOST_TEST(ran < 20000);
}

BOOST_AUTO_TEST_CASE(sizes_that_cannot_be_are_refused) {
  const OnnxWriter::Shape huge = {1 << 20, 1 << 20};
  BOOST_TEST(Says(Error(WithInput().Floats("w", huge, {1}).File()), "has the shape"));
  BOOST_TEST(Says(Error(WithInput().Floats("w", {-5}, {1}).File()), "has the shape"));
  BOOST_TEST(Says(Error(WithInput().Floats("w", {0}, {}).File()), "has the shape"));
  BOOST_TEST(Says(Error(WithInput().Floats("w", {3}, {1, 2}).File()), "has 2 elements"));
  BOOST_TEST(Says(Error(WithInput().Floats("w", OnnxWriter::Shape(9, 1), {1}).File()), "damaged"));
  // Two vectors of 2000 make a matrix of four million.
  const std::vector<float> long_one(2000, 1);
  BOOST_TEST(Says(Error(WithInput()
                            .Floats("a", {2000, 1}, long_one)
                            .Floats("b", {1, 2000}, long_one)
                            .Node("Add", {"a", "b"}, "y")
                            .Output("y", {2000, 2000})
                            .File()),
                  "a tensor of shape [2000,2000] is not supported"));
}

BOOST_AUTO_TEST_CASE(a_model_that_would_run_for_minutes_is_refused_while_it_is_planned) {
  OnnxWriter w = WithInput();
  w.Floats("m", {500, 500}, std::vector<float>(250000, 0.1F));
  w.Node("MatMul", {"m", "m"}, "m0");
  for (int i = 0; i < 200; ++i) {
    w.Node("MatMul", {"m" + std::to_string(i), "m"}, "m" + std::to_string(i + 1));
  }
  BOOST_TEST(Says(Error(w.Output("m200", {500, 500}).File()), "multiplications"));
}

BOOST_AUTO_TEST_CASE(a_cycle_is_refused_with_the_name_of_what_it_lacks) {
  const std::string error = Error(WithInput()
                                      .Node("Add", {"x", "b"}, "a")
                                      .Node("Relu", {"a"}, "b")
                                      .Output("b", {1, kFeatures})
                                      .File());
  BOOST_TEST(Says(error, "operator Add (n0): its input 'b' is computed by no node before it"),
             error);
}

BOOST_AUTO_TEST_CASE(an_operator_that_is_not_supported_is_named) {
  const std::string error =
      Error(WithInput().Node("Softmax", {"x"}, "y").Output("y", {1, kFeatures}).File());
  BOOST_TEST(Says(error, "operator Softmax (n0) is not supported; these are: Add, Constant"),
             error);
  const std::string other = Error(
      WithInput().Node("Gelu", {"x"}, "y", {}, "com.microsoft").Output("y", {1, kFeatures}).File());
  BOOST_TEST(Says(other, "operator com.microsoft.Gelu"), other);
  const WireWriter axis = WireWriter().Text(1, "axis").Number(3, 1);
  const std::string attribute =
      Error(WithInput().Node("Relu", {"x"}, "y", {axis}).Output("y", {1, kFeatures}).File());
  BOOST_TEST(Says(attribute, "operator Relu (n0): its attribute axis is not supported"), attribute);
}

BOOST_AUTO_TEST_CASE(more_nodes_than_the_limit_are_refused) {
  OnnxWriter w = WithInput();
  std::string last = "x";
  for (std::size_t i = 0; i <= OnnxLimits::kNodesMax; ++i) {
    w.Node("Relu", {last}, "y" + std::to_string(i));
    last = "y" + std::to_string(i);
  }
  BOOST_TEST(Says(Error(w.Output(last, {1, kFeatures}).File()), "more than 256 nodes"));
  BOOST_TEST(Says(Error(Bytes(OnnxLimits::kFileBytesMax + 1, 0)), "bytes"));
}

BOOST_AUTO_TEST_CASE(what_is_given_twice_or_by_nobody_is_refused) {
  BOOST_TEST(Says(Error(WithInput().Node("Relu", {"x"}, "x").Output("x", {1, kFeatures}).File()),
                  "the name 'x' is given to two tensors"));
  BOOST_TEST(
      Says(Error(WithInput().Output("y", {1, kFeatures}).File()), "nothing computes its output y"));
  BOOST_TEST(Says(Error(WithInput().Node("Relu", {"x"}, "y").Output("y", {1}).File(3)),
                  "version 3 of ONNX's operators"));
}

BOOST_AUTO_TEST_CASE(a_window_of_other_features_than_the_links_is_refused) {
  const std::string error =
      Error(OnnxWriter().Input("x", {1, 4}).Node("Relu", {"x"}, "y").Output("y", {1, 4}).File());
  BOOST_TEST(Says(error, "its input has the shape [1,4]; a window of W samples is [1,W,3]"), error);
  BOOST_TEST(Says(Error(OnnxWriter()
                            .Input("x", {1, 65, kFeatures})
                            .Node("Relu", {"x"}, "y")
                            .Output("y", {1, 65, kFeatures})
                            .File()),
                  "65 samples long, at most 64"));
}

}  // namespace
}  // namespace selvage
