// The transmitter's book of air time: what the region, the network and a join allow, over restarts.
//
// Every frame is asked for with Admit() right before it is sent. Yes means: counted, and the writes
// that came back must be durable before the first symbol is on air, or a crash in between would
// forget it. A reboot therefore never resets a legal limit. One acknowledgement's worth of air time
// is kept out of reach of ordinary frames, because an answer that cannot be sent makes the other
// side send again. Not thread safe; time is an argument.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/store.h"
#include "core/time.h"
#include "transports/lorawan/air/airtime_window.h"
#include "transports/lorawan/air/region.h"

namespace selvage::lorawan {

enum class AirUse { kData, kAcknowledgement, kJoin };

class DutyLedger {
 public:
  // Most channels whose dwell time is kept apart; US915 has 72 uplink channels.
  static constexpr std::size_t kChannelsMax = 80;

  struct Options {
    // Kept free in each sub-band for AirUse::kAcknowledgement. The default holds one empty frame of
    // 12 bytes at SF12 (1,155 ms down, 1,155 ms up); less where a tenth of the limit is less.
    Duration acknowledgement_reserve = 1200ms;
    std::string key_prefix = "lorawan/duty/";
  };

  // `region` outlives the ledger.
  DutyLedger(const Region& region, Options options);
  explicit DutyLedger(const Region& region) : DutyLedger(region, Options()) {}

  struct Decision {
    bool admitted = false;
    // When not: first moment at which it would be, if nothing else is sent; kNever: never like
    // this.
    Time retry_at = kNever;
    // When yes: to be durable before the frame is sent.
    std::vector<StoreWrite> persist;
  };
  // Asks to send for `airtime` from `now` on. `wall` is 0 when no clock is trusted.
  // A channel outside every sub-band, or a frame over the dwell limit, is never admitted.
  Decision Admit(Time now, WallSeconds wall, std::int64_t frequency_hz, const DataRate& rate,
                 Duration airtime, AirUse use);

  // When a frame would be admitted; the same answer as Admit, with nothing counted.
  Time NextAdmission(Time now, std::int64_t frequency_hz, const DataRate& rate, Duration airtime,
                     AirUse use);

  // A join succeeded: the next one starts its back-off anew. Joining is limited beyond the
  // sub-band: 36 s of air time in the first hour, 36 s in the ten hours after it, then 8.7 s in any
  // 24 hours (LoRaWAN L2 1.0.4, section 7, "retransmission back-off"). The write is to be made
  // durable when convenient.
  StoreWrite OnJoined();

  // MAC command DutyCycleReq: all sub-bands together at most 1 / 2^exponent; 0 lifts the limit.
  // Exponents above 15 count as 15. Not kept over a restart: whoever got the command keeps it.
  void SetAggregateExponent(int exponent);

  // Reads back what earlier lives spent. Without a trusted clock, or with one that went back, all
  // of it counts as spent just now. Malformed records count as a full window (fail closed).
  void Restore(Time now, WallSeconds wall, Store& store);

  // Share of the limit used, in parts per million; 0 for a sub-band without a limit.
  // REQUIRES: sub_band < region.sub_bands.size().
  std::int64_t UsedPpm(Time now, std::size_t sub_band) const;

 private:
  // The windows a frame counts in, with the reserve that it must leave free in each.
  struct Charge {
    AirtimeWindow* window;
    Duration reserve;
    std::string key;
  };
  // Empty when the frame is never legal. May open a channel's window.
  std::vector<Charge> ChargesOf(Time now, std::int64_t frequency_hz, const DataRate& rate,
                                Duration airtime, AirUse use);
  int JoinPhase(Time now) const;
  void RestoreWindow(Time now, WallSeconds wall, Store& store, const std::string& key,
                     AirtimeWindow* window);
  std::string Record(Time now, WallSeconds wall, const AirtimeWindow& window) const;

  const Region& region_;
  Options options_;
  std::vector<AirtimeWindow> bands_;                // one for each sub-band
  std::map<std::int64_t, AirtimeWindow> channels_;  // by frequency, where dwell time is limited
  AirtimeWindow aggregate_;
  // Join back-off: the limit of each phase, and since when we have been trying.
  std::vector<AirtimeWindow> join_phases_;
  std::optional<Time> join_started_;
};

}  // namespace selvage::lorawan
