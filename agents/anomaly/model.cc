#include "agents/anomaly/model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "agents/anomaly/archive.h"

namespace selvage::anomaly {
namespace {

constexpr float kRate = 1e-3F;  // of the slow baselines, per sample
constexpr float kGated = 0.1F;  // share of it while the sample is among the 2 % most unusual
constexpr float kGateDecades = 1.69897F;
constexpr float kWarmUp = 20;  // samples over which a new feature gains its voice
// A feature's squared residual speaks as log(1 + c / kSoft): many features slightly off and one far
// off weigh alike, and a single broken sensor does not drown the rest.
constexpr float kSoft = 10;
constexpr float kSilence = 0.002F;
constexpr float kConditionalShare = 0.5F;  // beside the rhythm, in what goes on
constexpr float kPeakHandicap = 1;  // decades the single worst feature has to beat the sum by
constexpr float kBlameDecay = 0.9F;
constexpr float kLn10 = 2.302585F;
// Decades the presence test reaches by chance within some hundred samples of a cold start.
constexpr float kPresenceNoise = 3;
// Winsorised before it counts as Gaussian evidence: real noise has heavier tails.
constexpr float kPointClip = 12;

constexpr std::uint32_t kMagic = 0x4d415653;  // "SVAM"
constexpr std::uint32_t kVersion = 2;
constexpr float kSeenMax = 1e6F;

float Soft(float c) { return std::log1p(c / kSoft); }

}  // namespace

template <class Stored>
BasicModel<Stored>::BasicModel(const Options& options)
    : described_(options.features),
      count_(std::clamp<std::size_t>(options.count, 1, kFeaturesMax)),
      features_(count_),
      conditional_(count_),
      episode_(options.episode),
      residuals_(count_),
      conditional_residuals_(count_),
      blame_(count_, 1.0F / static_cast<float>(count_)) {
  for (std::size_t f = 0; f < count_; ++f) radio_ = radio_ || IsSignal(f);
}

template <class Stored>
float BasicModel<Stored>::Read(std::size_t feature, float value) const {
  if (!std::isfinite(value)) return std::numeric_limits<float>::quiet_NaN();
  if (described_ == nullptr) return value;
  const Feature& d = described_[feature];
  if (value < d.low || value > d.high) return std::numeric_limits<float>::quiet_NaN();
  if (d.kind != FeatureKind::kSkewed) return value;
  return std::log1p(std::max(value, 0.0F) / std::max(d.noise, 1e-9F));
}

template <class Stored>
bool BasicModel<Stored>::IsSignal(std::size_t feature) const {
  return described_ != nullptr && described_[feature].kind == FeatureKind::kSignal;
}

template <class Stored>
float BasicModel<Stored>::Noise(std::size_t feature) const {
  if (described_ == nullptr) return 0;
  // In the logarithm of a skewed feature, 0.05 is a change by 5 %.
  return described_[feature].kind == FeatureKind::kSkewed ? 0.05F : described_[feature].noise;
}

template <class Stored>
void BasicModel<Stored>::JudgeFeature(std::size_t f, float y) {
  PerFeature& s = features_[f];
  float noise = Noise(f);
  float z = Stored(s.baseline.Residual(y, noise));
  residuals_[f] = z;
  float before = s.baseline.count();
  float seen = before + 1;
  float voice = std::min(seen / kWarmUp, 1.0F);
  float point = z * z * voice;
  float rhythm = s.predictor.Surprise(z, kRate, gain_, seen + s.prior) * voice;
  Level::Deviations level = s.level.Update(z, kRate, gain_, seen + s.prior);
  sums_[kPoint] += Soft(point);
  peak_ = std::max(peak_, point);
  sums_[kRhythm] += Soft(rhythm);
  sums_[kSlowLevel] += Soft(level.slow * voice);
  sums_[kFastLevel] += Soft(level.fast * voice);
  if (IsSignal(f) && seen >= kWarmUp) {
    float clipped = std::min(std::fabs(z), kPointClip);
    float nats = std::max(s.drift.Update(z), clipped * clipped / 2);
    absolute_ = std::max(absolute_, nats / kLn10);
  }
  frozen_ = s.freeze.Update(y) || frozen_;
  s.blame = std::max(s.blame * kBlameDecay, s.recent.Update(y, s.baseline.floor(), before));
  s.baseline.Learn(y, kRate, gain_);
  ++present_;
}

template <class Stored>
const Verdict& BasicModel<Stored>::OnSample(const float* values) {
  seen_ = std::min(seen_ + 1, kSeenMax);
  std::fill(std::begin(sums_), std::end(sums_), 0.0F);
  present_ = 0;
  peak_ = 0;
  absolute_ = 0;
  frozen_ = false;
  bool signal_seen = false;
  bool unknown_noise = false;
  for (std::size_t f = 0; f < count_; ++f) {
    float y = Read(f, values[f]);
    residuals_[f] = 0;
    if (y != y) continue;
    if (IsSignal(f)) {
      signal_seen = true;
    } else {
      unknown_noise = true;
    }
    JudgeFeature(f, y);
  }
  bool silent = false;
  if (radio_) {
    silent = presence_.OnOutcome(!signal_seen);
    absolute_ = std::max(absolute_, presence_.decades() - kPresenceNoise);
  }

  float decades[kChannels] = {};
  if (present_ > 0) {
    std::size_t channels = kConditional;
    if (count_ > 1) {
      conditional_.Update(residuals_.data(), kRate, gain_, conditional_residuals_.data());
      for (float c : conditional_residuals_) sums_[kConditional] += Soft(c);
      channels = kChannels;
    }
    for (std::size_t c = 0; c < channels; ++c) {
      float mean = sums_[c] / static_cast<float>(present_);
      decades[c] = tails_[c].Decades(std::log((std::expm1(mean) + kSilence) * kSoft));
    }
    gain_ = decades[kPoint] >= kGateDecades ? kGated : 1;
  }
  float news = (decades[kPoint] + decades[kRhythm] + decades[kSlowLevel] + decades[kFastLevel]) / 4;
  float ongoing = decades[kRhythm];
  if (count_ > 1) {
    ongoing = (ongoing + kConditionalShare * decades[kConditional]) / (1 + kConditionalShare);
  }
  // What is rare and yet within the noise of a radio is no news: signals alone speak absolutely.
  // One feature far off among many quiet ones hardly moves their sum; it must show by itself.
  float rarity = 0;
  if (present_ > 0) {
    float peak = peak_tail_.Decades(std::log(peak_ + kSilence));
    rarity = fused_tail_.Decades(std::max(news, peak - kPeakHandicap));
  }
  if (!unknown_noise) news = ongoing = rarity = 0;
  verdict_.evidence = std::max(news, absolute_);
  verdict_.rarity = std::max(rarity, absolute_);
  Episode::Outcome outcome =
      episode_.Update(verdict_.evidence, std::max(ongoing, absolute_), verdict_.rarity, silent);
  verdict_.score = outcome.score;
  verdict_.onset = outcome.onset;
  verdict_.alarm = outcome.alarm;
  verdict_.state = outcome.state;
  verdict_.frozen = frozen_;
  Blame();
  return verdict_;
}

template <class Stored>
void BasicModel<Stored>::Blame() {
  float sum = 0;
  for (std::size_t f = 0; f < count_; ++f) sum += features_[f].blame;
  for (std::size_t f = 0; f < count_; ++f) {
    blame_[f] = sum > 0 ? features_[f].blame / sum : 1 / static_cast<float>(count_);
  }
}

template <class Stored>
bool BasicModel<Stored>::GetDigest(Digest* out) const {
  if (count_ > Digest::kFeaturesMax || seen_ < kDigestSamples) return false;
  *out = Digest();
  out->count = count_;
  out->samples = seen_;
  for (std::size_t f = 0; f < count_; ++f) {
    const PerFeature& s = features_[f];
    Digest::Feature& d = out->features[f];
    d.known = s.baseline.count() >= kDigestSamples / 2;
    d.log_variance = std::log2(std::max(s.baseline.variance(), 1e-12F));
    d.log_rhythm = std::log2(std::max(s.predictor.power(), 1e-12F));
    std::copy(s.predictor.taps(), s.predictor.taps() + Digest::kTaps, d.taps.begin());
    d.log_level = std::log2(std::max(s.level.slow_variance(), 1e-12F));
  }
  for (std::size_t t = 0; t < Digest::kTails; ++t) {
    for (std::size_t q = 0; q < Digest::kQuantiles; ++q) {
      out->quantiles[t][q] = TailAt(t).Quantile(Digest::kShares[q]);
    }
  }
  if (count_ < 2 || count_ * (count_ - 1) / 2 > Digest::kCorrelationsMax) return true;
  out->has_correlations = true;
  std::size_t at = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      out->correlations[at++] = conditional_.correlation(i, j);
    }
  }
  return true;
}

