// selvage-bench: what the shipped code costs on this machine, beside something to compare it with.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/bench/anomaly_bench.h"
#include "tools/bench/crypto_bench.h"
#include "tools/bench/federation_bench.h"
#include "tools/bench/relay_bench.h"
#include "tools/bench/spf_bench.h"
#include "tools/bench/store_bench.h"

namespace selvage::bench {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

void PrintRelay(const nlohmann::json& j) {
  std::printf("relay: %d-byte frames at %.0f packets/s, CPU of the relay's thread alone\n",
              j["size"].get<int>(), j["rate"].get<double>());
  std::printf("%6s %28s %28s %22s %8s %10s %8s\n", "batch", "real ns/packet (min..max)",
              "bare ns/packet (min..max)", "ratio (min..max)", "% core", "calls/pkt", "kpkt/s");
  for (const auto& r : j["runs"]) {
    const auto& real = r["real"]["cpu_ns_per_packet"];
    const auto& bare = r["bare"]["cpu_ns_per_packet"];
    std::printf(
        "%6d %9.0f (%7.0f..%7.0f) %9.0f (%7.0f..%7.0f) %6.2f (%5.2f..%5.2f) %8.2f %4.2f/%4.2f "
        "%8.1f\n",
        r["batch"].get<int>(), real["median"].get<double>(), real["min"].get<double>(),
        real["max"].get<double>(), bare["median"].get<double>(), bare["min"].get<double>(),
        bare["max"].get<double>(), r["ratio"].get<double>(), r["ratio_min"].get<double>(),
        r["ratio_max"].get<double>(), 100 * r["core_share"].get<double>(),
        r["real"]["system_calls_per_packet"]["median"].get<double>(),
        r["bare"]["system_calls_per_packet"]["median"].get<double>(),
        r["real"]["packets_per_second"]["median"].get<double>() / 1000);
  }
}

double Median(const nlohmann::json& sample) { return sample["median"].get<double>(); }

void PrintSpf(const nlohmann::json& j) {
  std::printf("spf: map of %d nodes, %d directed edges, %d reached\n", j["nodes"].get<int>(),
              j["directed_edges"].get<int>(), j["reached"].get<int>());
  std::printf("  one table              %10.1f us (plain Dijkstra %.1f us, ratio %.2f)\n",
              Median(j["table_us"]), Median(j["bare_table_us"]), j["ratio"].get<double>());
  std::printf("  map from advertisements %9.1f us\n", Median(j["topology_us"]));
  std::printf("  change of the map      %10.1f us (map, %.0f tables: routes and alternates)\n",
              Median(j["change_us"]), j["tables_per_change"].get<double>());
  std::printf("  bytes                  %10d a table, %d the map, %d advertised\n",
              j["table_bytes"].get<int>(), j["topology_bytes"].get<int>(),
              j["advertised_bytes"].get<int>());
}

void PrintStore(const nlohmann::json& j) {
  std::printf("store: values of %d bytes, every write synced\n", j["value_bytes"].get<int>());
  std::printf("  store       %9.1f us a write, %8.0f writes/s\n", Median(j["synced_write_us"]),
              j["synced_writes_per_second"].get<double>());
  std::printf("  bare file   %9.1f us an append, %6.0f appends/s (ratio %.2f)\n",
              Median(j["bare_synced_append_us"]), j["bare_synced_appends_per_second"].get<double>(),
              j["ratio"].get<double>());
  const auto& g = j["group_commit"];
  std::printf(
      "  group commit, %d in flight: %.0f writes/s, %.1f a group, latency %.1f us "
      "(p99 %.1f us)\n",
      g["in_flight"].get<int>(), g["writes_per_second"].get<double>(),
      g["writes_per_group"].get<double>(), Median(g["latency_us"]),
      g["latency_p99_us"].get<double>());
}

void PrintCrypto(const nlohmann::json& j) {
  std::printf("crypto: %d bytes of plaintext, nanoseconds a call\n", j["size"].get<int>());
  for (const char* name : {"seal", "bare_seal", "open", "bare_open", "sign", "verify", "agree"}) {
    std::printf("  %-10s %10.0f\n", name, Median(j[name]));
  }
}

void PrintModel(const nlohmann::json& j) {
  std::printf("model: %d features; state for %d links\n", j["features"].get<int>(),
              j["links"].get<int>());
  for (const char* form : {"float", "int8", "robust_z"}) {
    std::string name = form;
    std::printf("  %-10s %8.0f ns/sample %8d bytes", form, j[name + "_ns_per_sample"].get<double>(),
                j[name + "_state_bytes"].get<int>());
    if (j.contains(name + "_state_bytes_all_links")) {
      std::printf(" %8d bytes for all links", j[name + "_state_bytes_all_links"].get<int>());
    }
    std::printf("\n");
  }
  std::printf("  %-10s %8.0f ns/outcome\n", "rate test",
              j["rate_test_ns_per_outcome"].get<double>());
}

// What was measured goes to standard error: standard output is for --json alone.
void PrintAnomaly(const nlohmann::json& j) {
  std::fprintf(stderr, "%d rows of %d features: %.0f ns per sample, %d bytes of state, %d alarms\n",
               j["rows"].get<int>(), j["features"].get<int>(), j["ns_per_sample"].get<double>(),
               j["state_bytes"].get<int>(), j["alarms"].get<int>());
}

void AddAnomalyOptions(CLI::App* command, AnomalyOptions* anomaly, bool* json) {
  command->add_option("--input", anomaly->input, "CSV, rows in time order, empty = missing")
      ->required();
  command->add_option("--out", anomaly->output, "CSV: score, alarm, a blame share per feature")
      ->required();
  command->add_option("--schema", anomaly->schema, "what the columns are")
      ->check(CLI::IsMember({"generic", "link", "node"}))
      ->capture_default_str();
  command->add_option("--detector", anomaly->detector, "the model, or what it is compared with")
      ->check(CLI::IsMember({"model", "int8", "robust-z", "cusum"}))
      ->capture_default_str();
  command->add_flag("--json", *json, "JSON on standard output");
}

void PrintFederation(const nlohmann::json& j) {
  std::printf("federation: %d cold models, %d peers each (%d of them lying), digests of %d bytes\n",
              j["targets"].get<int>(), j["peers_each"].get<int>(), j["liars"].get<int>(),
              j["digest_bytes"].get<int>());
  std::printf("  %-22s %8s %14s %32s\n", "", "AUC-PR", "share of own",
              "false alarms in a first hour");
  for (const char* name : {"cold", "peers", "poisoned", "own"}) {
    const auto& f = j[name];
    std::printf("  %-22s %8.3f %13.0f%% %18.0f in %.0f hours\n", name, f["auc_pr"].get<double>(),
                100 * f["share_of_own"].get<double>(), f["first_hour_false_alarms"].get<double>(),
                f["first_hours"].get<double>());
  }
}

void AddFederationOptions(CLI::App* command, FederationOptions* federation, bool* json) {
  command->add_option("--servers", federation->servers,
                      "folder with NAME_train.csv and NAME_test.csv (default: made-up links)");
  command->add_option("--links", federation->links, "cold links")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--peers", federation->peers, "peers of each")
      ->check(CLI::Range(1, static_cast<int>(anomaly::Digest::kAggregateMax)))
      ->capture_default_str();
  command->add_option("--poisoned", federation->poisoned, "share of the peers that lie")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", federation->seed, "of the made-up links")->capture_default_str();
  command->add_option("--alarm-decades", federation->alarm_decades, "one alarm in 10^this samples")
      ->check(CLI::Range(2.0, 12.0))
      ->capture_default_str();
  command->add_flag("--json", *json, "JSON on standard output");
}

void AddModelOptions(CLI::App* command, ModelOptions* model, bool* json) {
  command->add_option("--features", model->features, "features of a sample")
      ->check(CLI::Range(1, ModelOptions::kFeaturesMax))
      ->capture_default_str();
  command->add_option("--links", model->links, "links whose state is summed up")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--seconds", model->seconds, "measured time for each figure")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_flag("--json", *json, "JSON on standard output");
}

int Finish(const absl::StatusOr<nlohmann::json>& result, bool json,
           void (*print)(const nlohmann::json&)) {
  if (!result.ok()) {
    std::cerr << "selvage-bench: " << result.status().message() << "\n";
    return kFailed;
  }
  json ? static_cast<void>(std::cout << result->dump(2) << "\n") : print(*result);
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app{"Measures what Selvage costs on this machine."};
  app.require_subcommand(1);
  bool json = false;

  RelayOptions relay;
  std::vector<int> batches;
  CLI::App* relay_command = app.add_subcommand(
      "relay", "CPU nanoseconds per forwarded packet, beside a bare relay with the same cipher");
  relay_command->add_option("--size", relay.size, "frame on the link, bytes")
      ->check(CLI::Range(RelayOptions::kSizeMin, RelayOptions::kSizeMax))
      ->capture_default_str();
  relay_command->add_option("--rate", relay.rate, "packets a second")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  relay_command->add_option("--seconds", relay.seconds, "measured time for each batch size")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  relay_command->add_option("--slice", relay.slice_seconds, "real and bare take turns of this, s")
      ->check(CLI::Range(0.01, 60.0))
      ->capture_default_str();
  relay_command->add_option("--batch", batches, "packets a burst (default: 1 and 32)")
      ->check(CLI::Range(1, 32));
  relay_command->add_flag("--json", json, "JSON on standard output");

  SpfOptions spf;
  CLI::App* spf_command =
      app.add_subcommand("spf", "microseconds per route table and per change of the map");
  spf_command->add_option("--nodes", spf.nodes, "nodes on the map")
      ->check(CLI::Range(2, SpfOptions::kNodesMax))
      ->capture_default_str();
  spf_command->add_option("--degree", spf.degree, "mean number of neighbours")
      ->check(CLI::Range(0.1, 200.0))
      ->capture_default_str();
  spf_command->add_option("--seed", spf.seed, "of the map")->capture_default_str();
  spf_command->add_option("--seconds", spf.seconds, "measured time for each figure")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  spf_command->add_flag("--json", json, "JSON on standard output");

  StoreOptions store;
  CLI::App* store_command = app.add_subcommand(
      "store", "synced writes a second and latency of group commit, beside a bare synced file");
  store_command->add_option("--dir", store.directory, "directory on the disk to be measured");
  store_command->add_option("--value-bytes", store.value_bytes, "size of a value")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  store_command->add_option("--in-flight", store.in_flight, "batches waiting at a time")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  store_command->add_option("--seconds", store.seconds, "measured time in all")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  store_command->add_flag("--json", json, "JSON on standard output");

  CryptoOptions crypto;
  CLI::App* crypto_command = app.add_subcommand("crypto", "nanoseconds per call of each primitive");
  crypto_command->add_option("--size", crypto.size, "plaintext, bytes")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  crypto_command->add_option("--seconds", crypto.seconds, "measured time in all")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  crypto_command->add_flag("--json", json, "JSON on standard output");

  AnomalyOptions anomaly;
  CLI::App* anomaly_command = app.add_subcommand(
      "anomaly", "scores, alarms and blame of the shipped anomaly model on a file");
  AddAnomalyOptions(anomaly_command, &anomaly, &json);

  FederationOptions federation;
  CLI::App* federation_command = app.add_subcommand(
      "federation", "what a cold anomaly model gains from its peers, some of them lying");
  AddFederationOptions(federation_command, &federation, &json);

  ModelOptions model;
  CLI::App* model_command = app.add_subcommand(
      "model", "nanoseconds per sample and bytes of the anomaly model, beside a robust z-score");
  AddModelOptions(model_command, &model, &json);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  if (relay_command->parsed()) {
    if (!batches.empty()) relay.batches = batches;
    return Finish(RunRelayBench(relay), json, PrintRelay);
  }
  if (spf_command->parsed()) return Finish(RunSpfBench(spf), json, PrintSpf);
  if (store_command->parsed()) return Finish(RunStoreBench(store), json, PrintStore);
  if (crypto_command->parsed()) return Finish(RunCryptoBench(crypto), json, PrintCrypto);
  if (anomaly_command->parsed()) return Finish(RunAnomalyBench(anomaly), json, PrintAnomaly);
  if (federation_command->parsed()) {
    return Finish(RunFederationBench(federation), json, PrintFederation);
  }
  if (model_command->parsed()) return Finish(RunModelBench(model), json, PrintModel);
  return kUsage;
}

}  // namespace
}  // namespace selvage::bench

int main(int argc, char** argv) { return selvage::bench::Main(argc, argv); }
