// selvage-bench: what the shipped code costs on this machine, beside something to compare it with.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/bench/relay_bench.h"

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

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  if (relay_command->parsed()) {
    if (!batches.empty()) relay.batches = batches;
    return Finish(RunRelayBench(relay), json, PrintRelay);
  }
  return kUsage;
}

}  // namespace
}  // namespace selvage::bench

int main(int argc, char** argv) { return selvage::bench::Main(argc, argv); }
