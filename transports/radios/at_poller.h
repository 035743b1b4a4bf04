// Asks a cellular modem by AT commands, every few seconds, how its radio link is.
//
// The fallback where there is no ModemManager, and where that does not know NR's signal. One
// question is out at a time; whatever line comes is read by its own beginning, so reports that the
// modem sends by itself count too, and a modem that does not know a command just leaves its values
// missing. Nothing here connects the modem. Thread rule: the reactor's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/link_telemetry.h"
#include "core/time.h"
#include "transports/modem/line_reader.h"
#include "transports/reactor_timer.h"
#include "transports/redcap/at_telemetry.h"
#include "transports/serial_port.h"

namespace selvage {

class AtPoller {
 public:
  static constexpr Duration kInterval = 5s;
  static constexpr Duration kAnswerMax = 2s;

  struct State {
    bool answering = false;  // the port is open and the modem spoke since
    std::optional<bool> registered;  // anywhere; nullopt: it did not say
    redcap::AccessTechnology technology = redcap::AccessTechnology::kUnknown;
    redcap::CellSignal lte, nr;
    std::optional<double> rssi_dbm;
  };
  AtPoller(Reactor& reactor, std::string port, int baud, std::function<void()> on_change);
  absl::Status Start();
  // Of the last whole round of questions.
  const State& state() const { return told_; }

 private:
  void OnDue();
  void OnBytes(ByteSpan bytes);
  void OnLine(const std::string& line);
  void AskNext(Time now);
  void Forget();

  Reactor& reactor_;
  std::function<void()> on_change_;
  modem::LineReader reader_;
  std::unique_ptr<ReactorTimer> timer_;
  SerialPort port_;
  std::size_t next_ = 0;  // question
  bool asked_ = false;
  Time due_ = kNever;
  State state_;  // of this round
  State told_;
  bool registered_here_ = false, said_registration_ = false;  // in this round
};

}  // namespace selvage
