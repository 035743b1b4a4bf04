#define BOOST_TEST_MODULE node_model
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

// a - b - d and a - c - d: two ways, b's is taken first for it is named first and costs the same.
class Diamond {
 public:
  explicit Diamond(const ModelConfig& model, std::uint64_t seed = 7) : mesh(seed) {
    for (const char* name : {"a", "b", "c", "d"}) {
      NodeConfig config;
      config.model = model;
      mesh.Add(name, mesh.members(), config);
    }
    mesh.Join("a", "b");
    mesh.Join("a", "c");
    mesh.Join("b", "d");
    mesh.Join("c", "d");
    mesh.StartAll();
    mesh.Run(3s);
  }
  // 50 packets a second from a to d.
  void Traffic(Duration d, TrafficClass c = TrafficClass::kTelemetry) {
    for (Duration t = 0ms; t < d; t += 20ms) {
      mesh.At(t, [this, c] {
        mesh.Send("a", "d", c, Bytes(64, 1));
        ++sent;
      });
    }
  }
  // What the radios at both ends of a's link to `via` say, 20 times a second.
  void Radio(const std::string& via, Duration d, std::function<float(double)> margin) {
    for (Duration t = 0ms; t < d; t += 50ms) {
      mesh.At(t, [this, via, t, margin] {
        const float noise = static_cast<float>(random.Below(2001)) / 1000 - 1;
        const float m = margin(ToSeconds(t)) + noise;
        for (const char* end : {"a", via.c_str()}) {
          Mesh::Node& n = mesh.Find(end);
          const bool second = end[0] == 'a' && via == "c";
          n.core->OnRadio(mesh.now(), LinkId(second ? 1 : 0), PeerAddress::Broadcast(),
                          {m - 85, m + 5, m});
          mesh.Drain(n);
        }
      });
    }
  }
  std::string Via() {
    const auto path = mesh.Find("a").core->Path(mesh.now(), mesh.Find("d").identity.certificate.id,
                                                TrafficClass::kTelemetry);
    return path.size() < 2 ? "" : path[1];
  }
  int Events(const std::string& kind) {
    const auto& events = mesh.Find("a").events;
    return static_cast<int>(std::count_if(events.begin(), events.end(),
                                          [&](const Event& e) { return e.kind == kind; }));
  }

  Mesh mesh;
  Random random{11};
  int sent = 0;
};

