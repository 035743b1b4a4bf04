// The arithmetic of each operator of a program: plain loops over memory that planning has checked.
//
// Semantics: github.com/onnx/onnx/blob/main/docs/Operators.md. Integers wrap around, as there.
#pragma once

#include "agents/scorer/program.h"

namespace selvage {
namespace kernels {

// Element by element with broadcasting (step.strides): of any type.
Step::Kernel Add(ElementType type);
Step::Kernel Sub(ElementType type);
Step::Kernel Mul(ElementType type);

// Of floats.
void Relu(const Step& step, std::uint8_t* memory);
void LeakyRelu(const Step& step, std::uint8_t* memory);  // alpha: slope below 0
void Sigmoid(const Step& step, std::uint8_t* memory);
void Tanh(const Step& step, std::uint8_t* memory);
// outer x middle by middle x inner; a third input is added (strides[0] of rows and columns).
void Gemm(const Step& step, std::uint8_t* memory);
// The same for each of a stack of matrices: output.dims without the last two, strides in elements.
void MatMul(const Step& step, std::uint8_t* memory);
// strides[0]: of the output per dimension of the input, 0 where it is averaged over.
void ReduceMean(const Step& step, std::uint8_t* memory);

// Along an axis: outer x middle (of one scale each; 1: one for all) x inner.
Step::Kernel Quantize(ElementType to);
Step::Kernel Dequantize(ElementType from);

// Same elements, perhaps another shape.
void Copy(const Step& step, std::uint8_t* memory);

}  // namespace kernels
}  // namespace selvage
