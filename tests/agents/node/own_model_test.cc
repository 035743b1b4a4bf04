#define BOOST_TEST_MODULE own_model
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "agents/node/link_watch.h"
#include "agents/scorer/onnx_scorer.h"
#include "tests/agents/node/mesh.h"
#include "tests/agents/scorer/onnx_writer.h"

namespace selvage {
namespace {

std::shared_ptr<Scorer> Autoencoder() {
  std::string error;
  std::shared_ptr<Scorer> scorer =
      OnnxScorer::Create(MeanAutoencoder(8, anomaly::LinkSchema().count), "mean.onnx",
                         anomaly::LinkSchema().count, OnnxScorer::Output::kByShape, &error);
  BOOST_TEST_REQUIRE((scorer != nullptr), error);
  return scorer;
}

// Finds every hundredth sample very unusual.
class Shouting : public Scorer {
 public:
  const std::string& name() const override { return name_; }
  std::size_t samples() const override { return 1; }
  std::size_t features() const override { return anomaly::LinkSchema().count; }
  bool Score(const float*, float* per_feature) override {
    const float value = ++calls_ % 100 == 0 ? 1e20F : 1.0F;
    std::fill(per_feature, per_feature + features(), value);
    return true;
  }

 private:
  std::string name_ = "shouting";
  int calls_ = 0;
};

// One link whose round trips grow by `more` ms at the end of an hour; how many alarms that makes.
struct Heard {
  int before = 0;  // in the hour without a fault
  int after = 0;
  std::string evidence;
};
Heard Listen(std::shared_ptr<Scorer> scorer, double more) {
  ModelConfig config;
  config.scorer = std::move(scorer);
  LinkWatch watch(config, false);
  Random random(3);
  Heard heard;
  Time now{};
  for (int second = 0; second < 3620; ++second) {
    const bool fault = second >= 3600;
    for (int i = 0; i < 10; ++i) {
      const double ms = 20 + static_cast<double>(random.Below(4001)) / 1000 + (fault ? more : 0);
      watch.OnRtt(Duration(static_cast<std::int64_t>(ms * 1e6)));
    }
    now += 1s;
    watch.OnSecond(now, 0, 0);
    const auto alarm = watch.TakeAlarm();
    if (!alarm) continue;
    (fault ? heard.after : heard.before) += 1;
    heard.evidence = alarm->evidence;
  }
  return heard;
}

BOOST_AUTO_TEST_CASE(a_users_autoencoder_and_the_built_in_model_find_what_that_alone_passes_over) {
  int gained = 0;
  for (double more = 0; more <= 20; more += 0.5) {
    const Heard alone = Listen(nullptr, more);
    const Heard both = Listen(Autoencoder(), more);
    BOOST_TEST(both.before == 0, more);
    BOOST_TEST(both.after >= alone.after, more);
    if (alone.after == 0 && both.after > 0) {
      ++gained;
      BOOST_TEST(both.evidence.find("and mean.onnx finds it ") != std::string::npos, both.evidence);
    }
    if (more == 0) BOOST_TEST(both.after == 0);
  }
  BOOST_TEST(gained > 0);
}

BOOST_AUTO_TEST_CASE(a_bad_model_raises_no_alarm_by_itself) {
  const Heard heard = Listen(std::make_shared<Shouting>(), 0);
  BOOST_TEST(heard.before + heard.after == 0, heard.evidence);
}

BOOST_AUTO_TEST_CASE(a_node_runs_a_users_model_on_each_link_in_use_and_says_what_it_finds) {
  Mesh mesh(5);
  for (const char* name : {"a", "b", "c"}) {
    NodeConfig config;
    config.model.scorer = Autoencoder();
    config.model.scorer_note = "mean.onnx scores windows";
    mesh.Add(name, mesh.members(), config);
  }
  mesh.Join("a", "b");
  mesh.Join("b", "c");
  mesh.StartAll();
  mesh.Run(2s);
  for (Duration t = 0ms; t < 200s; t += 50ms) {
    mesh.At(t, [&mesh] { mesh.Send("a", "c", TrafficClass::kTelemetry, Bytes(64, 1)); });
  }
  mesh.Run(200s);
  const auto& events = mesh.Find("b").events;
  BOOST_TEST(std::any_of(events.begin(), events.end(),
                         [](const Event& e) { return e.kind == "scorer-loaded"; }));
  const auto all = mesh.Find("b").core->Anomalies(mesh.now());
  std::size_t links = 0;
  for (const AnomalyInfo& info : all) {
    if (info.neighbor.empty()) continue;
    ++links;
    BOOST_TEST(info.scorer == "mean.onnx");
    BOOST_TEST(info.scorer_samples > 150u);
    BOOST_TEST(info.scorer_failures == 0u);
    BOOST_TEST(info.scorer_decades < 6);
    BOOST_TEST(!info.scorer_feature.empty());
  }
  BOOST_TEST(links == 2u);
  BOOST_TEST(mesh.Counter("b", "anomalies_total") == 0u);
}

}  // namespace
}  // namespace selvage
