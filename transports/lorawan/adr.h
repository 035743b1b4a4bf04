// Adaptive data rate: the network chooses the fastest rate a device can hold; the device falls
// back.
//
// Network half: Semtech's published algorithm ("LoRaWAN - simple rate adaptation recommended
// algorithm", 2016): the best SNR of the last 20 uplinks against what the rate needs plus a margin;
// each 3 dB to spare is one step faster or, at the fastest, one step quieter. Device half: LoRaWAN
// 1.0.2 section 4.3.1.1. No clock; not thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "transports/lorawan/air/region.h"

namespace selvage::lorawan {

class AdrNetwork {
 public:
  static constexpr int kHistory = 20;
  static constexpr int kMarginDeciDb = 100;  // for fading between the frames we saw
  static constexpr int kStepDeciDb = 30;

  struct Setting {
    int data_rate = 0;
    int tx_power = 0;  // index: 0 is the most, each step 2 dB less
    friend bool operator==(const Setting& a, const Setting& b) {
      return a.data_rate == b.data_rate && a.tx_power == b.tx_power;
    }
  };
  // `data_rate_max` is the fastest LoRa data rate to ask for, `tx_power_max` the quietest index.
  AdrNetwork(const Region& region, int data_rate_max, int tx_power_max)
      : region_(region), data_rate_max_(data_rate_max), tx_power_max_(tx_power_max) {}

  // One uplink heard by the best gateway with this SNR in tenths of a dB.
  void OnUplink(int snr_deci_db);
  // What to ask for, given what the device uses; nullopt: no change, or fewer than kHistory uplinks
  // since the last change. Never asks for a slower rate: the device does that by itself.
  std::optional<Setting> Recommend(const Setting& present) const;
  // The device took a change: what was heard before says little about it.
  void OnChanged() { count_ = 0; }

 private:
  const Region& region_;
  int data_rate_max_;
  int tx_power_max_;
  std::array<int, kHistory> snr_{};
  int count_ = 0;  // since the last change; the ring index is count_ % kHistory
};

class AdrDevice {
 public:
  static constexpr int kAckLimit = 64;  // ADR_ACK_LIMIT
  static constexpr int kAckDelay = 32;  // ADR_ACK_DELAY

  struct Decision {
    bool request_acknowledgement = false;  // set ADRACKReq
    bool full_power = false;               // go back to most power
    bool slower = false;                   // one data rate down (or, at the slowest, all channels)
  };
  // Before each uplink with a new counter value.
  Decision OnUplink();
  void OnDownlink() { unanswered_ = 0; }

 private:
  int unanswered_ = 0;
};

}  // namespace selvage::lorawan
