#include "transports/orbit/contact.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace selvage::orbit {
namespace {

constexpr double kRadians = 3.14159265358979323846 / 180;
constexpr double kStepSeconds = 20;
constexpr double kEdgeSeconds = 0.1;

std::optional<Look> LookIf(const Sgp4& satellite, const Site& site, double unix_s) {
  const std::optional<State> state = satellite.At(unix_s);
  if (!state) return std::nullopt;
  return LookAt(site, state->position_km, unix_s);
}

// The moment between `low` (not above the mask) and `high` (above) at which it crosses.
double FindEdge(const Sgp4& satellite, const Site& site, double low, double high, double mask) {
  while (std::fabs(high - low) > kEdgeSeconds) {
    const double middle = (low + high) / 2;
    const std::optional<Look> look = LookIf(satellite, site, middle);
    (look && look->elevation_deg >= mask ? high : low) = middle;
  }
  return high;
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r'))
    s.remove_suffix(1);
  return s;
}

// Digits with at most one point.
std::optional<double> ReadNumber(std::string_view s) {
  double value = 0, scale = 1;
  bool point = false, digit = false;
  if (s.size() > 20) return std::nullopt;
  for (char c : s) {
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digit = true;
      value = value * 10 + (c - '0');
      if (point) scale *= 10;
    } else {
      return std::nullopt;
    }
  }
  if (!digit) return std::nullopt;
  return value / scale;
}

std::optional<double> ReadTime(std::string_view s) {
  if (s.size() != 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' ||
      s[16] != ':' || s[19] != 'Z') {
    return ReadNumber(s);
  }
  int field[6];
  constexpr std::size_t kAt[] = {0, 5, 8, 11, 14, 17};
  for (int i = 0; i < 6; ++i) {
    const std::optional<double> v = ReadNumber(s.substr(kAt[i], i == 0 ? 4 : 2));
    if (!v || *v != std::floor(*v)) return std::nullopt;
    field[i] = static_cast<int>(*v);
  }
  if (field[1] < 1 || field[1] > 12 || field[2] < 1 || field[2] > 31 || field[3] > 23 ||
      field[4] > 59 || field[5] > 60) {
    return std::nullopt;
  }
  return static_cast<double>(DaysFromCivil(field[0], field[1], field[2]) * 86400 + field[3] * 3600 +
                             field[4] * 60 + field[5]);
}

std::optional<Contact> ReadContact(std::string_view line) {
  std::optional<double> values[5];
  std::size_t count = 0;
  while (true) {
    const std::size_t comma = line.find(',');
    const std::string_view field = Trim(line.substr(0, comma));
    if (count == 5) return std::nullopt;
    values[count] = count < 2 ? ReadTime(field) : ReadNumber(field);
    if (!values[count]) return std::nullopt;
    ++count;
    if (comma == std::string_view::npos) break;
    line.remove_prefix(comma + 1);
  }
  if (count < 2 || *values[1] <= *values[0] || values[4].value_or(1) > 1 ||
      values[2].value_or(0) > 1e15) {
    return std::nullopt;
  }
  Contact c;
  c.start_unix_s = *values[0];
  c.end_unix_s = *values[1];
  c.rate_bps = static_cast<std::uint64_t>(values[2].value_or(0));
  c.one_way_ms = values[3].value_or(0);
  c.confidence = values[4].value_or(1);
  return c;
}

bool StartsEarlier(const Contact& a, const Contact& b) { return a.start_unix_s < b.start_unix_s; }

}  // namespace

Look LookAt(const Site& site, const Vector3& teme, double unix_s) {
  const double theta = SiderealTime(unix_s);
  const double x = std::cos(theta) * teme[0] + std::sin(theta) * teme[1];
  const double y = -std::sin(theta) * teme[0] + std::cos(theta) * teme[1];
  // WGS-84 ellipsoid.
  constexpr double kA = 6378.137, kF = 1 / 298.257223563, kE2 = kF * (2 - kF);
  const double lat = site.latitude_deg * kRadians, lon = site.longitude_deg * kRadians;
  const double n = kA / std::sqrt(1 - kE2 * std::sin(lat) * std::sin(lat));
  const Vector3 up = {std::cos(lat) * std::cos(lon), std::cos(lat) * std::sin(lon), std::sin(lat)};
  const Vector3 d = {x - (n + site.height_km) * up[0], y - (n + site.height_km) * up[1],
                     teme[2] - (n * (1 - kE2) + site.height_km) * up[2]};
  Look look;
  look.range_km = std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
  const double sine = (d[0] * up[0] + d[1] * up[1] + d[2] * up[2]) / look.range_km;
  look.elevation_deg = std::asin(std::clamp(sine, -1.0, 1.0)) / kRadians;
  return look;
}

std::vector<Contact> FindContacts(const Sgp4& satellite, const Site& site, double from, double to,
                                  double mask) {
  std::vector<Contact> out;
  std::optional<Contact> open;
  double before = from;
  for (double t = from; out.size() < kContactsMax; t = std::min(t + kStepSeconds, to)) {
    const std::optional<Look> look = LookIf(satellite, site, t);
    const bool above = look && look->elevation_deg >= mask;
    if (above && !open) {
      open = Contact();
      open->start_unix_s = t == from ? from : FindEdge(satellite, site, before, t, mask);
      open->range_min_km = look->range_km;
    }
    if (above && look->elevation_deg >= open->elevation_max_deg) {
      open->elevation_max_deg = look->elevation_deg;
      open->range_min_km = look->range_km;
    }
    if (open && (!above || t >= to)) {
      open->end_unix_s = above ? to : FindEdge(satellite, site, t, before, mask);
      if (open->end_unix_s > open->start_unix_s) out.push_back(*open);
      open.reset();
    }
    before = t;
    if (!look || t >= to) break;
  }
  return out;
}

std::vector<Contact> UniteContacts(std::vector<Contact> contacts) {
  std::sort(contacts.begin(), contacts.end(), StartsEarlier);
  std::vector<Contact> out;
  for (const Contact& c : contacts) {
    if (out.empty() || c.start_unix_s > out.back().end_unix_s) {
      out.push_back(c);
      continue;
    }
    Contact& last = out.back();
    last.end_unix_s = std::max(last.end_unix_s, c.end_unix_s);
    last.elevation_max_deg = std::max(last.elevation_max_deg, c.elevation_max_deg);
    last.range_min_km = std::min(last.range_min_km, c.range_min_km);
    last.rate_bps = std::max(last.rate_bps, c.rate_bps);
    last.confidence = std::min(last.confidence, c.confidence);
  }
  return out;
}

bool ParseContactPlan(std::string_view text, std::vector<Contact>* out, std::string* error) {
  std::vector<Contact> contacts;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::optional<Contact> c = ReadContact(line);
    if (!c || contacts.size() >= kContactsMax) {
      *error = "line " + std::to_string(number) +
               (c ? ": more than " + std::to_string(kContactsMax) + " contacts"
                  : ": not a contact; right would be "
                    "2026-01-31T12:00:00Z,2026-01-31T12:08:00Z,9600,20,0.9");
      return false;
    }
    contacts.push_back(*c);
  }
  std::stable_sort(contacts.begin(), contacts.end(), StartsEarlier);
  *out = std::move(contacts);
  return true;
}

const Contact* FindNextContact(const std::vector<Contact>& sorted, double now) {
  for (const Contact& c : sorted) {
    if (c.end_unix_s > now) return &c;
  }
  return nullptr;
}

}  // namespace selvage::orbit
