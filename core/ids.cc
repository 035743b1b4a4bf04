#include "core/ids.h"

#include <algorithm>

#include "core/bytes.h"

namespace selvage {

std::string NodeId::ToHex() const { return selvage::ToHex(ByteSpan(bytes)); }

bool NodeId::FromHex(std::string_view hex, NodeId* out) {
  Bytes b;
  if (hex.size() != 32 || !selvage::FromHex(hex, &b)) return false;
  std::copy(b.begin(), b.end(), out->bytes.begin());
  return true;
}

std::string_view ToString(TrafficClass c) {
  switch (c) {
    case TrafficClass::kCritical:
      return "critical";
    case TrafficClass::kReliable:
      return "reliable";
    case TrafficClass::kTelemetry:
      return "telemetry";
    case TrafficClass::kBulk:
      return "bulk";
  }
  return "?";
}

bool ParseTrafficClass(std::string_view name, TrafficClass* out) {
  for (int i = 0; i < kTrafficClasses; ++i) {
    if (ToString(static_cast<TrafficClass>(i)) == name) {
      *out = static_cast<TrafficClass>(i);
      return true;
    }
  }
  return false;
}

}  // namespace selvage
