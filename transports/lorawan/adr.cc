#include "transports/lorawan/adr.h"

#include <algorithm>

#include "transports/lorawan/air/modulation.h"

namespace selvage::lorawan {

void AdrNetwork::OnUplink(int snr_deci_db) {
  snr_[static_cast<std::size_t>(count_ % kHistory)] = snr_deci_db;
  ++count_;
  if (count_ == 2 * kHistory) count_ = kHistory;  // stays small, and the ring index stays right
}

std::optional<AdrNetwork::Setting> AdrNetwork::Recommend(const Setting& present) const {
  if (count_ < kHistory) return std::nullopt;
  const DataRate* rate = region_.FindDataRate(present.data_rate);
  if (rate == nullptr || rate->spreading_factor == 0) return std::nullopt;
  const int best = *std::max_element(snr_.begin(), snr_.end());
  int margin = best - RequiredSnrDeciDb(rate->spreading_factor) - kMarginDeciDb;
  Setting wanted = present;
  while (margin >= kStepDeciDb && wanted.data_rate < data_rate_max_) {
    ++wanted.data_rate;
    margin -= kStepDeciDb;
  }
  while (margin >= kStepDeciDb && wanted.tx_power < tx_power_max_) {
    ++wanted.tx_power;
    margin -= kStepDeciDb;
  }
  while (margin < 0 && wanted.tx_power > 0) {  // too quiet: louder first, as slower costs air time
    --wanted.tx_power;
    margin += kStepDeciDb;
  }
  if (wanted == present) return std::nullopt;
  return wanted;
}

AdrDevice::Decision AdrDevice::OnUplink() {
  ++unanswered_;
  Decision d;
  if (unanswered_ <= kAckLimit) return d;
  d.request_acknowledgement = true;
  const int over = unanswered_ - kAckLimit - 1;
  if (over > 0 && over % kAckDelay == 0) {
    d.full_power = over == kAckDelay;
    d.slower = !d.full_power;
  }
  if (over == 1000 * kAckDelay) unanswered_ -= kAckDelay;  // bounded, same phase
  return d;
}

}  // namespace selvage::lorawan
