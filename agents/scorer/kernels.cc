#include "agents/scorer/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace selvage {
namespace kernels {
namespace {

// Offsets are multiples of 16, and vectors of bytes begin where any type may.
template <class T>
T* At(std::uint8_t* memory, const Slot& slot) {
  return reinterpret_cast<T*>(memory + slot.offset);
}

struct Sum {
  template <class T>
  static T Of(T a, T b) {
    return a + b;
  }
};
struct Difference {
  template <class T>
  static T Of(T a, T b) {
    return a - b;
  }
};
struct Product {
  template <class T>
  static T Of(T a, T b) {
    return a * b;
  }
};

// Signed overflow is undefined in C++, unsigned wraps; of less than int even products fit that.
template <class Operation, class T>
T Apply(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return Operation::Of(a, b);
  } else {
    using Wide = std::uint64_t;
    return static_cast<T>(Operation::Of(static_cast<Wide>(a), static_cast<Wide>(b)));
  }
}

using Counter = std::array<std::size_t, OnnxLimits::kRankMax>;

// Steps to the next element of a box; positions in up to two inputs follow.
template <std::size_t N>
void Advance(const Dims& dims, const std::vector<std::size_t> (&strides)[2], Counter* at,
             std::array<std::size_t, N>* positions) {
  for (std::size_t d = dims.size(); d-- > 0;) {
    for (std::size_t i = 0; i < N; ++i) (*positions)[i] += strides[i][d];
    if (++(*at)[d] < static_cast<std::size_t>(dims[d])) return;
    for (std::size_t i = 0; i < N; ++i) (*positions)[i] -= strides[i][d] * (*at)[d];
    (*at)[d] = 0;
  }
}

template <class Operation, class T>
void ElementWise(const Step& step, std::uint8_t* memory) {
  const T* a = At<T>(memory, step.inputs[0]);
  const T* b = At<T>(memory, step.inputs[1]);
  T* out = At<T>(memory, step.output);
  const std::size_t count = step.output.count;
  if (step.inputs[0].dims == step.inputs[1].dims) {
    for (std::size_t i = 0; i < count; ++i) out[i] = Apply<Operation>(a[i], b[i]);
    return;
  }
  Counter at{};
  std::array<std::size_t, 2> from{};
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = Apply<Operation>(a[from[0]], b[from[1]]);
    Advance(step.output.dims, step.strides, &at, &from);
  }
}

template <class Operation>
Step::Kernel Select(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
      return ElementWise<Operation, std::uint8_t>;
    case ElementType::kInt8:
      return ElementWise<Operation, std::int8_t>;
    case ElementType::kInt32:
      return ElementWise<Operation, std::int32_t>;
    case ElementType::kInt64:
      return ElementWise<Operation, std::int64_t>;
    default:
      return ElementWise<Operation, float>;
  }
}

template <class Function>
void ForEach(const Step& step, std::uint8_t* memory, Function f) {
  const float* in = At<float>(memory, step.inputs[0]);
  float* out = At<float>(memory, step.output);
  for (std::size_t i = 0; i < step.output.count; ++i) out[i] = f(in[i]);
}

// Eight sums side by side, so that the compiler may use vectors without reordering a sum.
float Dot(const float* a, const float* b, std::size_t count) {
  float sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += a[i + j] * b[i + j];
  }
  for (; i < count; ++i) sums[0] += a[i] * b[i];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// out += row of `a` (`depth` values, `a_stride` apart) times b (depth x width).
void AddRowTimes(const float* a, std::size_t a_stride, const float* b, std::size_t depth,
                 std::size_t width, float* out) {
  for (std::size_t k = 0; k < depth; ++k) {
    const float factor = a[k * a_stride];
    const float* row = b + k * width;
    for (std::size_t j = 0; j < width; ++j) out[j] += factor * row[j];
  }
}

template <class T>
void QuantizeTo(const Step& step, std::uint8_t* memory) {
  const float* in = At<float>(memory, step.inputs[0]);
  const float* scales = At<float>(memory, step.inputs[1]);
  const T* zeros = step.inputs.size() > 2 ? At<T>(memory, step.inputs[2]) : nullptr;
  T* out = At<T>(memory, step.output);
  constexpr float kLow = std::numeric_limits<T>::min();
  constexpr float kHigh = std::numeric_limits<T>::max();
  for (std::size_t o = 0, i = 0; o < step.outer; ++o) {
    for (std::size_t m = 0; m < step.middle; ++m) {
      const float zero = zeros != nullptr ? static_cast<float>(zeros[m]) : 0;
      for (std::size_t n = 0; n < step.inner; ++n, ++i) {
        // Halves to even: the rounding mode a process starts with. NaN becomes the lowest.
        const float value = std::nearbyint(in[i] / scales[m]) + zero;
        out[i] = static_cast<T>(value > kLow ? std::min(value, kHigh) : kLow);
      }
    }
  }
}

template <class T>
void DequantizeFrom(const Step& step, std::uint8_t* memory) {
  const T* in = At<T>(memory, step.inputs[0]);
  const float* scales = At<float>(memory, step.inputs[1]);
  const T* zeros = step.inputs.size() > 2 ? At<T>(memory, step.inputs[2]) : nullptr;
  float* out = At<float>(memory, step.output);
  for (std::size_t o = 0, i = 0; o < step.outer; ++o) {
    for (std::size_t m = 0; m < step.middle; ++m) {
      const std::int64_t zero = zeros != nullptr ? zeros[m] : 0;
      for (std::size_t n = 0; n < step.inner; ++n, ++i) {
        out[i] = static_cast<float>(in[i] - zero) * scales[m];
      }
    }
  }
}

}  // namespace

