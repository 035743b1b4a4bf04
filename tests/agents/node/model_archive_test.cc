#define BOOST_TEST_MODULE model_archive
#include "agents/node/model_archive.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "core/random.h"
#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

std::shared_ptr<Crypto> TheCrypto() {
  static const std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  return crypto;
}

void Save(ModelArchive* archive, Store* store) {
  std::string error;
  BOOST_TEST_REQUIRE(store->Write(archive->TakeWrites(), &error));
}

std::string Stored(Store* store, const std::string& name) {
  return store->Get("model/" + name).value_or("");
}

void Overwrite(Store* store, const std::string& name, std::string value) {
  std::string error;
  BOOST_TEST_REQUIRE(store->Write({{"model/" + name, std::move(value)}}, &error));
}

BOOST_AUTO_TEST_CASE(a_record_comes_back_as_it_was_put) {
  auto store = NewMemoryStore();
  ModelArchive first(TheCrypto().get());
  first.Put("one/l0", Bytes(3000, 7));
  Save(&first, store.get());
  BOOST_TEST(first.TakeWrites().empty());
  ModelArchive second(TheCrypto().get());
  BOOST_TEST(second.Load(*store).empty());
  BOOST_TEST_REQUIRE(second.Find("one/l0") != nullptr);
  BOOST_TEST((*second.Find("one/l0") == Bytes(3000, 7)));
  BOOST_TEST(second.Find("one/l1") == nullptr);
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_and_any_lost_byte_is_refused_and_the_record_deleted) {
  auto store = NewMemoryStore();
  ModelArchive first(TheCrypto().get());
  first.Put("one/l0", Bytes(40, 7));
  Save(&first, store.get());
  const std::string good = Stored(store.get(), "one/l0");
  constexpr std::size_t kSerialAt = 6;  // when it was put; only decides who gives way
  for (std::size_t at = 0; at < good.size(); ++at) {
    if (at >= kSerialAt && at < kSerialAt + 8) continue;
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    Overwrite(store.get(), "one/l0", bad);
    ModelArchive second(TheCrypto().get());
    BOOST_TEST(second.Load(*store).size() == 1u);
    BOOST_TEST(second.Find("one/l0") == nullptr);
    Save(&second, store.get());
    BOOST_TEST(Stored(store.get(), "one/l0").empty());
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    Overwrite(store.get(), "one/l0", good.substr(0, size));
    ModelArchive second(TheCrypto().get());
    BOOST_TEST(second.Load(*store).size() == 1u);
  }
}

