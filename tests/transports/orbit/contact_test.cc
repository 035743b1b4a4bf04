// Contact windows follow the geometry, and plans are read or refused with a reason.
#define BOOST_TEST_MODULE contact_test
#include "transports/orbit/contact.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

namespace selvage::orbit {
namespace {

constexpr double kPi = 3.14159265358979323846;

// A circular orbit at `height_km` whose node lies so that it passes over the site's latitude.
Elements Circular(double height_km, double inclination_deg) {
  Elements e;
  e.number = "00001";
  e.epoch_unix_s = 1'700'000'000;
  e.inclination = inclination_deg * kPi / 180;
  e.eccentricity = 1e-4;
  const double a = Wgs72::kRadiusKm + height_km;
  e.mean_motion = std::sqrt(Wgs72::kMu / (a * a * a)) * 60;
  return e;
}

double LongestPass(double height_km, double mask_deg) {
  const Sgp4 satellite(Circular(height_km, 87));
  double longest = 0;
  // Tracks repeat, so look from many places: one of them lies right below one.
  for (double longitude = 0; longitude < 24; longitude += 0.5) {
    for (const Contact& c : FindContacts(satellite, {5, longitude, 0}, 1'700'000'000,
                                         1'700'000'000 + 2 * 86400, mask_deg)) {
      longest = std::max(longest, c.end_unix_s - c.start_unix_s);
    }
  }
  return longest / 60;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(contact)

BOOST_AUTO_TEST_CASE(a_satellite_straight_above_stands_at_90_degrees_and_its_height) {
  const double now = 1'700'000'000;
  const double theta = SiderealTime(now) + 10 * kPi / 180;
  const double r = 6378.137 + 550;
  const Look look = LookAt({0, 10, 0}, {r * std::cos(theta), r * std::sin(theta), 0}, now);
  BOOST_TEST(std::fabs(look.elevation_deg - 90) < 1e-4);
  BOOST_TEST(std::fabs(look.range_km - 550) < 1e-6);
  const Look below = LookAt({0, -170, 0}, {r * std::cos(theta), r * std::sin(theta), 0}, now);
  BOOST_TEST(std::fabs(below.elevation_deg + 90) < 1e-4);
}

BOOST_AUTO_TEST_CASE(the_longest_passes_have_the_length_that_geometry_gives) {
  // 550 km: 4.7 min above 25 degrees, 8.3 above 10; 780 km: 11.6 above 8.2 (a resting earth; it
  // turns, so a few per cent either way).
  BOOST_TEST(std::fabs(LongestPass(550, 25) - 4.7) < 0.3);
  BOOST_TEST(std::fabs(LongestPass(550, 10) - 8.3) < 0.4);
  BOOST_TEST(std::fabs(LongestPass(780, 8.2) - 11.6) < 0.5);
}

BOOST_AUTO_TEST_CASE(edges_lie_at_the_mask_and_the_satellite_is_above_it_inside) {
  const Sgp4 satellite(Circular(780, 86.4));
  const Site site{48, 11, 0.5};
  const auto contacts = FindContacts(satellite, site, 1'700'000'000, 1'700'000'000 + 86400, 10);
  BOOST_REQUIRE(contacts.size() > 3u);
  for (const Contact& c : contacts) {
    BOOST_TEST(c.elevation_max_deg >= 10);
    const auto elevation = [&](double t) {
      return LookAt(site, satellite.At(t)->position_km, t).elevation_deg;
    };
    BOOST_TEST(std::fabs(elevation(c.start_unix_s) - 10) < 0.05);
    BOOST_TEST(std::fabs(elevation(c.end_unix_s) - 10) < 0.05);
    BOOST_TEST(elevation((c.start_unix_s + c.end_unix_s) / 2) > 10);
    BOOST_TEST(elevation(c.start_unix_s - 5) < 10);
    BOOST_TEST(elevation(c.end_unix_s + 5) < 10);
  }
}

BOOST_AUTO_TEST_CASE(overlapping_contacts_of_several_satellites_become_one) {
  Contact a, b, c;
  a.start_unix_s = 100, a.end_unix_s = 200, a.elevation_max_deg = 20, a.range_min_km = 900;
  b.start_unix_s = 150, b.end_unix_s = 300, b.elevation_max_deg = 70, b.range_min_km = 800;
  c.start_unix_s = 400, c.end_unix_s = 500;
  const auto united = UniteContacts({c, b, a});
  BOOST_REQUIRE(united.size() == 2u);
  BOOST_TEST(united[0].start_unix_s == 100);
  BOOST_TEST(united[0].end_unix_s == 300);
  BOOST_TEST(united[0].elevation_max_deg == 70);
  BOOST_TEST(united[0].range_min_km == 800);
  BOOST_TEST(FindNextContact(united, 350) == &united[1]);
  BOOST_TEST(FindNextContact(united, 250) == &united[0]);
  BOOST_TEST(FindNextContact(united, 500) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_plan_is_read_and_sorted) {
  std::vector<Contact> plan;
  std::string error;
  BOOST_REQUIRE(
      ParseContactPlan("# relay passes\n\n2000,3000\n"
                       "1970-01-01T00:16:40Z , 1970-01-01T00:20:00Z, 9600, 20.5, 0.9\r\n",
                       &plan, &error));
  BOOST_REQUIRE(plan.size() == 2u);
  BOOST_TEST(plan[0].start_unix_s == 1000);
  BOOST_TEST(plan[0].end_unix_s == 1200);
  BOOST_TEST(plan[0].rate_bps == 9600u);
  BOOST_TEST(plan[0].one_way_ms == 20.5);
  BOOST_TEST(plan[0].confidence == 0.9);
  BOOST_TEST(plan[1].confidence == 1);
}

BOOST_AUTO_TEST_CASE(a_malformed_plan_is_refused_with_its_line) {
  for (const char* line : {"1000", "3000,2000", "1000,x", "1000,2000,1,2,3", "1000,2000,1,2,1,1",
                           "2026-13-01T00:00:00Z,2026-13-01T01:00:00Z", "1000,,2000", "-5,10"}) {
    std::vector<Contact> plan;
    std::string error;
    BOOST_TEST(!ParseContactPlan(std::string("10,20\n") + line + "\n", &plan, &error), line);
    BOOST_TEST(error.find("line 2") == 0u, error);
    BOOST_TEST(plan.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::orbit
