// Where a satellite is at a moment: the SGP4 theory, with its deep-space part (SDP4).
//
// Written from the equations in Hoots and Roehrich, "Spacetrack Report No. 3" (1980), with the
// corrections of Vallado, Crawford, Hujsak and Kelso, "Revisiting Spacetrack Report #3" (AIAA
// 2006-6753), whose variable names the source keeps where a formula would not be recognised
// without. Checked against all 667 verification rows published with that paper. Constants are
// WGS-72, which published elements are fitted with. Thread safe once made.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "transports/orbit/elements.h"

namespace selvage::orbit {

// Gravity and size of the earth in WGS-72.
struct Wgs72 {
  static constexpr double kMu = 398600.8;  // km^3/s^2
  static constexpr double kRadiusKm = 6378.135;
  static constexpr double kJ2 = 0.001082616;
  static constexpr double kJ3 = -0.00000253881;
  static constexpr double kJ4 = -0.00000165597;
  static double Ke();  // sqrt(mu) in earth radii^1.5 per minute
};

using Vector3 = std::array<double, 3>;

// In TEME: true equator, mean equinox of the moment. Kilometres, kilometres per second.
struct State {
  Vector3 position_km{};
  Vector3 velocity_km_s{};
};

class DeepSpace;

class Sgp4 {
 public:
  explicit Sgp4(const Elements& elements);
  Sgp4(const Sgp4& other);
  Sgp4(Sgp4&&) noexcept;
  ~Sgp4();

  // `minutes` from the epoch, negative before it. nullopt where the theory ends: decayed, or
  // eccentricity or size out of range.
  std::optional<State> Propagate(double minutes) const;
  std::optional<State> At(double unix_s) const {
    return Propagate((unix_s - elements_.epoch_unix_s) / 60);
  }
  const Elements& elements() const { return elements_; }
  bool deep_space() const { return deep_ != nullptr; }

 private:
  friend class DeepSpace;
  void InitDrag(double perigee_km);

  Elements elements_;
  double no_ = 0;  // mean motion without Kozai's convention
  double ao_ = 0, con41_ = 0, x1mth2_ = 0, x7thm1_ = 0, eta_ = 0;
  double cc1_ = 0, cc4_ = 0, cc5_ = 0, d2_ = 0, d3_ = 0, d4_ = 0;
  double delmo_ = 0, sinmao_ = 0, omgcof_ = 0, xmcof_ = 0, nodecf_ = 0;
  double t2cof_ = 0, t3cof_ = 0, t4cof_ = 0, t5cof_ = 0;
  double mdot_ = 0, argpdot_ = 0, nodedot_ = 0;
  bool simple_ = false;  // low perigee or deep space: drag terms truncated
  std::unique_ptr<const DeepSpace> deep_;
};

// Greenwich mean sidereal time of a UTC moment, radians in [0, 2 pi) (IAU 1982).
double SiderealTime(double unix_s);

}  // namespace selvage::orbit
