#include "sim/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace selvage::sim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Whether good of width packets are at least 90 %.
bool Healthy(std::size_t good, std::size_t width) { return good * 10 >= width * 9; }

double HealTime(const std::vector<PacketRecord>& packets, std::size_t first, std::size_t width,
                const FlowWindow& window) {
  if (packets.size() < first + width || width == 0) return kInfinity;
  std::size_t good = 0;
  for (std::size_t k = first; k < first + width; ++k) good += packets[k].received_s >= 0;
  bool dipped = false;
  for (std::size_t i = first; i + width <= packets.size(); ++i) {
    if (i > first) {
      good += packets[i + width - 1].received_s >= 0;
      good -= packets[i - 1].received_s >= 0;
    }
    if (!Healthy(good, width)) {
      if (!dipped && packets[i].sent_s > window.reference_s + window.attribution_s) return 0;
      dipped = true;
    } else if (dipped && packets[i].received_s >= 0) {
      return std::max(0.0, packets[i].received_s - window.reference_s);
    }
  }
  return dipped ? kInfinity : 0;
}

double LongestGap(const std::vector<PacketRecord>& packets, const FlowWindow& window) {
  std::vector<double> arrivals;
  double before = -1;
  for (const PacketRecord& p : packets) {
    if (p.received_s >= window.fault_s) {
      arrivals.push_back(p.received_s);
    } else if (p.received_s >= 0) {
      before = std::max(before, p.received_s);
    }
  }
  std::sort(arrivals.begin(), arrivals.end());
  double last = before >= 0 ? std::max(before, window.fault_s - 1) : window.fault_s;
  double longest = 0;
  for (const double t : arrivals) {
    longest = std::max(longest, t - last);
    last = t;
  }
  return std::max(longest, window.end_s - last);
}

double BadSeconds(const std::vector<PacketRecord>& packets, std::size_t first, std::size_t width,
                  double rate) {
  std::size_t good = 0;
  std::size_t bad = 0;
  for (std::size_t k = first; k < packets.size(); ++k) {
    good += packets[k].received_s >= 0;
    if (k >= first + width) good -= packets[k - width].received_s >= 0;
    if (k + 1 >= first + width) bad += !Healthy(good, width);
  }
  return static_cast<double>(bad) / rate;
}

}  // namespace

FlowResult MeasureFlow(const std::vector<PacketRecord>& packets, const FlowWindow& window) {
  FlowResult r;
  std::size_t in_window = packets.size();
  std::size_t after_reference = packets.size();
  for (std::size_t k = 0; k < packets.size(); ++k) {
    const PacketRecord& p = packets[k];
    if (p.sent_s >= window.fault_s) {
      in_window = std::min(in_window, k);
      ++r.sent;
      r.got += p.received_s >= 0;
    } else if (p.sent_s >= window.fault_s - 10) {
      ++r.pre_sent;
      r.pre_got += p.received_s >= 0;
    }
    if (p.sent_s >= window.reference_s) after_reference = std::min(after_reference, k);
  }
  r.lost = r.sent - r.got;
  r.outage_s = LongestGap(packets, window);
  const auto second = static_cast<std::size_t>(window.rate);
  const auto five = static_cast<std::size_t>(5 * window.rate);
  r.heal_s = HealTime(packets, after_reference, second, window);
  r.heal5_s = HealTime(packets, after_reference, five, window);
  r.bad_s = BadSeconds(packets, in_window, second, window.rate);
  return r;
}

double Median(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const std::size_t m = values.size() / 2;
  if (values.size() % 2 == 1 || std::isinf(values[m])) return values[m];
  return (values[m - 1] + values[m]) / 2;
}

double Largest(const std::vector<double>& values) {
  return values.empty() ? std::nan("") : *std::max_element(values.begin(), values.end());
}

}  // namespace selvage::sim
