// Prints a line for each change of a modem that ModemManager has: what modem_manager_test.py reads.
//
//   modem_watch BUS_ADDRESS APN
#include <cstdio>
#include <string>

#include "transports/modem_manager/modem_manager.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto reactor = std::move(selvage::Reactor::Create().value());
  selvage::ModemManager manager(
      *reactor, {argv[1], argv[2], 1}, [](const selvage::CellularState* s) {
        if (s == nullptr) {
          std::printf("gone\n");
        } else {
          std::printf(
              "state=%s usable=%d rsrp=%s interface=%s quality=%d\n",
              selvage::ModemStateName(s->state), s->usable(),
              s->lte.rsrp_dbm ? std::to_string(static_cast<int>(*s->lte.rsrp_dbm)).c_str() : "-",
              s->bearer && !s->bearer->interface.empty() ? s->bearer->interface.c_str() : "-",
              s->quality_percent.value_or(-1));
        }
        std::fflush(stdout);
      });
  reactor->SetTurnEnd([&](selvage::Time now) {
    manager.OnTimeout(now);
    return manager.NextDeadline();
  });
  reactor->Run();
  return 0;
}