template <class Stored>
bool BasicModel<Stored>::TakePrior(const Digest& prior) {
  if (prior.count != count_) return false;
  for (std::size_t f = 0; f < count_; ++f) {
    const Digest::Feature& d = prior.features[f];
    if (!d.known) continue;
    PerFeature& s = features_[f];
    s.prior = kPriorWeight * d.agreement;
    s.baseline.TakePrior(std::exp2(d.log_variance), s.prior);
    s.predictor.TakePrior(d.taps.data(), std::min(std::exp2(d.log_rhythm), 1e6F));
    s.level.TakePrior(std::min(std::exp2(d.log_level), 100.0F));
  }
  for (std::size_t t = 0; t < kChannels; ++t) {
    tails_[t].TakePrior(prior.quantiles[t].data(), kPriorTailWeight);
  }
  peak_tail_.TakePrior(prior.quantiles[kChannels].data(), kPriorTailWeight);
  fused_tail_.TakePrior(prior.quantiles[kChannels + 1].data(), kPriorTailWeight);
  if (prior.has_correlations) conditional_.TakePrior(prior.correlations.data(), kPriorWeight);
  return true;
}

template <class Stored>
std::size_t BasicModel<Stored>::bytes() const {
  return sizeof(*this) + features_.size() * sizeof(PerFeature) + conditional_.bytes() -
         sizeof(conditional_) +
         (residuals_.size() + conditional_residuals_.size() + blame_.size()) * sizeof(float);
}

