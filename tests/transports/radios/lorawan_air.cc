// lorawan_air LINK st|rui3 KEYS-FILE SERVER-PORT: a LoRaWAN modem at LINK, and a packet forwarder.
//
// The emulator of lorawan_air.h as a process, for tests with real agents. Every line that it reads
// is answered with what has happened so far, as JSON; it ends with its input.
#include "tests/transports/radios/lorawan_air.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
  using selvage::modem::LoraDialect;
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s LINK st|rui3 KEYS-FILE SERVER-PORT\n", argv[0]);
    return 2;
  }
  const auto keys = selvage::ReadLorawanKeys(argv[3]);
  if (!keys.ok()) {
    std::fprintf(stderr, "%s\n", keys.status().ToString().c_str());
    return 2;
  }
  selvage::LorawanAir air(
      std::string(argv[2]) == "st" ? LoraDialect::kStAtSlave : LoraDialect::kRui3, keys->front());
  unlink(argv[1]);
  if (symlink(air.terminal().c_str(), argv[1]) != 0) {
    std::perror(argv[1]);
    return 2;
  }
  air.SetServer(static_cast<std::uint16_t>(std::atoi(argv[4])));
  while (true) {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    air.Turn(selvage::TimeFromNanos(t.tv_sec * 1'000'000'000LL + t.tv_nsec));
    pollfd in{STDIN_FILENO, POLLIN, 0};
    if (poll(&in, 1, 5) <= 0) continue;
    char line[64];
    if (read(STDIN_FILENO, line, sizeof line) <= 0) return 0;
    const nlohmann::json told = {{"joins", air.joins},         {"uplinks", air.uplinks},
                                 {"downlinks", air.downlinks}, {"missed", air.missed},
                                 {"up_air_s", air.up_air_s},   {"down_air_s", air.down_air_s},
                                 {"tx_acks", air.tx_acks}};
    std::printf("%s\n", told.dump().c_str());
    std::fflush(stdout);
  }
}
