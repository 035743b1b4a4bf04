// An ONNX graph made ready to run: each shape known, each byte it will need already there.
//
// All shapes are fixed by the inputs, so planning works out every one, checks every operator and
// sets aside every result; running is then a walk over the steps that can fail in no way and
// allocates nothing. What depends on constants alone (int8 weights made floats) is computed when it
// is planned. Operators (OperatorNames) are those of a feed-forward autoencoder; another one is
// refused by its name. Shapes must not depend on data.
// Pure: no clock, no file. Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agents/scorer/onnx_file.h"

namespace selvage {

// A tensor of a program: where it lies, and what it is.
struct Slot {
  ElementType type = ElementType::kFloat;
  Dims dims;
  std::size_t count = 0;   // of elements
  std::size_t offset = 0;  // in the program's memory
  bool constant = false;
};

// One operator to be run. The meaning of the numbers is each operator's own (kernels.cc).
struct Step {
  using Kernel = void (*)(const Step& step, std::uint8_t* memory);
  Kernel kernel = nullptr;
  std::vector<Slot> inputs;
  Slot output;
  float alpha = 1;
  float beta = 1;
  bool transposed_a = false;
  bool transposed_b = false;
  // Elements to go on by in each input per step along each dimension of the output; 0: it repeats.
  std::vector<std::size_t> strides[2];
  std::size_t outer = 1;  // ... of sizes in front of, along and behind an axis, or of a product
  std::size_t middle = 1;
  std::size_t inner = 1;
  std::uint64_t work = 0;  // multiplications and the like, about
};

class Program {
 public:
  static constexpr std::size_t kBytesMax = 32 << 20;
  static constexpr std::uint64_t kWorkMax = 1 << 26;
  static constexpr std::int64_t kOpsetMin = 7;  // broadcasting was something else before
  static constexpr std::int64_t kOpsetMax = 21;

  // `known`: inputs whose values never change; planning may look at them (as a target shape).
  // `shapes`: of inputs that the file leaves open. Null: `error` says why.
  static std::unique_ptr<Program> Create(const OnnxFile& file,
                                         const std::map<std::string, OnnxTensor>& known,
                                         const std::map<std::string, Dims>& shapes,
                                         std::string* error);

  // Inputs that are not known, in the file's order; outputs likewise.
  const std::vector<Slot>& inputs() const { return inputs_; }
  const std::vector<Slot>& outputs() const { return outputs_; }
  std::uint8_t* data(const Slot& slot) { return memory_.data() + slot.offset; }
  void Run();

  std::size_t steps() const { return steps_.size(); }
  std::size_t bytes() const { return memory_.size(); }
  std::uint64_t work() const { return work_; }

 private:
  friend class Planner;
  Program() = default;

  std::vector<Step> steps_;
  std::vector<std::uint8_t> memory_;
  std::vector<Slot> inputs_;
  std::vector<Slot> outputs_;
  std::uint64_t work_ = 0;
};

// "Add, Constant, ...": what is supported, for messages and documents.
std::string OperatorNames();

}  // namespace selvage