BOOST_AUTO_TEST_CASE(a_record_of_an_older_version_is_refused_by_its_number) {
  auto store = NewMemoryStore();
  ModelArchive first(TheCrypto().get());
  first.Put("one/l0", Bytes(40, 7));
  Save(&first, store.get());
  std::string old = Stored(store.get(), "one/l0");
  old[5] = 0;
  Overwrite(store.get(), "one/l0", old);
  ModelArchive second(TheCrypto().get());
  const auto refusals = second.Load(*store);
  BOOST_TEST_REQUIRE(refusals.size() == 1u);
  BOOST_TEST(refusals[0].name == "one/l0");
  BOOST_TEST(refusals[0].reason.find("version 0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(beyond_the_bound_what_was_put_longest_ago_gives_way_also_on_the_disk) {
  auto store = NewMemoryStore();
  ModelArchive archive(TheCrypto().get());
  for (std::size_t i = 0; i < ModelArchive::kRecordsMax; ++i) {
    archive.Put("n" + std::to_string(i), Bytes(10, 1));
  }
  archive.Put("n0", Bytes(10, 2));  // the oldest is n1 now
  Save(&archive, store.get());
  archive.Put("new", Bytes(10, 3));
  Save(&archive, store.get());
  BOOST_TEST(archive.size() == ModelArchive::kRecordsMax);
  BOOST_TEST(archive.Find("n1") == nullptr);
  BOOST_TEST(archive.Find("n0") != nullptr);
  BOOST_TEST(Stored(store.get(), "n1").empty());
  BOOST_TEST(!Stored(store.get(), "new").empty());
  ModelArchive again(TheCrypto().get());
  BOOST_TEST(again.Load(*store).empty());
  BOOST_TEST(again.size() == ModelArchive::kRecordsMax);
  archive.Put("huge", Bytes(ModelArchive::kStateBytesMax + 1, 1));
  BOOST_TEST(archive.Find("huge") == nullptr);
}

// Two nodes that talk, each with a model of the other.
struct Pair {
  explicit Pair(std::uint64_t seed) : mesh(seed) {
    mesh.Add("a");
    mesh.Add("b");
    mesh.Join("a", "b");
    mesh.StartAll();
    mesh.Run(2s);
  }
  void Talk(int seconds) {
    for (int i = 0; i < seconds * 10; ++i) {
      mesh.At(i * 100ms, [this] { mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(64, 1)); });
    }
    mesh.Run(std::chrono::seconds(seconds));
  }
  AnomalyInfo Look() {
    const auto all = mesh.Find("a").core->Anomalies(mesh.now());
    return all.empty() ? AnomalyInfo() : all.front();
  }
  std::vector<std::string> Keys() {
    std::vector<std::string> keys;
    mesh.Find("a").store->Scan("model/", [&](std::string_view key, std::string_view) {
      keys.emplace_back(key);
      return true;
    });
    return keys;
  }
  Mesh mesh;
};

BOOST_AUTO_TEST_CASE(what_a_node_has_learnt_of_a_link_survives_its_death) {
  Pair p(21);
  p.Talk(700);
  const std::uint64_t before = p.Look().samples;
  BOOST_TEST(before > 600u);
  BOOST_TEST(p.Keys().size() == 1u);  // ten minutes have passed
  p.mesh.Kill("a");
  p.mesh.Run(20s);
  p.mesh.Start("a");
  p.mesh.Run(3s);
  p.Talk(10);
  BOOST_TEST(p.Look().samples > 500u);
  BOOST_TEST(p.Look().samples < before);  // the last minutes were not saved
  BOOST_TEST(p.mesh.Counter("a", "model_states_restored_total") == 1u);
  BOOST_TEST(p.mesh.Counter("a", "model_states_refused_total") == 0u);
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_when_the_driver_says_that_it_stops) {
  Pair p(22);
  p.Talk(60);
  BOOST_TEST(p.Keys().empty());
  const std::uint64_t before = p.Look().samples;
  p.mesh.Find("a").core->OnStopping(p.mesh.now());
  p.mesh.Drain(p.mesh.Find("a"));
  p.mesh.Kill("a");
  p.mesh.Start("a");
  p.mesh.Run(5s);
  p.Talk(5);
  BOOST_TEST(p.Look().samples > before);
}

BOOST_AUTO_TEST_CASE(a_neighbour_that_restarts_is_known_again) {
  Pair p(23);
  p.Talk(60);
  const std::uint64_t before = p.Look().samples;
  p.mesh.Kill("b");
  p.mesh.Run(2s);
  p.mesh.Start("b");
  p.mesh.Run(5s);
  p.Talk(5);
  BOOST_TEST(p.Look().samples > before);
}

BOOST_AUTO_TEST_CASE(a_damaged_state_is_told_counted_and_the_model_starts_afresh) {
  Pair p(24);
  p.Talk(60);
  p.mesh.Find("a").core->OnStopping(p.mesh.now());
  p.mesh.Drain(p.mesh.Find("a"));
  p.mesh.Kill("a");
  Store* store = p.mesh.Find("a").store.get();
  BOOST_TEST_REQUIRE(p.Keys().size() == 1u);
  const std::string key = p.Keys()[0];
  std::string value = *store->Get(key);
  value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 4);
  std::string error;
  BOOST_TEST_REQUIRE(store->Write({{key, value}}, &error));
  p.mesh.Start("a");
  p.mesh.Run(5s);
  p.Talk(5);
  BOOST_TEST(p.Look().samples < 15u);
  BOOST_TEST(p.mesh.Counter("a", "model_states_refused_total") == 1u);
  const auto& events = p.mesh.Find("a").events;
  BOOST_TEST(std::count_if(events.begin(), events.end(), [](const Event& e) {
               return e.kind == "model-state-refused" &&
                      e.text.find("damaged") != std::string::npos;
             }) == 1);
}

// A sane record whose inside is not what a watch has saved: sealed, so only the watch can tell.
BOOST_AUTO_TEST_CASE(a_sealed_state_of_something_else_is_refused_too) {
  Pair p(25);
  p.Talk(60);
  p.mesh.Find("a").core->OnStopping(p.mesh.now());
  p.mesh.Drain(p.mesh.Find("a"));
  p.mesh.Kill("a");
  Store* store = p.mesh.Find("a").store.get();
  ModelArchive forger(p.mesh.members().crypto().get());
  forger.Put(p.Keys()[0].substr(6), Bytes(2000, 0xff));
  Save(&forger, store);
  p.mesh.Start("a");
  p.mesh.Run(5s);
  p.Talk(5);
  BOOST_TEST(p.Look().samples < 15u);
  BOOST_TEST(p.mesh.Counter("a", "model_states_refused_total") == 1u);
}

}  // namespace
}  // namespace selvage
