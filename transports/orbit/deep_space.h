// The deep-space part of SGP4: pull of sun and moon, and resonance with the turning earth.
//
// For orbits of 225 minutes and longer. Equations of Spacetrack Report No. 3, sections 7 and 10, as
// corrected in AIAA 2006-6753. The resonant motion is integrated from the epoch in steps of half a
// day at each call, so a call for a date a year away costs 730 steps; beyond kStepsMax it stops
// integrating. Thread safe once made.
#pragma once

namespace selvage::orbit {

class Sgp4;

// The mean elements while the theory adds to them.
struct MeanState {
  double motion = 0, eccentricity = 0, inclination = 0, node = 0, perigee = 0, anomaly = 0;
};

class DeepSpace {
 public:
  static constexpr int kStepsMax = 100'000;  // 137 years

  // `base` has its secular rates already; it is not kept.
  explicit DeepSpace(const Sgp4& base);
  // Secular effects and resonance at `t` minutes from the epoch.
  void AddSecular(double t, MeanState* m) const;
  // Periodic effects of sun and moon.
  void AddPeriodic(double t, MeanState* m) const;

 private:
  // What one body (sun or moon) does to the orbit: the report's s and z coefficients.
  struct Body {
    double s1, s2, s3, s4, s5, s6, s7;
    double z1, z2, z3, z11, z12, z13, z21, z22, z23, z31, z32, z33;
  };
  // Amplitudes of a body's periodic terms.
  struct Periodic {
    double mean_anomaly, rate, eccentricity;  // of the body's own apparent orbit
    double e2, e3, i2, i3, l2, l3, l4, gh2, gh3, gh4, h2, h3;
  };
  struct Change {
    double eccentricity, inclination, anomaly, perigee, node;
  };
  // Orientation of a body's orbit against the satellite's.
  struct Orientation {
    double zcosg, zsing, zcosi, zsini, zcosh, zsinh;
  };
  Body MakeBody(const Orientation& o, double cc) const;
  static Periodic MakePeriodic(const Body& b, double ecc2, double mean_anomaly, double rate,
                               double eccentricity);
  static Change PeriodicAt(const Periodic& p, double t);
  void InitSecular(const Body& sun, const Body& moon);
  void InitHalfDay();
  void InitDay();
  // Resonant acceleration and its derivative at longitude `xli`.
  void Accelerate(double xli, double xldot, double atime, double* xndt, double* xnddt) const;

  // Of the satellite at the epoch.
  double no_, ecc_, cosi_, sini_, argpo_, nodeo_, mo_, inclo_;
  double mdot_, argpdot_, nodedot_, gsto_;
  Periodic sun_{}, moon_{};
  double dedt_ = 0, didt_ = 0, dmdt_ = 0, dnodt_ = 0, domdt_ = 0;
  enum class Resonance { kNone, kDay, kHalfDay } resonance_ = Resonance::kNone;
  double del1_ = 0, del2_ = 0, del3_ = 0;
  double d2201_ = 0, d2211_ = 0, d3210_ = 0, d3222_ = 0, d4410_ = 0, d4422_ = 0, d5220_ = 0,
         d5232_ = 0, d5421_ = 0, d5433_ = 0;
  double xlamo_ = 0, xfact_ = 0;
};

}  // namespace selvage::orbit
