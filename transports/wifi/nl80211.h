// Messages of nl80211, the kernel's Wi-Fi interface: stations and channel surveys read from bytes.
//
// What a driver leaves out is missing here; which attributes there are differs by driver and
// firmware, so presence is all that is relied on. The kernel is trusted no more than a peer: each
// length is checked. Signal strengths are declared unsigned and are signed dBm all the same.
// Thread safe (no state). Source: include/uapi/linux/nl80211.h, genetlink.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace selvage::wifi {

using MacAddress = std::array<std::uint8_t, 6>;

struct Station {
  MacAddress mac{};
  std::optional<int> signal_dbm;
  std::optional<int> signal_average_dbm;
  std::optional<std::uint32_t> tx_rate_kbps;
  std::optional<std::uint32_t> rx_rate_kbps;
  std::optional<std::uint32_t> expected_rate_kbps;
  // Counters: they wrap, and start over when the station associates again.
  std::optional<std::uint32_t> tx_packets, tx_retries, tx_failed, rx_packets;
  std::optional<std::uint32_t> rx_mpdus, fcs_errors, beacon_loss;
  std::optional<std::uint32_t> inactive_ms;
  std::optional<std::uint32_t> connected_s;
  std::optional<std::uint64_t> associated_at_ns;  // since boot
};

struct Survey {
  bool in_use = false;  // the channel that the interface is on
  std::uint32_t frequency_mhz = 0;
  std::optional<int> noise_dbm;
  std::optional<std::uint64_t> time_ms, busy_ms;  // counters
};

// One netlink message, looked at.
struct Message {
  enum class Kind { kOther, kStation, kSurvey, kFamily, kDone, kError };
  Kind kind = Kind::kOther;
  std::uint32_t sequence = 0;
  int interface_index = 0;  // stations and surveys
  Station station;
  Survey survey;
  std::uint16_t family = 0;  // kFamily: number of nl80211 in this kernel
  int error = 0;             // kError: errno, positive; 0 is an acknowledgement
};

// All messages of one datagram, in order; stops at the first whose length is wrong.
// `family` is the number the kernel gave to nl80211; 0: not known yet, only kFamily is found.
std::vector<Message> ParseMessages(ByteSpan datagram, std::uint16_t family);

// Requests. The kernel answers dumps with one message for each item and a closing kDone.
Bytes FamilyRequest(std::uint32_t sequence);
Bytes StationDump(std::uint16_t family, std::uint32_t sequence, int interface_index);
Bytes SurveyDump(std::uint16_t family, std::uint32_t sequence, int interface_index);

}  // namespace selvage::wifi
