#include "transports/orbit/sgp4.h"

#include <cmath>

#include "transports/orbit/deep_space.h"

namespace selvage::orbit {
namespace {

constexpr double kTwoPi = 2 * 3.14159265358979323846;
constexpr double kTwoThirds = 2.0 / 3.0;
constexpr double kRadius = Wgs72::kRadiusKm;
constexpr double kJ2 = Wgs72::kJ2;
constexpr double kJ3OverJ2 = Wgs72::kJ3 / Wgs72::kJ2;
constexpr double kDeepSpaceMinutes = 225;

// 1 + cos(i), kept from zero for an inclination of 180 degrees.
double OnePlus(double cosine) { return std::fabs(cosine + 1) > 1.5e-12 ? 1 + cosine : 1.5e-12; }

double LongPeriod(double sini, double cosi) {
  return -0.25 * kJ3OverJ2 * sini * (3 + 5 * cosi) / OnePlus(cosi);
}

// Kepler's equation in the variables of the theory; the bounds on steps are part of it.
double SolveKepler(double u, double axnl, double aynl) {
  double e = u;
  for (int i = 0; i < 10; ++i) {
    const double s = std::sin(e), c = std::cos(e);
    double step = (u - aynl * c + axnl * s - e) / (1 - c * axnl - s * aynl);
    if (std::fabs(step) >= 0.95) step = step > 0 ? 0.95 : -0.95;
    e += step;
    if (std::fabs(step) < 1e-12) break;
  }
  return e;
}

}  // namespace

double Wgs72::Ke() { return 60.0 / std::sqrt(kRadiusKm * kRadiusKm * kRadiusKm / kMu); }

double SiderealTime(double unix_s) {
  const double t = (unix_s / 86400 + 2440587.5 - 2451545.0) / 36525;
  const double seconds =
      -6.2e-6 * t * t * t + 0.093104 * t * t + (876600.0 * 3600 + 8640184.812866) * t + 67310.54841;
  double angle = std::fmod(seconds * kTwoPi / 86400, kTwoPi);
  if (angle < 0) angle += kTwoPi;
  return angle;
}

Sgp4::Sgp4(const Elements& elements) : elements_(elements) {
  const Elements& e = elements_;
  const double ecc = e.eccentricity, ecc2 = ecc * ecc, omeosq = 1 - ecc2;
  const double rteosq = std::sqrt(omeosq);
  const double cosio = std::cos(e.inclination);
  const double cosio2 = cosio * cosio, cosio4 = cosio2 * cosio2;
  // Kozai's mean motion to Brouwer's.
  const double ak = std::pow(Wgs72::Ke() / e.mean_motion, kTwoThirds);
  const double d1 = 0.75 * kJ2 * (3 * cosio2 - 1) / (rteosq * omeosq);
  double del = d1 / (ak * ak);
  const double adel = ak * (1 - del * del - del * (1.0 / 3.0 + 134.0 * del * del / 81.0));
  del = d1 / (adel * adel);
  no_ = e.mean_motion / (1 + del);
  ao_ = std::pow(Wgs72::Ke() / no_, kTwoThirds);
  const double con42 = 1 - 5 * cosio2;
  con41_ = -con42 - cosio2 - cosio2;
  x1mth2_ = 1 - cosio2;
  x7thm1_ = 7 * cosio2 - 1;
  const double rp = ao_ * (1 - ecc);
  const double po = ao_ * omeosq, pinvsq = 1 / (po * po);
  // Secular rates from the zonal harmonics.
  const double temp1 = 1.5 * kJ2 * pinvsq * no_;
  const double temp2 = 0.5 * temp1 * kJ2 * pinvsq;
  const double temp3 = -0.46875 * Wgs72::kJ4 * pinvsq * pinvsq * no_;
  mdot_ = no_ + 0.5 * temp1 * rteosq * con41_ +
          0.0625 * temp2 * rteosq * (13 - 78 * cosio2 + 137 * cosio4);
  argpdot_ = -0.5 * temp1 * con42 + 0.0625 * temp2 * (7 - 114 * cosio2 + 395 * cosio4) +
             temp3 * (3 - 36 * cosio2 + 49 * cosio4);
  const double xhdot1 = -temp1 * cosio;
  nodedot_ = xhdot1 + (0.5 * temp2 * (4 - 19 * cosio2) + 2 * temp3 * (3 - 7 * cosio2)) * cosio;
  simple_ = rp < 220 / kRadius + 1;
  sinmao_ = std::sin(e.mean_anomaly);
  const bool deep = kTwoPi / no_ >= kDeepSpaceMinutes;
  if (deep) simple_ = true;
  InitDrag((rp - 1) * kRadius);
  nodecf_ = 3.5 * omeosq * xhdot1 * cc1_;
  if (deep) deep_ = std::make_unique<const DeepSpace>(*this);
}

Sgp4::Sgp4(const Sgp4& other) : Sgp4(other.elements_) {}
Sgp4::Sgp4(Sgp4&&) noexcept = default;
Sgp4::~Sgp4() = default;

// The drag terms: the atmosphere is a power law above a height s that depends on the perigee.
void Sgp4::InitDrag(double perigee_km) {
  const Elements& e = elements_;
  const double ecc = e.eccentricity, omeosq = 1 - ecc * ecc;
  const double sinio = std::sin(e.inclination);
  double s_km = 78;
  if (perigee_km < 156) s_km = perigee_km < 98 ? 20 : perigee_km - 78;
  const double q = (120 - s_km) / kRadius;
  const double qzms24 = q * q * q * q;
  const double sfour = s_km / kRadius + 1;
  const double tsi = 1 / (ao_ - sfour);
  eta_ = ao_ * ecc * tsi;
  const double etasq = eta_ * eta_, eeta = ecc * eta_, psisq = std::fabs(1 - etasq);
  const double coef = qzms24 * tsi * tsi * tsi * tsi;
  const double coef1 = coef / std::pow(psisq, 3.5);
  const double cc2 = coef1 * no_ *
                     (ao_ * (1 + 1.5 * etasq + eeta * (4 + etasq)) +
                      0.375 * kJ2 * tsi / psisq * con41_ * (8 + 3 * etasq * (8 + etasq)));
  cc1_ = e.drag * cc2;
  const double cc3 = ecc > 1e-4 ? -2 * coef * tsi * kJ3OverJ2 * no_ * sinio / ecc : 0;
  cc4_ = 2 * no_ * coef1 * ao_ * omeosq *
         (eta_ * (2 + 0.5 * etasq) + ecc * (0.5 + 2 * etasq) -
          kJ2 * tsi / (ao_ * psisq) *
              (-3 * con41_ * (1 - 2 * eeta + etasq * (1.5 - 0.5 * eeta)) +
               0.75 * x1mth2_ * (2 * etasq - eeta * (1 + etasq)) * std::cos(2 * e.perigee)));
  cc5_ = 2 * coef1 * ao_ * omeosq * (1 + 2.75 * (etasq + eeta) + eeta * etasq);
  omgcof_ = e.drag * cc3 * std::cos(e.perigee);
  xmcof_ = ecc > 1e-4 ? -kTwoThirds * coef * e.drag / eeta : 0;
  t2cof_ = 1.5 * cc1_;
  const double delmo = 1 + eta_ * std::cos(e.mean_anomaly);
  delmo_ = delmo * delmo * delmo;
  if (simple_) return;
  const double cc1sq = cc1_ * cc1_;
  d2_ = 4 * ao_ * tsi * cc1sq;
  const double temp = d2_ * tsi * cc1_ / 3;
  d3_ = (17 * ao_ + sfour) * temp;
  d4_ = 0.5 * temp * ao_ * tsi * (221 * ao_ + 31 * sfour) * cc1_;
  t3cof_ = d2_ + 2 * cc1sq;
  t4cof_ = 0.25 * (3 * d3_ + cc1_ * (12 * d2_ + 10 * cc1sq));
  t5cof_ = 0.2 * (3 * d4_ + 12 * cc1_ * d3_ + 6 * d2_ * d2_ + 15 * cc1sq * (2 * d2_ + cc1sq));
}

std::optional<State> Sgp4::Propagate(double t) const {
  const Elements& e = elements_;
  // Secular gravity and drag.
  const double xmdf = e.mean_anomaly + mdot_ * t;
  MeanState m;
  m.perigee = e.perigee + argpdot_ * t;
  m.node = e.node + nodedot_ * t + nodecf_ * t * t;
  m.anomaly = xmdf;
  double tempa = 1 - cc1_ * t;
  double tempe = e.drag * cc4_ * t;
  double templ = t2cof_ * t * t;
  if (!simple_) {
    const double delm = 1 + eta_ * std::cos(xmdf);
    const double temp = omgcof_ * t + xmcof_ * (delm * delm * delm - delmo_);
    m.anomaly += temp;
    m.perigee -= temp;
    const double t2 = t * t, t3 = t2 * t, t4 = t3 * t;
    tempa -= d2_ * t2 + d3_ * t3 + d4_ * t4;
    tempe += e.drag * cc5_ * (std::sin(m.anomaly) - sinmao_);
    templ += t3cof_ * t3 + t4 * (t4cof_ + t * t5cof_);
  }
  m.motion = no_;
  m.eccentricity = e.eccentricity;
  m.inclination = e.inclination;
  if (deep_) deep_->AddSecular(t, &m);
  if (m.motion <= 0) return std::nullopt;
  const double am = std::pow(Wgs72::Ke() / m.motion, kTwoThirds) * tempa * tempa;
  const double nm = Wgs72::Ke() / std::pow(am, 1.5);
  m.eccentricity -= tempe;
  if (m.eccentricity >= 1 || m.eccentricity < -0.001) return std::nullopt;
  if (m.eccentricity < 1e-6) m.eccentricity = 1e-6;
  m.anomaly += no_ * templ;
  double xlm = m.anomaly + m.perigee + m.node;
  m.node = std::fmod(m.node, kTwoPi);
  m.perigee = std::fmod(m.perigee, kTwoPi);
  xlm = std::fmod(xlm, kTwoPi);
  m.anomaly = std::fmod(xlm - m.perigee - m.node, kTwoPi);

  // Long periods: sun and moon, then J3.
  double con41 = con41_, x1mth2 = x1mth2_, x7thm1 = x7thm1_;
  if (deep_) {
    deep_->AddPeriodic(t, &m);
    if (m.inclination < 0) {
      m.inclination = -m.inclination;
      m.node += kTwoPi / 2;
      m.perigee -= kTwoPi / 2;
    }
    if (m.eccentricity < 0 || m.eccentricity > 1) return std::nullopt;
  }
  const double sini = std::sin(m.inclination), cosi = std::cos(m.inclination);
  if (deep_) {
    con41 = 3 * cosi * cosi - 1;
    x1mth2 = 1 - cosi * cosi;
    x7thm1 = 7 * cosi * cosi - 1;
  }
  const double axnl = m.eccentricity * std::cos(m.perigee);
  const double inverse = 1 / (am * (1 - m.eccentricity * m.eccentricity));
  const double aynl = m.eccentricity * std::sin(m.perigee) - inverse * 0.5 * kJ3OverJ2 * sini;
  const double xl = m.anomaly + m.perigee + m.node + inverse * LongPeriod(sini, cosi) * axnl;

  const double eo1 = SolveKepler(std::fmod(xl - m.node, kTwoPi), axnl, aynl);
  const double sineo1 = std::sin(eo1), coseo1 = std::cos(eo1);
  // Short periods.
  const double ecose = axnl * coseo1 + aynl * sineo1;
  const double esine = axnl * sineo1 - aynl * coseo1;
  const double el2 = axnl * axnl + aynl * aynl;
  const double pl = am * (1 - el2);
  if (pl < 0) return std::nullopt;
  const double rl = am * (1 - ecose);
  const double rdotl = std::sqrt(am) * esine / rl;
  const double rvdotl = std::sqrt(pl) / rl;
  const double betal = std::sqrt(1 - el2);
  const double part = esine / (1 + betal);
  const double sinu = am / rl * (sineo1 - aynl - axnl * part);
  const double cosu = am / rl * (coseo1 - axnl + aynl * part);
  const double sin2u = 2 * cosu * sinu, cos2u = 1 - 2 * sinu * sinu;
  const double temp1 = 0.5 * kJ2 / pl, temp2 = temp1 / pl;
  const double mrt = rl * (1 - 1.5 * temp2 * betal * con41) + 0.5 * temp1 * x1mth2 * cos2u;
  const double su = std::atan2(sinu, cosu) - 0.25 * temp2 * x7thm1 * sin2u;
  const double xnode = m.node + 1.5 * temp2 * cosi * sin2u;
  const double xinc = m.inclination + 1.5 * temp2 * cosi * sini * cos2u;
  const double mvt = rdotl - nm * temp1 * x1mth2 * sin2u / Wgs72::Ke();
  const double rvdot = rvdotl + nm * temp1 * (x1mth2 * cos2u + 1.5 * con41) / Wgs72::Ke();
  if (mrt < 1) return std::nullopt;  // below the surface: decayed

  const double sinsu = std::sin(su), cossu = std::cos(su);
  const double snod = std::sin(xnode), cnod = std::cos(xnode);
  const double sinx = std::sin(xinc), cosx = std::cos(xinc);
  const Vector3 u = {-snod * cosx * sinsu + cnod * cossu, cnod * cosx * sinsu + snod * cossu,
                     sinx * sinsu};
  const Vector3 v = {-snod * cosx * cossu - cnod * sinsu, cnod * cosx * cossu - snod * sinsu,
                     sinx * cossu};
  State out;
  for (std::size_t i = 0; i < 3; ++i) {
    out.position_km[i] = mrt * u[i] * kRadius;
    out.velocity_km_s[i] = (mvt * u[i] + rvdot * v[i]) * kRadius * Wgs72::Ke() / 60;
  }
  return out;
}

}  // namespace selvage::orbit
