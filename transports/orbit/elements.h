// Mean orbital elements of a satellite, read from the two-line format.
//
// Elements age: positions drift by kilometres a day, so whoever plans with old ones pads its
// windows. Format: "FAQs: Two-Line Element Set Format", celestrak.org. Input is hostile: any
// malformed line is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selvage::orbit {

// Units as SGP4 takes them: radians, radians per minute, and "mean" in its own sense: no other
// theory may be fed with these numbers.
struct Elements {
  std::string number;       // catalogue number, five characters; may start with a letter
  double epoch_unix_s = 0;  // UTC
  double inclination = 0;
  double node = 0;  // right ascension of the ascending node
  double eccentricity = 0;
  double perigee = 0;  // argument of perigee
  double mean_anomaly = 0;
  double mean_motion = 0;  // "Kozai" mean motion, as published
  double drag = 0;         // B*, per earth radius
};

// Reads one set. `check_sums` compares the last digit of each line (modulo 10); published test sets
// have wrong ones. nullopt for anything that is not a set of elements of an orbit around the earth.
std::optional<Elements> ParseTwoLines(std::string_view line1, std::string_view line2,
                                      bool check_sums = true);

// Largest number of satellites that ReadElements keeps.
inline constexpr std::size_t kSatellitesMax = 10000;

// All sets in a text of two- or three-line records (names and comments are skipped). Malformed
// sets are left out and counted.
struct ElementFile {
  std::vector<Elements> satellites;
  std::size_t malformed = 0;
};
ElementFile ReadElements(std::string_view text, bool check_sums = true);

// Days from 1970-01-01 to a date of the Gregorian calendar.
std::int64_t DaysFromCivil(int year, int month, int day);

}  // namespace selvage::orbit
