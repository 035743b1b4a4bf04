#include "transports/orbit/deep_space.h"

#include <cmath>

#include "transports/orbit/sgp4.h"

namespace selvage::orbit {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kTwoPi = 2 * kPi;
constexpr double kEarthTurn = 4.37526908801129966e-3;  // radians per minute
// Mean motion (radians per minute) and eccentricity of the apparent orbits of sun and moon.
constexpr double kSunRate = 1.19459e-5, kSunEccentricity = 0.01675;
constexpr double kMoonRate = 1.5835218e-4, kMoonEccentricity = 0.05490;
// Below 3 degrees (or above 177) the node is not moved: its rate would be divided by almost zero.
constexpr double kFlat = 5.2359877e-2;

}  // namespace

DeepSpace::DeepSpace(const Sgp4& base)
    : no_(base.no_),
      ecc_(base.elements_.eccentricity),
      cosi_(std::cos(base.elements_.inclination)),
      sini_(std::sin(base.elements_.inclination)),
      argpo_(base.elements_.perigee),
      nodeo_(base.elements_.node),
      mo_(base.elements_.mean_anomaly),
      inclo_(base.elements_.inclination),
      mdot_(base.mdot_),
      argpdot_(base.argpdot_),
      nodedot_(base.nodedot_),
      gsto_(SiderealTime(base.elements_.epoch_unix_s)) {
  // Days since 1900 January 0.5: the moon's node, inclination and perigee.
  const double day = base.elements_.epoch_unix_s / 86400 + 2440587.5 - 2433281.5 + 18261.5;
  const double xnodce = std::fmod(4.5236020 - 9.2422029e-4 * day, kTwoPi);
  const double stem = std::sin(xnodce), ctem = std::cos(xnodce);
  const double zcosil = 0.91375164 - 0.03568096 * ctem;
  const double zsinil = std::sqrt(1 - zcosil * zcosil);
  const double zsinhl = 0.089683511 * stem / zsinil;
  const double zcoshl = std::sqrt(1 - zsinhl * zsinhl);
  const double gam = 5.8351514 + 0.0019443680 * day;
  const double zx =
      gam - xnodce +
      std::atan2(0.39785416 * stem / zsinil, zcoshl * ctem + 0.91744867 * zsinhl * stem);
  const double cnod = std::cos(nodeo_), snod = std::sin(nodeo_);
  const Orientation sun{0.1945905, -0.98088458, 0.91744867, 0.39785416, cnod, snod};
  const Orientation moon{std::cos(zx),
                         std::sin(zx),
                         zcosil,
                         zsinil,
                         zcoshl * cnod + zsinhl * snod,
                         snod * zcoshl - cnod * zsinhl};
  const Body sun_body = MakeBody(sun, 2.9864797e-6);
  const Body moon_body = MakeBody(moon, 4.7968065e-7);
  const double ecc2 = ecc_ * ecc_;
  sun_ = MakePeriodic(sun_body, ecc2, std::fmod(6.2565837 + 0.017201977 * day, kTwoPi), kSunRate,
                      kSunEccentricity);
  moon_ = MakePeriodic(moon_body, ecc2, std::fmod(4.7199672 + 0.22997150 * day - gam, kTwoPi),
                       kMoonRate, kMoonEccentricity);
  InitSecular(sun_body, moon_body);
  if (no_ < 0.0052359877 && no_ > 0.0034906585) InitDay();
  if (no_ >= 8.26e-3 && no_ <= 9.24e-3 && ecc_ >= 0.5) InitHalfDay();
}

