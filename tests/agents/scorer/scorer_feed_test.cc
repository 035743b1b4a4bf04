#define BOOST_TEST_MODULE scorer_feed
#include "agents/scorer/scorer_feed.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <new>

#include "agents/scorer/onnx_scorer.h"
#include "core/random.h"
#include "tests/agents/scorer/onnx_writer.h"

// Counts allocations of this program.
static std::size_t g_allocations = 0;
void* operator new(std::size_t size) {
  ++g_allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace selvage {
namespace {

// Answers with one number, whatever it is asked.
class Fixed : public Scorer {
 public:
  explicit Fixed(float value) : value_(value) {}
  const std::string& name() const override { return name_; }
  std::size_t samples() const override { return 1; }
  std::size_t features() const override { return anomaly::LinkSchema().count; }
  bool Score(const float*, float* per_feature) override {
    for (std::size_t f = 0; f < features(); ++f) per_feature[f] = value_;
    return std::isfinite(value_);
  }
  void set(float value) { value_ = value; }

 private:
  std::string name_ = "fixed";
  float value_;
};

float Normal(Random* random) {
  float sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<float>(random->Below(1000001)) / 1e6F;
  return sum;
}

// A link with round trips around 20 ms and a signal around -60 dBm.
void Row(Random* random, float signal, float* row) {
  std::fill(row, row + anomaly::LinkSchema().count, NAN);
  row[0] = signal + 2 * Normal(random);
  row[1] = row[0] + 90;
  row[4] = 20 + Normal(random);
  row[5] = 1 + 0.1F * Normal(random);
}

std::shared_ptr<Scorer> Autoencoder(std::size_t samples) {
  std::string error;
  std::shared_ptr<Scorer> scorer =
      OnnxScorer::Create(MeanAutoencoder(samples, anomaly::LinkSchema().count), "mean.onnx",
                         anomaly::LinkSchema().count, OnnxScorer::Output::kByShape, &error);
  BOOST_TEST_REQUIRE((scorer != nullptr), error);
  return scorer;
}

BOOST_AUTO_TEST_CASE(one_sample_in_a_hundred_reaches_two_decades_whatever_the_scale) {
  ScorerFeed feed(Autoencoder(8), anomaly::LinkSchema());
  Random random(5);
  float row[12];
  int rare = 0;
  constexpr int kSamples = 20000;
  for (int i = 0; i < kSamples; ++i) {
    Row(&random, -60, row);
    rare += feed.OnSample(row).decades >= 2 ? 1 : 0;
  }
  BOOST_TEST(rare > kSamples / 300);
  BOOST_TEST(rare < kSamples / 50);
}

BOOST_AUTO_TEST_CASE(a_sudden_change_is_rare_and_the_changed_feature_is_blamed) {
  ScorerFeed feed(Autoencoder(8), anomaly::LinkSchema());
  Random random(6);
  float row[12];
  for (int i = 0; i < 2000; ++i) {
    Row(&random, -60, row);
    feed.OnSample(row);
  }
  float most = 0;
  std::size_t blamed = 0;
  for (int i = 0; i < 4; ++i) {
    Row(&random, -60, row);
    row[4] = 60;
    const auto& o = feed.OnSample(row);
    if (o.decades > most) blamed = o.feature;
    most = std::max(most, o.decades);
  }
  BOOST_TEST(most > 3);
  BOOST_TEST(anomaly::LinkSchema().features[blamed].name == std::string("rtt"));
}

BOOST_AUTO_TEST_CASE(a_model_that_always_shouts_says_nothing) {
  ScorerFeed feed(std::make_shared<Fixed>(1e9F), anomaly::LinkSchema());
  float row[12] = {};
  for (int i = 0; i < 1000; ++i) BOOST_TEST_REQUIRE(feed.OnSample(row).decades < 2);
}

BOOST_AUTO_TEST_CASE(a_model_without_a_number_is_counted_and_not_believed) {
  ScorerFeed feed(std::make_shared<Fixed>(NAN), anomaly::LinkSchema());
  float row[12] = {};
  for (int i = 0; i < 300; ++i) BOOST_TEST_REQUIRE(feed.OnSample(row).decades == 0);
  BOOST_TEST(feed.failures() == 300u);
}

BOOST_AUTO_TEST_CASE(a_scorer_alone_reaches_nothing_and_beside_others_half) {
  BOOST_TEST(ScorerFeed::Fuse(0, 100, 6) == 0);
  BOOST_TEST(ScorerFeed::Fuse(2.9F, 100, 6) == 2.9F);
  BOOST_TEST(ScorerFeed::Fuse(3, 100, 6) == 6);
  BOOST_TEST(ScorerFeed::Fuse(5, 0.5F, 6) == 5.5F);
}

BOOST_AUTO_TEST_CASE(samples_allocate_nothing) {
  ScorerFeed feed(Autoencoder(16), anomaly::LinkSchema());
  Random random(7);
  float row[12];
  Row(&random, -60, row);
  feed.OnSample(row);
  const std::size_t before = g_allocations;
  for (int i = 0; i < 500; ++i) {
    Row(&random, -60, row);
    feed.OnSample(row);
  }
  BOOST_TEST(g_allocations == before);
}

BOOST_AUTO_TEST_CASE(the_output_may_be_scores_instead_of_a_reconstruction) {
  const OnnxWriter::Shape shape = {1, 3};
  std::string error;
  const Bytes file =
      OnnxWriter().Input("x", shape).Node("Relu", {"x"}, "y").Output("y", shape).File();
  const float window[] = {2, -3, 0};
  float scores[3];
  auto as_reconstruction = OnnxScorer::Create(file, "m", 3, OnnxScorer::Output::kByShape, &error);
  BOOST_TEST_REQUIRE((as_reconstruction != nullptr), error);
  BOOST_TEST(as_reconstruction->Score(window, scores));
  BOOST_TEST(scores[0] == 0);
  BOOST_TEST(scores[1] == 9);
  auto as_scores = OnnxScorer::Create(file, "m", 3, OnnxScorer::Output::kScores, &error);
  BOOST_TEST_REQUIRE((as_scores != nullptr), error);
  BOOST_TEST(as_scores->Score(window, scores));
  BOOST_TEST(scores[0] == 2);
  BOOST_TEST(scores[1] == 0);
}

}  // namespace
}  // namespace selvage
