#include "transports/orbit/elements.h"

#include <cmath>
#include <cstdint>

namespace selvage::orbit {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kRadians = kPi / 180;

// A decimal number in columns [from, from + n) counted from 1, spaces around it allowed.
std::optional<double> Number(std::string_view line, std::size_t from, std::size_t n,
                             std::string_view prefix = "") {
  std::string text(prefix);
  for (char c : line.substr(from - 1, n)) {
    if (c == ' ' && text.size() == prefix.size()) continue;  // leading
    if ((c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != ' ') return std::nullopt;
    text.push_back(c);
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  double value = 0, scale = 1;
  bool negative = false, point = false, digit = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '-' || c == '+') {
      if (i != 0) return std::nullopt;
      negative = c == '-';
    } else if (c == '.') {
      if (point) return std::nullopt;
      point = true;
    } else if (c == ' ') {
      return std::nullopt;
    } else {
      digit = true;
      value = value * 10 + (c - '0');
      if (point) scale *= 10;
    }
  }
  if (!digit) return std::nullopt;
  return (negative ? -value : value) / scale;
}

// " 28098-4" is 0.28098e-4: a decimal point is assumed before the digits, and an exponent follows.
std::optional<double> AssumedPoint(std::string_view line, std::size_t from) {
  const std::string_view field = line.substr(from - 1, 8);
  const std::optional<double> digits = Number(field, 2, 5, "0.");
  const std::optional<double> exponent = Number(field, 7, 2);
  if (!digits || !exponent || (field[0] != ' ' && field[0] != '-' && field[0] != '+')) {
    return std::nullopt;
  }
  return (field[0] == '-' ? -1 : 1) * *digits * std::pow(10.0, *exponent);
}

bool SumIsRight(std::string_view line) {
  int sum = 0;
  for (char c : line.substr(0, 68)) {
    if (c >= '0' && c <= '9') sum += c - '0';
    if (c == '-') ++sum;
  }
  return line[68] == static_cast<char>('0' + sum % 10);
}

}  // namespace

std::int64_t DaysFromCivil(int year, int month, int day) {
  // Years begin in March, so that the leap day is their last (Hinnant, "chrono-compatible low-level
  // date algorithms").
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t of_era = y - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return era * 146097 + day_of_era - 719468;
}

std::optional<Elements> ParseTwoLines(std::string_view line1, std::string_view line2,
                                      bool check_sums) {
  if (line1.size() < 69 || line2.size() < 69 || line1.substr(0, 2) != "1 " ||
      line2.substr(0, 2) != "2 " || line1.substr(2, 5) != line2.substr(2, 5)) {
    return std::nullopt;
  }
  if (check_sums && (!SumIsRight(line1) || !SumIsRight(line2))) return std::nullopt;
  const std::optional<double> year = Number(line1, 19, 2), day = Number(line1, 21, 12);
  const std::optional<double> drag = AssumedPoint(line1, 54);
  const std::optional<double> inclination = Number(line2, 9, 8), node = Number(line2, 18, 8);
  const std::optional<double> eccentricity = Number(line2, 27, 7, "0.");
  const std::optional<double> perigee = Number(line2, 35, 8), anomaly = Number(line2, 44, 8);
  const std::optional<double> motion = Number(line2, 53, 11);
  if (!year || !day || !drag || !inclination || !node || !eccentricity || !perigee || !anomaly ||
      !motion || *day < 1 || *day >= 367 || *inclination < 0 || *inclination > 180 ||
      *motion <= 0 || *motion > 20) {
    return std::nullopt;
  }
  Elements e;
  e.number = std::string(line1.substr(2, 5));
  const int full_year = static_cast<int>(*year) + (*year < 57 ? 2000 : 1900);
  e.epoch_unix_s = (static_cast<double>(DaysFromCivil(full_year, 1, 1)) + *day - 1) * 86400;
  e.inclination = *inclination * kRadians;
  e.node = *node * kRadians;
  e.eccentricity = *eccentricity;
  e.perigee = *perigee * kRadians;
  e.mean_anomaly = *anomaly * kRadians;
  e.mean_motion = *motion * 2 * kPi / 1440;
  e.drag = *drag;
  return e;
}

ElementFile ReadElements(std::string_view text, bool check_sums) {
  ElementFile out;
  std::string_view first;
  while (!text.empty() && out.satellites.size() < kSatellitesMax) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.substr(0, 2) == "1 ") {
      first = line;
    } else if (line.substr(0, 2) == "2 ") {
      if (const auto e = ParseTwoLines(first, line, check_sums)) {
        out.satellites.push_back(*e);
      } else {
        ++out.malformed;
      }
      first = {};
    }
  }
  return out;
}

}  // namespace selvage::orbit