DeepSpace::Body DeepSpace::MakeBody(const Orientation& o, double cc) const {
  const double emsq = ecc_ * ecc_, betasq = 1 - emsq, rtemsq = std::sqrt(betasq);
  const double cosomm = std::cos(argpo_), sinomm = std::sin(argpo_);
  const double a1 = o.zcosg * o.zcosh + o.zsing * o.zcosi * o.zsinh;
  const double a3 = -o.zsing * o.zcosh + o.zcosg * o.zcosi * o.zsinh;
  const double a7 = -o.zcosg * o.zsinh + o.zsing * o.zcosi * o.zcosh;
  const double a8 = o.zsing * o.zsini;
  const double a9 = o.zsing * o.zsinh + o.zcosg * o.zcosi * o.zcosh;
  const double a10 = o.zcosg * o.zsini;
  const double a2 = cosi_ * a7 + sini_ * a8;
  const double a4 = cosi_ * a9 + sini_ * a10;
  const double a5 = -sini_ * a7 + cosi_ * a8;
  const double a6 = -sini_ * a9 + cosi_ * a10;
  const double x1 = a1 * cosomm + a2 * sinomm;
  const double x2 = a3 * cosomm + a4 * sinomm;
  const double x3 = -a1 * sinomm + a2 * cosomm;
  const double x4 = -a3 * sinomm + a4 * cosomm;
  const double x5 = a5 * sinomm, x6 = a6 * sinomm, x7 = a5 * cosomm, x8 = a6 * cosomm;
  Body b;
  b.z31 = 12 * x1 * x1 - 3 * x3 * x3;
  b.z32 = 24 * x1 * x2 - 6 * x3 * x4;
  b.z33 = 12 * x2 * x2 - 3 * x4 * x4;
  b.z1 = 3 * (a1 * a1 + a2 * a2) + b.z31 * emsq;
  b.z2 = 6 * (a1 * a3 + a2 * a4) + b.z32 * emsq;
  b.z3 = 3 * (a3 * a3 + a4 * a4) + b.z33 * emsq;
  b.z11 = -6 * a1 * a5 + emsq * (-24 * x1 * x7 - 6 * x3 * x5);
  b.z12 = -6 * (a1 * a6 + a3 * a5) + emsq * (-24 * (x2 * x7 + x1 * x8) - 6 * (x3 * x6 + x4 * x5));
  b.z13 = -6 * a3 * a6 + emsq * (-24 * x2 * x8 - 6 * x4 * x6);
  b.z21 = 6 * a2 * a5 + emsq * (24 * x1 * x5 - 6 * x3 * x7);
  b.z22 = 6 * (a4 * a5 + a2 * a6) + emsq * (24 * (x2 * x5 + x1 * x6) - 6 * (x4 * x7 + x3 * x8));
  b.z23 = 6 * a4 * a6 + emsq * (24 * x2 * x6 - 6 * x4 * x8);
  b.z1 = b.z1 + b.z1 + betasq * b.z31;
  b.z2 = b.z2 + b.z2 + betasq * b.z32;
  b.z3 = b.z3 + b.z3 + betasq * b.z33;
  b.s3 = cc / no_;
  b.s2 = -0.5 * b.s3 / rtemsq;
  b.s4 = b.s3 * rtemsq;
  b.s1 = -15 * ecc_ * b.s4;
  b.s5 = x1 * x3 + x2 * x4;
  b.s6 = x2 * x3 + x1 * x4;
  b.s7 = x2 * x4 - x1 * x3;
  return b;
}

DeepSpace::Periodic DeepSpace::MakePeriodic(const Body& b, double ecc2, double mean_anomaly,
                                            double rate, double eccentricity) {
  Periodic p;
  p.mean_anomaly = mean_anomaly;
  p.rate = rate;
  p.eccentricity = eccentricity;
  p.e2 = 2 * b.s1 * b.s6;
  p.e3 = 2 * b.s1 * b.s7;
  p.i2 = 2 * b.s2 * b.z12;
  p.i3 = 2 * b.s2 * (b.z13 - b.z11);
  p.l2 = -2 * b.s3 * b.z2;
  p.l3 = -2 * b.s3 * (b.z3 - b.z1);
  p.l4 = -2 * b.s3 * (-21 - 9 * ecc2) * eccentricity;
  p.gh2 = 2 * b.s4 * b.z32;
  p.gh3 = 2 * b.s4 * (b.z33 - b.z31);
  p.gh4 = -18 * b.s4 * eccentricity;
  p.h2 = -2 * b.s2 * b.z22;
  p.h3 = -2 * b.s2 * (b.z23 - b.z21);
  return p;
}

DeepSpace::Change DeepSpace::PeriodicAt(const Periodic& p, double t) {
  const double zm = p.mean_anomaly + p.rate * t;
  const double zf = zm + 2 * p.eccentricity * std::sin(zm);
  const double s = std::sin(zf);
  const double f2 = 0.5 * s * s - 0.25, f3 = -0.5 * s * std::cos(zf);
  return {p.e2 * f2 + p.e3 * f3, p.i2 * f2 + p.i3 * f3, p.l2 * f2 + p.l3 * f3 + p.l4 * s,
          p.gh2 * f2 + p.gh3 * f3 + p.gh4 * s, p.h2 * f2 + p.h3 * f3};
}

