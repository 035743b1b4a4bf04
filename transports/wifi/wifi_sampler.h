// Makes telemetry of what nl80211 says, sample by sample: counters become ratios.
//
// Counters of drivers wrap at 32 bits and start over when a station associates again. A wrap is
// counted through; a restart, told by a younger association or by a step back too large for a wrap,
// makes the ratios of that sample missing. No clock, no socket. Not thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "core/link_telemetry.h"
#include "core/time.h"
#include "transports/wifi/nl80211.h"

namespace selvage::wifi {

class WifiSampler {
 public:
  static constexpr std::size_t kStationsMax = 256;
  // Retries are told of at least so many frames together, be it over several samples: one frame
  // that was repeated thrice says little.
  static constexpr double kFramesToTell = 4;

  // One round of dumps: Begin, then what came, then End, which forgets stations not seen in it.
  void Begin(Time now);
  void OnStation(const Station& s);
  void OnSurvey(const Survey& s);
  void End();

  // The station with this address; nullopt when there is none.
  std::optional<LinkTelemetry> Find(const MacAddress& mac) const;
  // The link as a whole: the channel, and the station's values when there is exactly one.
  std::optional<LinkTelemetry> Whole() const;
  std::size_t stations() const { return stations_.size(); }

 private:
  struct Known {
    Station last;
    Station counted;  // when retries were told last
    LinkTelemetry telemetry;
    bool seen = false;
  };
  Time now_{};
  std::map<MacAddress, Known> stations_;
  std::optional<Survey> survey_;
  LinkTelemetry channel_;
  bool has_channel_ = false;
};

}  // namespace selvage::wifi