template <class Stored>
template <class Archive>
void BasicModel<Stored>::Visit(Archive& a) {
  // A reader accepts exactly these values, so a file of another form or size is refused.
  std::uint32_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t form = sizeof(Stored);
  auto count = static_cast<std::uint32_t>(count_);
  a.Field(magic, kMagic, kMagic);
  a.Field(version, kVersion, kVersion);
  a.Field(form, form, form);
  a.Field(count, count, count);
  for (PerFeature& feature : features_) feature.Visit(a);
  conditional_.Visit(a);
  for (Tail& tail : tails_) tail.Visit(a);
  peak_tail_.Visit(a);
  fused_tail_.Visit(a);
  presence_.Visit(a);
  episode_.Visit(a);
  a.Field(gain_, 0, 1);
  a.Field(seen_, 0, kSeenMax);
}

template <class Stored>
std::size_t BasicModel<Stored>::SaveState(std::uint8_t* out, std::size_t capacity) {
  StateWriter counter(nullptr, 0);
  Visit(counter);
  if (out != nullptr && counter.size() <= capacity) {
    StateWriter writer(out, capacity);
    Visit(writer);
  }
  return counter.size();
}

template <class Stored>
bool BasicModel<Stored>::RestoreState(const std::uint8_t* in, std::size_t size) {
  BasicModel copy = *this;
  StateReader reader(in, size);
  copy.Visit(reader);
  if (!reader.Finished()) return false;
  *this = copy;
  return true;
}

template class BasicModel<float>;
template class BasicModel<Log8>;

}  // namespace selvage::anomaly