void DeepSpace::AddPeriodic(double t, MeanState* m) const {
  const Change sun = PeriodicAt(sun_, t), moon = PeriodicAt(moon_, t);
  const double pinc = sun.inclination + moon.inclination;
  const double pl = sun.anomaly + moon.anomaly;
  double pgh = sun.perigee + moon.perigee;
  double ph = sun.node + moon.node;
  m->inclination += pinc;
  m->eccentricity += sun.eccentricity + moon.eccentricity;
  const double sinip = std::sin(m->inclination), cosip = std::cos(m->inclination);
  if (m->inclination >= 0.2) {
    ph /= sinip;
    m->perigee += pgh - cosip * ph;
    m->node += ph;
    m->anomaly += pl;
    return;
  }
  // Lyddane's way for small inclinations, where node and perigee are badly defined by themselves.
  const double sinop = std::sin(m->node), cosop = std::cos(m->node);
  const double alfdp = sinip * sinop + ph * cosop + pinc * cosip * sinop;
  const double betdp = sinip * cosop - ph * sinop + pinc * cosip * cosop;
  m->node = std::fmod(m->node, kTwoPi);
  const double xls = m->anomaly + m->perigee + cosip * m->node + pl + pgh - pinc * m->node * sinip;
  const double before = m->node;
  m->node = std::atan2(alfdp, betdp);
  if (std::fabs(before - m->node) > kPi) m->node += m->node < before ? kTwoPi : -kTwoPi;
  m->anomaly += pl;
  m->perigee = xls - m->anomaly - cosip * m->node;
}

void DeepSpace::InitSecular(const Body& sun, const Body& moon) {
  const double emsq = ecc_ * ecc_;
  const bool flat = inclo_ < kFlat || inclo_ > kPi - kFlat;
  double shs = flat ? 0 : -kSunRate * sun.s2 * (sun.z21 + sun.z23);
  if (sini_ != 0) shs /= sini_;
  const double sgs = sun.s4 * kSunRate * (sun.z31 + sun.z33 - 6) - cosi_ * shs;
  const double shll = flat ? 0 : -kMoonRate * moon.s2 * (moon.z21 + moon.z23);
  dedt_ = sun.s1 * kSunRate * sun.s5 + moon.s1 * kMoonRate * moon.s5;
  didt_ = sun.s2 * kSunRate * (sun.z11 + sun.z13) + moon.s2 * kMoonRate * (moon.z11 + moon.z13);
  dmdt_ = -kSunRate * sun.s3 * (sun.z1 + sun.z3 - 14 - 6 * emsq) -
          kMoonRate * moon.s3 * (moon.z1 + moon.z3 - 14 - 6 * emsq);
  domdt_ = sgs + moon.s4 * kMoonRate * (moon.z31 + moon.z33 - 6);
  dnodt_ = shs;
  if (sini_ != 0) {
    domdt_ -= cosi_ / sini_ * shll;
    dnodt_ += shll / sini_;
  }
}

// Geostationary and the like.
void DeepSpace::InitDay() {
  resonance_ = Resonance::kDay;
  constexpr double q22 = 1.7891679e-6, q31 = 2.1460748e-6, q33 = 2.2123015e-7;
  const double emsq = ecc_ * ecc_;
  const double aonv = std::pow(no_ / Wgs72::Ke(), 2.0 / 3.0);
  const double g200 = 1 + emsq * (-2.5 + 0.8125 * emsq);
  const double g310 = 1 + 2 * emsq;
  const double g300 = 1 + emsq * (-6 + 6.60937 * emsq);
  const double f220 = 0.75 * (1 + cosi_) * (1 + cosi_);
  const double f311 = 0.9375 * sini_ * sini_ * (1 + 3 * cosi_) - 0.75 * (1 + cosi_);
  const double f330 = 1.875 * (1 + cosi_) * (1 + cosi_) * (1 + cosi_);
  const double base = 3 * no_ * no_ * aonv * aonv;
  del2_ = 2 * base * f220 * g200 * q22;
  del3_ = 3 * base * f330 * g300 * q33 * aonv;
  del1_ = base * f311 * g310 * q31 * aonv;
  xlamo_ = std::fmod(mo_ + nodeo_ + argpo_ - gsto_, kTwoPi);
  xfact_ = mdot_ + argpdot_ + nodedot_ - kEarthTurn + dmdt_ + domdt_ + dnodt_ - no_;
}

