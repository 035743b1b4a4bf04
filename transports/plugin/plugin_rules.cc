#include "transports/plugin/plugin_rules.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace selvage {
namespace {

constexpr std::size_t kReasonBytesMax = 200;
constexpr std::size_t kUnitNameBytesMax = 15;
constexpr std::uint32_t kIdleGapMsMax = 2'000'000;  // what a hello can promise
constexpr std::uint64_t kRateMax = 1'000'000'000'000;

void Say(std::uint64_t count, const char* one, const char* many, std::string* out) {
  if (count == 0) return;
  *out += (out->empty() ? "" : ", ") + std::to_string(count) + " " + (count == 1 ? one : many);
}

bool IsFieldName(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string PluginFaults::ToText() const {
  std::string out;
  Say(caps, "capability out of range", "capabilities out of range", &out);
  Say(answers, "answer that is none", "answers that are none", &out);
  Say(retries, "wild time to retry", "wild times to retry", &out);
  Say(too_long, "unit too long", "units too long", &out);
  Say(events, "malformed event", "malformed events", &out);
  Say(telemetry, "value out of range", "values out of range", &out);
  Say(empty_wakes, "round of wakes for nothing", "rounds of wakes for nothing", &out);
  Say(slow_calls, "call that blocked", "calls that blocked", &out);
  return out;
}

std::string PluginText(const char* text, std::size_t most) {
  if (text == nullptr) return "";
  std::string out(text, strnlen(text, most));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

PluginCaps CheckCaps(const selvage_transport_caps& caps, PluginFaults* faults) {
  PluginCaps out;
  out.up = (caps.flags & SELVAGE_LINK_UP) != 0;
  out.can_send_now = (caps.flags & SELVAGE_LINK_CAN_SEND_NOW) != 0;
  out.reason = PluginText(caps.reason, kReasonBytesMax);
  if (caps.mtu < SELVAGE_UNIT_MIN && out.up) {
    ++faults->caps;
    out.up = false;
    out.reason = "the plug-in says that units have at most " + std::to_string(caps.mtu) +
                 " bytes: too few to be of use";
  }
  // More than we send is no lie: the medium just carries larger units.
  out.mtu = std::clamp<std::size_t>(caps.mtu, SELVAGE_UNIT_MIN, SELVAGE_UNIT_MAX);
  if (caps.tariff > SELVAGE_TARIFF_DEAR) ++faults->caps;
  out.info.tariff =
      static_cast<Tariff>(std::min<std::uint32_t>(caps.tariff, SELVAGE_TARIFF_DEAR));
  if (caps.rate_bps > kRateMax) {
    ++faults->caps;
  } else {
    out.info.rate_bps = caps.rate_bps;
  }
  if (caps.idle_gap_ms > kIdleGapMsMax) ++faults->caps;
  out.info.idle_gap = std::chrono::milliseconds(std::min(caps.idle_gap_ms, kIdleGapMsMax));
  out.info.broadcast = (caps.flags & SELVAGE_LINK_BROADCAST) != 0;
  out.info.shared = (caps.flags & SELVAGE_LINK_SHARED) != 0;
  out.info.slow = (caps.flags & SELVAGE_LINK_SLOW) != 0;
  if (caps.window_opens_ns != 0 || caps.window_closes_ns != 0) {
    if (caps.window_opens_ns < caps.window_closes_ns) {
      out.window_opens = PluginTime(caps.window_opens_ns);
      out.window_closes = PluginTime(caps.window_closes_ns);
    } else {
      ++faults->caps;
    }
  }
  out.has_budget = caps.has_budget == 1;
  out.budget_bytes_left = caps.budget_bytes_left;
  out.budget_renews = PluginTime(caps.budget_renews_ns);
  return out;
}

SendAnswer CheckAnswer(Time now, int result, std::int64_t retry_at_ns, PluginFaults* faults) {
  using What = SendAnswer::What;
  const Time retry = PluginTime(retry_at_ns);
  switch (result) {
    case SELVAGE_SEND_ACCEPTED:
      return {What::kAccepted, kNever};
    case SELVAGE_SEND_BUSY:
      if (retry == kNever) return {What::kBusy, now + kRetryMax};  // an event comes before
      if (retry < now || retry - now > kRetryMax) ++faults->retries;
      return {What::kBusy, std::clamp(retry, now, now + kRetryMax)};
    case SELVAGE_SEND_NO_BUDGET:
      if (retry == kNever) return {What::kNoBudget, kNever};
      if (retry < now || retry - now > kBudgetRetryMax) ++faults->retries;
      return {What::kNoBudget, std::clamp(retry, now, now + kBudgetRetryMax)};
    case SELVAGE_SEND_TOO_BIG:
      return {What::kTooBig, kNever};
    case SELVAGE_SEND_DOWN:
      return {What::kDown, kNever};
    case SELVAGE_SEND_REFUSED:
      return {What::kRefused, kNever};
  }
  ++faults->answers;
  return {What::kRefused, kNever};
}

bool CheckEvent(const selvage_event& event, PluginFaults* faults) {
  const bool address_ok = event.address_size <= SELVAGE_ADDRESS_MAX &&
                          (event.address != nullptr || event.address_size == 0);
  switch (event.kind) {
    case SELVAGE_EVENT_RECEIVED:
      if (event.data_size > SELVAGE_UNIT_MAX) {
        ++faults->too_long;
        return false;
      }
      // Everybody is no sender.
      if (address_ok && event.address_size > 0 && event.data != nullptr && event.data_size > 0) {
        return true;
      }
      break;
    case SELVAGE_EVENT_CAPS:
    case SELVAGE_EVENT_SENT:
      return true;
    case SELVAGE_EVENT_TELEMETRY:
      if (address_ok && event.values != nullptr && event.value_count <= SELVAGE_TELEMETRY_MAX) {
        return true;
      }
      break;
    default:
      break;
  }
  ++faults->events;
  return false;
}

PluginSchema::PluginSchema(const std::vector<selvage_telemetry_field>& fields,
                           PluginFaults* faults) {
  for (const selvage_telemetry_field& f : fields) {
    Field out;
    out.name = PluginText(f.name, 31);
    out.unit = PluginText(f.unit, kUnitNameBytesMax);
    out.least = f.least;
    out.most = f.most;
    out.usable = IsFieldName(out.name) && f.least < f.most;  // false for NaN
    out.ours = FindTelemetryField(out.name);
    // The same word for another unit is another thing.
    if (out.ours != nullptr && out.ours->unit != out.unit) out.ours = nullptr;
    if (!out.usable) ++faults->telemetry;
    fields_.push_back(std::move(out));
  }
}

LinkTelemetry PluginSchema::Read(Time now, const selvage_event& event, std::string* others,
                                 PluginFaults* faults) const {
  LinkTelemetry t;
  t.sampled_at = now;
  others->clear();
  const std::size_t count = std::min<std::size_t>(event.value_count, fields_.size());
  for (std::size_t i = 0; i < count; ++i) {
    const Field& field = fields_[i];
    if ((event.present >> i & 1) == 0 || !field.usable) continue;
    const double value = event.values[i];
    if (!(value >= field.least && value <= field.most)) {
      ++faults->telemetry;
      continue;
    }
    if (field.ours != nullptr) {
      if (!SetTelemetry(*field.ours, value, &t)) ++faults->telemetry;
      continue;
    }
    char text[64];
    std::snprintf(text, sizeof(text), "%.6g", value);
    *others += (others->empty() ? "" : ", ") + field.name + " " + text +
               (field.unit.empty() ? "" : " " + field.unit);
  }
  return t;
}

}  // namespace selvage
