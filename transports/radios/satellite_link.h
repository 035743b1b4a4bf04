// Transport "satellite": the IP carrier over a broadband satellite terminal.
//
// Low orbit constellations hand every terminal over on a global 15 s schedule, with a spike of loss
// and delay around each hand-over that is no fault. So the time since the last slot began is part
// of the telemetry; the model learns what is usual there. The slots begin at :12, :27, :42 and :57
// of the minute where that was observed; nobody guarantees it, hence `slot_offset_s`.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "transports/radios/ip_radio.h"

namespace selvage {

inline constexpr double kSatelliteSlotSeconds = 15;

// Seconds since the last slot began, 0 to 15; `unix_seconds` with fraction.
double SlotPhase(double unix_seconds, double offset_seconds);

// InvalidArgument without peers or an address: such networks carry no multicast.
absl::StatusOr<std::unique_ptr<Transport>> CreateSatellite(const TransportContext& context);

}  // namespace selvage