// Molniya, navigation satellites and the like.
void DeepSpace::InitHalfDay() {
  resonance_ = Resonance::kHalfDay;
  constexpr double root22 = 1.7891679e-6, root32 = 3.7393792e-7, root44 = 7.3636953e-9,
                   root52 = 1.1428639e-7, root54 = 2.1765803e-9;
  const double em = ecc_, emsq = em * em, eoc = em * emsq;
  const double cosisq = cosi_ * cosi_, sini2 = sini_ * sini_;
  const auto cubic = [&](double a, double b, double c, double d) {
    return a + b * em + c * emsq + d * eoc;
  };
  // Polynomials of the eccentricity functions, one set for each range.
  const double g201 = -0.306 - (em - 0.64) * 0.440;
  double g211, g310, g322, g410, g422, g520, g521, g532, g533;
  if (em <= 0.65) {
    g211 = 3.616 - 13.2470 * em + 16.2900 * emsq;
    g310 = cubic(-19.302, 117.3900, -228.4190, 156.5910);
    g322 = cubic(-18.9068, 109.7927, -214.6334, 146.5816);
    g410 = cubic(-41.122, 242.6940, -471.0940, 313.9530);
    g422 = cubic(-146.407, 841.8800, -1629.014, 1083.4350);
    g520 = cubic(-532.114, 3017.977, -5740.032, 3708.2760);
  } else {
    g211 = cubic(-72.099, 331.819, -508.738, 266.724);
    g310 = cubic(-346.844, 1582.851, -2415.925, 1246.113);
    g322 = cubic(-342.585, 1554.908, -2366.899, 1215.972);
    g410 = cubic(-1052.797, 4758.686, -7193.992, 3651.957);
    g422 = cubic(-3581.690, 16178.110, -24462.770, 12422.520);
    g520 = em > 0.715 ? cubic(-5149.66, 29936.92, -54087.36, 31324.56)
                      : 1464.74 - 4664.75 * em + 3763.64 * emsq;
  }
  if (em < 0.7) {
    g533 = cubic(-919.22770, 4988.6100, -9064.7700, 5542.21);
    g521 = cubic(-822.71072, 4568.6173, -8491.4146, 5337.524);
    g532 = cubic(-853.66600, 4690.2500, -8624.7700, 5341.4);
  } else {
    g533 = cubic(-37995.780, 161616.52, -229838.20, 109377.94);
    g521 = cubic(-51752.104, 218913.95, -309468.16, 146349.42);
    g532 = cubic(-40023.880, 170470.89, -242699.48, 115605.82);
  }
  // Functions of the inclination.
  const double f220 = 0.75 * (1 + 2 * cosi_ + cosisq);
  const double f221 = 1.5 * sini2;
  const double f321 = 1.875 * sini_ * (1 - 2 * cosi_ - 3 * cosisq);
  const double f322 = -1.875 * sini_ * (1 + 2 * cosi_ - 3 * cosisq);
  const double f441 = 35 * sini2 * f220;
  const double f442 = 39.3750 * sini2 * sini2;
  const double f522 =
      9.84375 * sini_ *
      (sini2 * (1 - 2 * cosi_ - 5 * cosisq) + 0.33333333 * (-2 + 4 * cosi_ + 6 * cosisq));
  const double f523 = sini_ * (4.92187512 * sini2 * (-2 - 4 * cosi_ + 10 * cosisq) +
                               6.56250012 * (1 + 2 * cosi_ - 3 * cosisq));
  const double f542 = 29.53125 * sini_ * (2 - 8 * cosi_ + cosisq * (-12 + 8 * cosi_ + 10 * cosisq));
  const double f543 = 29.53125 * sini_ * (-2 - 8 * cosi_ + cosisq * (12 + 8 * cosi_ - 10 * cosisq));
  const double aonv = std::pow(no_ / Wgs72::Ke(), 2.0 / 3.0);
  double temp1 = 3 * no_ * no_ * aonv * aonv;
  d2201_ = temp1 * root22 * f220 * g201;
  d2211_ = temp1 * root22 * f221 * g211;
  temp1 *= aonv;
  d3210_ = temp1 * root32 * f321 * g310;
  d3222_ = temp1 * root32 * f322 * g322;
  temp1 *= aonv;
  d4410_ = 2 * temp1 * root44 * f441 * g410;
  d4422_ = 2 * temp1 * root44 * f442 * g422;
  temp1 *= aonv;
  d5220_ = temp1 * root52 * f522 * g520;
  d5232_ = temp1 * root52 * f523 * g532;
  d5421_ = 2 * temp1 * root54 * f542 * g521;
  d5433_ = 2 * temp1 * root54 * f543 * g533;
  xlamo_ = std::fmod(mo_ + nodeo_ + nodeo_ - gsto_ - gsto_, kTwoPi);
  xfact_ = mdot_ + dmdt_ + 2 * (nodedot_ + dnodt_ - kEarthTurn) - no_;
}

