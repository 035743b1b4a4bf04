// A number in one byte: sign and seven bits of logarithm, for what the model keeps of residuals.
//
// code = round(19 log2(1 + |x|)), so steps are fine near zero and 3.7 % of 1 + |x| further out, up
// to about 102. Residuals are judged by their order of magnitude, and a linear byte that reaches as
// far would have steps of almost a sigma.
#pragma once

#include <cmath>
#include <cstdint>

namespace selvage::anomaly {

class Log8 {
 public:
  static constexpr float kStepsPerOctave = 19;
  static constexpr float kMax = 101.9F;  // 2^(127/19) - 1
  // |decoded - x| <= kRelativeError (1 + |x|) for |x| <= kMax: half a step, 2^(1/38) - 1.
  static constexpr float kRelativeError = 0.01841F;

  Log8() = default;
  // NaN becomes 0.
  Log8(float x) {  // NOLINT(google-explicit-constructor): stands where a float stands
    if (!(x == x)) return;
    float steps = kStepsPerOctave * std::log2(1 + std::fabs(x)) + 0.5F;
    auto magnitude = static_cast<std::int8_t>(steps < 127 ? steps : 127);
    code_ = static_cast<std::int8_t>(x < 0 ? -magnitude : magnitude);
  }
  operator float() const {  // NOLINT(google-explicit-constructor)
    return code_ < 0 ? -kMagnitudes.of[-code_] : kMagnitudes.of[code_];
  }

  std::int8_t code() const { return code_; }

 private:
  struct Magnitudes {
    float of[128];
  };
  // 2^(i/19) - 1. A table, as the model decodes some hundred of them per sample.
  static constexpr Magnitudes MakeMagnitudes() {
    constexpr double kStep = 1.0371550444461919;  // 2^(1/19)
    Magnitudes m{};
    double power = 1;
    for (float& magnitude : m.of) {
      magnitude = static_cast<float>(power - 1);
      power *= kStep;
    }
    return m;
  }
  static const Magnitudes kMagnitudes;

  std::int8_t code_ = 0;
};

inline constexpr Log8::Magnitudes Log8::kMagnitudes = Log8::MakeMagnitudes();

}  // namespace selvage::anomaly
