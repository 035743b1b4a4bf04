// When a ground station can talk to a satellite: computed from orbit elements, or read from a plan.
//
// The same list serves other links that come and go on a schedule. Elements age by kilometres a
// day, so windows of orbits are padded inwards at the caller's choice. Thread safe (no state).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "transports/orbit/sgp4.h"

namespace selvage::orbit {

// A place on the WGS-84 ellipsoid.
struct Site {
  double latitude_deg = 0;   // north
  double longitude_deg = 0;  // east
  double height_km = 0;
};

struct Look {
  double elevation_deg = 0;
  double range_km = 0;
};

// How a satellite stands over a site at a UTC moment. Polar motion (under 20 m) is left out.
Look LookAt(const Site& site, const Vector3& position_teme_km, double unix_s);

// One stretch of time in which a link is there.
struct Contact {
  double start_unix_s = 0;
  double end_unix_s = 0;
  // Of orbits: the highest elevation and the range there.
  double elevation_max_deg = 0;
  double range_min_km = 0;
  // Of plans; 0 where not said.
  std::uint64_t rate_bps = 0;
  double one_way_ms = 0;
  double confidence = 1;  // 0 to 1
};

// Most contacts that one search or one plan returns.
inline constexpr std::size_t kContactsMax = 10000;

// All stretches in [from, to] with the satellite at least `mask_deg` high, edges exact to 0.1 s. A
// pass shorter than 20 s between two looks can be missed. Stops where the theory does (decay).
std::vector<Contact> FindContacts(const Sgp4& satellite, const Site& site, double from_unix_s,
                                  double to_unix_s, double mask_deg);

// Unites lists of several satellites: overlapping contacts become one, sorted by start. Elevation
// is the highest, range the nearest.
std::vector<Contact> UniteContacts(std::vector<Contact> contacts);

// Reads a plan: one contact a line, "start,end[,rate_bps[,one_way_ms[,confidence]]]", with times as
// seconds since 1970 or as 2026-01-31T12:00:00Z; empty lines and those with '#' in front are
// skipped. On a malformed line: false, and `*error` names it and says what would be right.
bool ParseContactPlan(std::string_view text, std::vector<Contact>* out, std::string* error);

// The contact that holds at `now`, or else the first later one; nullptr when there is none.
// REQUIRES: `sorted` by start.
const Contact* FindNextContact(const std::vector<Contact>& sorted, double now_unix_s);

}  // namespace selvage::orbit