void DeepSpace::Accelerate(double xli, double xldot, double atime, double* xndt,
                           double* xnddt) const {
  if (resonance_ == Resonance::kDay) {
    constexpr double fasx2 = 0.13130908, fasx4 = 2.8843198, fasx6 = 0.37448087;
    *xndt = del1_ * std::sin(xli - fasx2) + del2_ * std::sin(2 * (xli - fasx4)) +
            del3_ * std::sin(3 * (xli - fasx6));
    *xnddt = (del1_ * std::cos(xli - fasx2) + 2 * del2_ * std::cos(2 * (xli - fasx4)) +
              3 * del3_ * std::cos(3 * (xli - fasx6))) *
             xldot;
    return;
  }
  constexpr double g22 = 5.7686396, g32 = 0.95240898, g44 = 1.8014998, g52 = 1.0508330,
                   g54 = 4.4108898;
  const double xomi = argpo_ + argpdot_ * atime, x2omi = 2 * xomi, x2li = 2 * xli;
  // Each term: its strength, its angle, and how often the longitude is in that angle.
  const struct {
    double strength, angle;
    int times;
  } terms[] = {{d2201_, x2omi + xli - g22, 1},  {d2211_, xli - g22, 1},
               {d3210_, xomi + xli - g32, 1},   {d3222_, -xomi + xli - g32, 1},
               {d4410_, x2omi + x2li - g44, 2}, {d4422_, x2li - g44, 2},
               {d5220_, xomi + xli - g52, 1},   {d5232_, -xomi + xli - g52, 1},
               {d5421_, xomi + x2li - g54, 2},  {d5433_, -xomi + x2li - g54, 2}};
  *xndt = 0;
  *xnddt = 0;
  for (const auto& term : terms) {
    *xndt += term.strength * std::sin(term.angle);
    *xnddt += term.times * term.strength * std::cos(term.angle);
  }
  *xnddt *= xldot;
}

void DeepSpace::AddSecular(double t, MeanState* m) const {
  m->eccentricity += dedt_ * t;
  m->inclination += didt_ * t;
  m->perigee += domdt_ * t;
  m->node += dnodt_ * t;
  m->anomaly += dmdt_ * t;
  if (resonance_ == Resonance::kNone) return;
  constexpr double kStep = 720;  // minutes
  const double step = t > 0 ? kStep : -kStep;
  double atime = 0, xni = no_, xli = xlamo_;
  double xndt = 0, xnddt = 0, xldot = 0;
  for (int i = 0;; ++i) {
    xldot = xni + xfact_;
    Accelerate(xli, xldot, atime, &xndt, &xnddt);
    if (std::fabs(t - atime) < kStep || i >= kStepsMax) break;
    xli += xldot * step + xndt * kStep * kStep / 2;
    xni += xndt * step + xnddt * kStep * kStep / 2;
    atime += step;
  }
  const double rest = t - atime;
  m->motion = xni + xndt * rest + xnddt * rest * rest * 0.5;
  const double xl = xli + xldot * rest + xndt * rest * rest * 0.5;
  const double theta = std::fmod(gsto_ + t * kEarthTurn, kTwoPi);
  m->anomaly = resonance_ == Resonance::kDay ? xl - m->node - m->perigee + theta
                                             : xl - 2 * m->node + 2 * theta;
}

}  // namespace selvage::orbit