Step::Kernel Add(ElementType type) { return Select<Sum>(type); }
Step::Kernel Sub(ElementType type) { return Select<Difference>(type); }
Step::Kernel Mul(ElementType type) { return Select<Product>(type); }

void Relu(const Step& step, std::uint8_t* memory) {
  ForEach(step, memory, [](float x) { return x > 0 ? x : 0; });
}

void LeakyRelu(const Step& step, std::uint8_t* memory) {
  ForEach(step, memory, [slope = step.alpha](float x) { return x < 0 ? slope * x : x; });
}

void Sigmoid(const Step& step, std::uint8_t* memory) {
  ForEach(step, memory, [](float x) { return 1 / (1 + std::exp(-x)); });
}

void Tanh(const Step& step, std::uint8_t* memory) {
  ForEach(step, memory, [](float x) { return std::tanh(x); });
}

void Gemm(const Step& step, std::uint8_t* memory) {
  const float* a = At<float>(memory, step.inputs[0]);
  const float* b = At<float>(memory, step.inputs[1]);
  const float* c = step.inputs.size() > 2 ? At<float>(memory, step.inputs[2]) : nullptr;
  float* out = At<float>(memory, step.output);
  const std::size_t rows = step.outer;
  const std::size_t depth = step.middle;
  const std::size_t columns = step.inner;
  for (std::size_t i = 0; i < rows; ++i) {
    float* row = out + i * columns;
    const float* left = step.transposed_a ? a + i : a + i * depth;
    const std::size_t stride = step.transposed_a ? rows : 1;
    std::fill(row, row + columns, 0.0F);
    if (!step.transposed_b) {
      AddRowTimes(left, stride, b, depth, columns, row);
    } else if (stride == 1) {
      for (std::size_t j = 0; j < columns; ++j) row[j] = Dot(left, b + j * depth, depth);
    } else {
      for (std::size_t j = 0; j < columns; ++j) {
        for (std::size_t k = 0; k < depth; ++k) row[j] += left[k * stride] * b[j * depth + k];
      }
    }
    for (std::size_t j = 0; j < columns; ++j) {
      const float added =
          c == nullptr ? 0 : step.beta * c[i * step.strides[0][0] + j * step.strides[0][1]];
      row[j] = step.alpha * row[j] + added;
    }
  }
}

void MatMul(const Step& step, std::uint8_t* memory) {
  const float* a = At<float>(memory, step.inputs[0]);
  const float* b = At<float>(memory, step.inputs[1]);
  float* out = At<float>(memory, step.output);
  const std::size_t rows = step.outer;
  const std::size_t depth = step.middle;
  const std::size_t columns = step.inner;
  Counter at{};
  std::array<std::size_t, 2> from{};
  std::fill(out, out + step.output.count, 0.0F);
  // The dimensions of the stack of matrices are as many as there are strides; planning left the
  // others out of the counting.
  const std::size_t stacked = step.strides[0].size();
  const std::size_t matrices = step.output.count / (rows * columns);
  for (std::size_t m = 0; m < matrices; ++m, out += rows * columns) {
    for (std::size_t i = 0; i < rows; ++i) {
      AddRowTimes(a + from[0] + i * depth, 1, b + from[1], depth, columns, out + i * columns);
    }
    for (std::size_t d = stacked; d-- > 0;) {
      from[0] += step.strides[0][d];
      from[1] += step.strides[1][d];
      if (++at[d] < static_cast<std::size_t>(step.output.dims[d])) break;
      from[0] -= step.strides[0][d] * at[d];
      from[1] -= step.strides[1][d] * at[d];
      at[d] = 0;
    }
  }
}

void ReduceMean(const Step& step, std::uint8_t* memory) {
  const float* in = At<float>(memory, step.inputs[0]);
  float* out = At<float>(memory, step.output);
  std::fill(out, out + step.output.count, 0.0F);
  Counter at{};
  std::array<std::size_t, 1> to{};
  for (std::size_t i = 0; i < step.inputs[0].count; ++i) {
    out[to[0]] += in[i];
    Advance(step.inputs[0].dims, step.strides, &at, &to);
  }
  const auto of_each = static_cast<float>(step.inputs[0].count / step.output.count);
  for (std::size_t i = 0; i < step.output.count; ++i) out[i] /= of_each;
}

Step::Kernel Quantize(ElementType to) {
  return to == ElementType::kInt8 ? QuantizeTo<std::int8_t> : QuantizeTo<std::uint8_t>;
}

Step::Kernel Dequantize(ElementType from) {
  return from == ElementType::kInt8    ? DequantizeFrom<std::int8_t>
         : from == ElementType::kUint8 ? DequantizeFrom<std::uint8_t>
                                       : DequantizeFrom<std::int32_t>;
}

void Copy(const Step& step, std::uint8_t* memory) {
  std::memcpy(memory + step.output.offset, memory + step.inputs[0].offset,
              step.output.count * SizeOf(step.output.type));
}

}  // namespace kernels
}  // namespace selvage