BOOST_AUTO_TEST_CASE(traffic_leaves_a_fading_link_before_it_loses_anything) {
  Diamond d{ModelConfig()};
  d.Traffic(60s);
  d.mesh.Run(1s);
  const std::string via = d.Via();
  // 20 dB for 40 s, then 2 dB/s less: used up at 50 s.
  d.Radio(via, 59s,
          [](double t) { return t < 39 ? 20.0F : static_cast<float>(20 - 2 * (t - 39)); });
  d.mesh.Run(39s);
  BOOST_TEST(d.Via() == via);
  BOOST_TEST(d.Events("anomaly") == 0);
  d.mesh.Run(9500ms);
  BOOST_TEST(d.Via() != via);
  BOOST_TEST(d.mesh.Counter("a", "detours_total") == 1u);
  BOOST_TEST(d.Events("healer-action") >= 1);
  d.mesh.CutBoth("a", via);
  d.mesh.Run(12s);
  BOOST_TEST(d.mesh.Find("d").delivered.size() == static_cast<std::size_t>(d.sent));
  BOOST_TEST(d.mesh.Counter("a", "detours_proved_total") == 1u);
  const auto& events = d.mesh.Find("a").events;
  const auto reroute = std::find_if(events.begin(), events.end(),
                                    [](const Event& e) { return e.kind == "reroute"; });
  BOOST_TEST_REQUIRE((reroute != events.end()));
  BOOST_TEST(reroute->fields.at("evidence").find("in time") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(without_the_model_the_same_fade_moves_nothing) {
  ModelConfig off;
  off.enabled = false;
  Diamond d{off};
  d.Traffic(60s);
  d.mesh.Run(1s);
  const std::string via = d.Via();
  d.Radio(via, 59s,
          [](double t) { return t < 39 ? 20.0F : static_cast<float>(20 - 2 * (t - 39)); });
  d.mesh.Run(59s);
  BOOST_TEST(d.Via() == via);
  BOOST_TEST(d.mesh.Counter("a", "model_samples_total") == 0u);
}

Rule WeakSignal() {
  Rule rule;
  rule.name = "weak";
  rule.when = {
      {static_cast<std::size_t>(anomaly::FindFeature(anomaly::LinkSchema(), "snr")), false, 22}};
  rule.hold = 3s;
  rule.action = Action::kDetour;
  return rule;
}

// 20 dB of margin (25 dB of SNR), 4 dB less from second 40 to 55, slowly there and back: nothing
// that the model minds.
float Shallow(double t) {
  const double fallen = t < 20   ? 0
                        : t < 40 ? (t - 20) / 20
                        : t < 55 ? 1
                        : t < 65 ? (65 - t) / 10
                                 : 0;
  return static_cast<float>(20 - 4 * fallen);
}

BOOST_AUTO_TEST_CASE(a_rule_of_the_operator_moves_traffic_and_says_why_until_it_holds_no_more) {
  ModelConfig config;
  config.rules = {WeakSignal()};
  Diamond d{config};
  d.Traffic(90s);
  d.mesh.Run(1s);
  const std::string via = d.Via();
  d.Radio(via, 89s, Shallow);
  d.mesh.Run(35s);
  BOOST_TEST(d.Via() == via);  // below the limit now, but that has to hold for 3 s
  d.mesh.Run(8s);
  BOOST_TEST(d.Via() != via);
  BOOST_TEST(d.mesh.Counter("a", "rules_begun_total") == 1u);
  const auto& events = d.mesh.Find("a").events;
  const auto done = std::find_if(events.begin(), events.end(), [](const Event& e) {
    return e.kind == "healer-action" && e.fields.at("diagnosis") == "rule";
  });
  BOOST_TEST_REQUIRE((done != events.end()));
  BOOST_TEST(done->fields.at("action") == "detour");
  BOOST_TEST(done->fields.at("evidence").find("rule \"weak\": snr ") == 0u,
             done->fields.at("evidence"));
  BOOST_TEST(done->fields.at("outcome") == "done");
  d.mesh.Run(14s);
  BOOST_TEST(d.Via() != via);  // it lasts as long as the rule holds
  d.mesh.Run(28s);
  BOOST_TEST(d.Via() == via);
  BOOST_TEST(d.Events("rule-over") == 1);
  const auto back = std::find_if(events.begin(), events.end(),
                                 [](const Event& e) { return e.kind == "healer-return"; });
  BOOST_TEST_REQUIRE((back != events.end()));
  BOOST_TEST(back->fields.at("outcome") == "no rule asks for it any more");
  BOOST_TEST(d.mesh.Counter("a", "detours_in_vain_total") == 0u);
}

BOOST_AUTO_TEST_CASE(a_rule_that_only_advises_or_has_no_budget_moves_nothing_and_says_so) {
  for (const bool advise : {true, false}) {
    ModelConfig config;
    config.rules = {WeakSignal()};
    config.rules[0].advise_only = advise;
    config.healer.advise_only[static_cast<std::size_t>(Action::kDetour)] = !advise;
    Diamond d{config};
    d.Traffic(55s);
    d.mesh.Run(1s);
    const std::string via = d.Via();
    d.Radio(via, 54s, Shallow);
    d.mesh.Run(50s);
    BOOST_TEST(d.Via() == via);
    BOOST_TEST(d.mesh.Counter("a", "detours_total") == 0u);
    const auto& events = d.mesh.Find("a").events;
    const auto told = std::find_if(events.begin(), events.end(),
                                   [](const Event& e) { return e.kind == "healer-advice"; });
    BOOST_TEST_REQUIRE((told != events.end()));
    BOOST_TEST(told->fields.at("outcome") == "advised only, as configured");
  }
}

BOOST_AUTO_TEST_CASE(a_dip_that_leaves_margin_enough_moves_nothing) {
  Diamond d{ModelConfig()};
  d.Traffic(90s);
  d.mesh.Run(1s);
  const std::string via = d.Via();
  d.Radio(via, 89s, [](double t) {
    return t < 40 || t > 70 ? 25.0F
                            : static_cast<float>(25 - 8 * std::sin((t - 40) / 30 * 3.14159));
  });
  d.mesh.Run(89s);
  BOOST_TEST(d.Via() == via);
  BOOST_TEST(d.mesh.Counter("a", "detours_total") == 0u);
}

BOOST_AUTO_TEST_CASE(traffic_returns_when_the_signal_is_back_and_the_detour_is_told_as_in_vain) {
  Diamond d{ModelConfig()};
  d.Traffic(120s);
  d.mesh.Run(1s);
  const std::string via = d.Via();
  d.Radio(via, 119s, [](double t) {
    return t < 40 ? 20.0F : t < 47 ? static_cast<float>(20 - 2.6 * (t - 40)) : 20.0F;
  });
  d.mesh.Run(47s);
  BOOST_TEST(d.Via() != via);
  d.mesh.Run(60s);
  BOOST_TEST(d.Via() == via);
  BOOST_TEST(d.mesh.Counter("a", "detours_in_vain_total") == 1u);
  BOOST_TEST(d.Events("healer-return") == 1);
}

BOOST_AUTO_TEST_CASE(advise_only_tells_and_does_not_act) {
  ModelConfig config;
  config.healer.advise_only[static_cast<std::size_t>(Action::kDetour)] = true;
  Diamond d{config};
  d.Traffic(60s);
  d.mesh.Run(1s);
  const std::string via = d.Via();
  d.Radio(via, 59s,
          [](double t) { return t < 39 ? 20.0F : static_cast<float>(20 - 2 * (t - 39)); });
  d.mesh.Run(58s);
  BOOST_TEST(d.Via() == via);
  BOOST_TEST(d.Events("healer-advice") >= 1);
}

BOOST_AUTO_TEST_CASE(a_quiet_mesh_sends_the_same_bytes_with_the_model_and_without) {
  ModelConfig off;
  off.enabled = false;
  Diamond with{ModelConfig()};
  Diamond without{off};
  for (Diamond* d : {&with, &without}) {
    d->Traffic(300s);
    d->mesh.Run(301s);
  }
  BOOST_TEST(with.mesh.Counter("a", "model_samples_total") > 250u);
  BOOST_TEST(with.mesh.Counter("a", "anomalies_total") == 0u);
  BOOST_TEST(with.mesh.Hash() == without.mesh.Hash());
}

BOOST_AUTO_TEST_CASE(the_last_link_is_not_left_however_it_fades) {
  Mesh mesh(3);
  mesh.Add("a");
  mesh.Add("b");
  mesh.Join("a", "b");
  mesh.StartAll();
  mesh.Run(2s);
  int sent = 0;
  for (int i = 0; i < 3000; ++i) {
    mesh.At(i * 20ms, [&, i] {
      mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(64, 1));
      ++sent;
      const float m = static_cast<float>(20 - i * 0.01);
      mesh.Find("a").core->OnRadio(mesh.now(), LinkId(0), PeerAddress::Broadcast(),
                                   {m - 85, m + 5, m});
      mesh.Drain(mesh.Find("a"));
    });
  }
  mesh.Run(61s);
  BOOST_TEST(mesh.Find("b").delivered.size() == static_cast<std::size_t>(sent));
  BOOST_TEST(mesh.Counter("a", "detours_total") == 0u);
  BOOST_TEST(mesh.Counter("a", "anomalies_total") >= 1u);
  BOOST_TEST(mesh.Counter("a", "treatments_refused_total") >= 1u);
}

BOOST_AUTO_TEST_CASE(a_machine_that_changes_its_ways_is_told_of_and_moves_nothing) {
  Diamond d{ModelConfig()};
  Mesh::Node& a = d.mesh.Find("a");
  Random random(5);
  for (int s = 0; s < 700; ++s) {
    d.mesh.At(s * 1s, [&, s] {
      MachineReading r;
      r.cpu = (s < 600 ? 0.1F : 0.95F) + static_cast<float>(random.Below(100)) / 4000;
      r.memory = 0.4F + static_cast<float>(random.Below(100)) / 10000;
      a.core->OnMachine(d.mesh.now(), r);
    });
  }
  d.mesh.Run(599s);
  BOOST_TEST(d.Events("anomaly") == 0);
  d.mesh.Run(60s);
  BOOST_TEST(d.Events("anomaly") == 1);
  const auto infos = a.core->Anomalies(d.mesh.now());
  BOOST_TEST_REQUIRE(!infos.empty());
  BOOST_TEST(infos.back().neighbor.empty());
  BOOST_TEST(infos.back().diagnosis == "machine");
  BOOST_TEST(infos.back().evidence.find("cpu") != std::string::npos);
  BOOST_TEST(d.mesh.Counter("a", "reroutes_total") == 0u);
}

}  // namespace
}  // namespace selvage
