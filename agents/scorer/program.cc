#include "agents/scorer/program.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "agents/scorer/kernels.h"

namespace selvage {
namespace {

constexpr std::size_t kAlign = 16;

// Numpy's rule: shapes are compared from their ends, and 1 stretches. False: they do not fit.
bool Broadcast(const Dims& a, const Dims& b, Dims* out) {
  out->assign(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < out->size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return false;
    (*out)[out->size() - 1 - i] = std::max(x, y);
  }
  return true;
}

// Elements to go on by in a tensor of shape `from` for each dimension of `to`.
std::vector<std::size_t> StridesIn(const Dims& from, const Dims& to) {
  std::vector<std::size_t> strides(to.size(), 0);
  std::size_t stride = 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto size = static_cast<std::size_t>(from[from.size() - 1 - i]);
    strides[to.size() - 1 - i] = size == 1 ? 0 : stride;
    stride *= size;
  }
  return strides;
}

bool NormalAxis(std::int64_t axis, std::size_t rank, std::size_t* out) {
  const auto r = static_cast<std::int64_t>(rank);
  if (axis < -r || axis >= r) return false;
  *out = static_cast<std::size_t>(axis < 0 ? axis + r : axis);
  return true;
}

}  // namespace

// Turns nodes into steps, in the file's order: an input that no earlier node wrote does not exist,
// so a graph with a cycle is refused at its first node.
class Planner {
 public:
  Planner(const OnnxFile& file, std::string* error) : file_(file), error_(error) {}

  std::unique_ptr<Program> Plan(const std::map<std::string, OnnxTensor>& known,
                                const std::map<std::string, Dims>& shapes);

 private:
  using Build = bool (Planner::*)(Step* step);
  struct Operator {
    const char* name;
    std::size_t inputs_min;
    std::size_t inputs_max;
    Build build;
    std::vector<const char*> attributes;
  };
  friend std::string OperatorNames();
  static const std::vector<Operator>& Table();

  bool Fail(const std::string& what);
  bool TakeSlot(ElementType type, const Dims& dims, Slot* out);
  bool AddConstant(const std::string& name, const OnnxTensor& tensor);
  bool AddInput(const OnnxPort& port, const std::map<std::string, OnnxTensor>& known,
                const std::map<std::string, Dims>& shapes);
  bool Define(const std::string& name, const Slot& slot);
  bool AddNode(const OnnxNode& node);
  bool Output(Step* step, ElementType type, const Dims& dims) {
    return TakeSlot(type, dims, &step->output);
  }

  // Of the node at hand.
  const OnnxAttribute* Find(const char* name) const;
  std::int64_t Integer(const char* name, std::int64_t otherwise) const;
  float Number(const char* name, float otherwise) const;
  bool Need(const Step& step, std::size_t input, ElementType type);
  bool Integers(const Step& step, std::size_t input, std::vector<std::int64_t>* out);

  bool BuildElementWise(Step* step);
  bool BuildActivation(Step* step);
  bool BuildGemm(Step* step);
  bool BuildMatMul(Step* step);
  bool BuildQuantize(Step* step);
  bool BuildDequantize(Step* step);
  bool ScaleAxis(Step* step);
  bool BuildReshape(Step* step);
  bool BuildFlatten(Step* step);
  bool BuildIdentity(Step* step);
  bool BuildReduceMean(Step* step);
  bool BuildConstant(Step* step);

  const OnnxFile& file_;
  std::string* error_;
  std::unique_ptr<Program> program_;
  std::map<std::string, Slot> slots_;
  const OnnxNode* node_ = nullptr;
  std::uint64_t planned_ = 0;  // work, with what is done while planning
};

const std::vector<Planner::Operator>& Planner::Table() {
  static const std::vector<Operator> kTable = {
      {"Add", 2, 2, &Planner::BuildElementWise, {}},
      {"Constant",
       0,
       0,
       &Planner::BuildConstant,
       {"value", "value_float", "value_int", "value_floats", "value_ints"}},
      {"DequantizeLinear", 2, 3, &Planner::BuildDequantize, {"axis"}},
      {"Flatten", 1, 1, &Planner::BuildFlatten, {"axis"}},
      {"Gemm", 2, 3, &Planner::BuildGemm, {"alpha", "beta", "transA", "transB"}},
      {"Identity", 1, 1, &Planner::BuildIdentity, {}},
      {"LeakyRelu", 1, 1, &Planner::BuildActivation, {"alpha"}},
      {"MatMul", 2, 2, &Planner::BuildMatMul, {}},
      {"Mul", 2, 2, &Planner::BuildElementWise, {}},
      {"QuantizeLinear", 2, 3, &Planner::BuildQuantize, {"axis"}},
      {"ReduceMean", 1, 2, &Planner::BuildReduceMean, {"axes", "keepdims", "noop_with_empty_axes"}},
      {"Relu", 1, 1, &Planner::BuildActivation, {}},
      {"Reshape", 2, 2, &Planner::BuildReshape, {"allowzero"}},
      {"Sigmoid", 1, 1, &Planner::BuildActivation, {}},
      {"Sub", 2, 2, &Planner::BuildElementWise, {}},
      {"Tanh", 1, 1, &Planner::BuildActivation, {}},
  };
  return kTable;
}

std::string OperatorNames() {
  std::string names;
  for (const auto& op : Planner::Table())
    names += (names.empty() ? "" : ", ") + std::string(op.name);
  return names;
}

bool Planner::Fail(const std::string& what) {
  *error_ = what;
  if (node_ != nullptr) {
    *error_ = "operator " + node_->op + (node_->name.empty() ? "" : " (" + node_->name + ")") +
              ": " + what;
  }
  return false;
}

bool Planner::TakeSlot(ElementType type, const Dims& dims, Slot* out) {
  const std::int64_t elements = ElementsOf(dims);
  if (elements < 0) {
    return Fail("a tensor of shape " + ToString(dims) + " is not supported; at most " +
                std::to_string(OnnxLimits::kElementsMax) + " elements, none of the sizes 0");
  }
  out->type = type;
  out->dims = dims;
  out->count = static_cast<std::size_t>(elements);
  out->constant = false;
  out->offset = program_->memory_.size();
  const std::size_t bytes = (out->count * SizeOf(type) + kAlign - 1) / kAlign * kAlign;
  if (bytes > Program::kBytesMax - out->offset) {
    return Fail("the model needs more than " + std::to_string(Program::kBytesMax) + " bytes");
  }
  program_->memory_.resize(out->offset + bytes);
  return true;
}

bool Planner::Define(const std::string& name, const Slot& slot) {
  if (name.empty() || !slots_.emplace(name, slot).second) {
    return Fail("the name '" + name + "' is given to two tensors");
  }
  return true;
}

bool Planner::AddConstant(const std::string& name, const OnnxTensor& tensor) {
  Slot slot;
  if (!TakeSlot(tensor.type, tensor.dims, &slot)) return false;
  slot.constant = true;
  std::memcpy(program_->data(slot), tensor.data.data(), tensor.data.size());
  return Define(name, slot);
}

bool Planner::AddInput(const OnnxPort& port, const std::map<std::string, OnnxTensor>& known,
                       const std::map<std::string, Dims>& shapes) {
  if (const auto value = known.find(port.name); value != known.end()) {
    return AddConstant(port.name, value->second);
  }
  if (!port.known_type) return Fail("input " + port.name + " has elements of an unknown type");
  Dims dims = port.dims;
  if (const auto shape = shapes.find(port.name); shape != shapes.end()) dims = shape->second;
  Slot slot;
  if (!TakeSlot(port.type, dims, &slot)) {
    *error_ = "input " + port.name + ": " + *error_;
    return false;
  }
  program_->inputs_.push_back(slot);
  return Define(port.name, slot);
}

std::unique_ptr<Program> Planner::Plan(const std::map<std::string, OnnxTensor>& known,
                                       const std::map<std::string, Dims>& shapes) {
  program_.reset(new Program());
  if (file_.opset < Program::kOpsetMin || file_.opset > Program::kOpsetMax) {
    Fail("it is for version " + std::to_string(file_.opset) + " of ONNX's operators; known are " +
         std::to_string(Program::kOpsetMin) + " to " + std::to_string(Program::kOpsetMax));
    return nullptr;
  }
  for (const auto& [name, tensor] : file_.constants) {
    if (!AddConstant(name, tensor)) return nullptr;
  }
  for (const OnnxPort& port : file_.inputs) {
    if (!AddInput(port, known, shapes)) return nullptr;
  }
  for (const OnnxNode& node : file_.nodes) {
    node_ = &node;
    if (!AddNode(node)) return nullptr;
  }
  node_ = nullptr;
  for (const OnnxPort& port : file_.outputs) {
    const auto slot = slots_.find(port.name);
    if (slot == slots_.end()) {
      Fail("nothing computes its output " + port.name);
      return nullptr;
    }
    program_->outputs_.push_back(slot->second);
  }
  return std::move(program_);
}

bool Planner::AddNode(const OnnxNode& node) {
  const auto& table = Table();
  const auto op = std::find_if(table.begin(), table.end(), [&](const Operator& o) {
    return node.domain.empty() && node.op == o.name;
  });
  if (op == table.end()) {
    *error_ = "operator " + (node.domain.empty() ? "" : node.domain + ".") + node.op +
              (node.name.empty() ? "" : " (" + node.name + ")") +
              " is not supported; these are: " + OperatorNames();
    return false;
  }
  for (const auto& [name, value] : node.attributes) {
    const auto is = [&name = name](const char* known) { return name == known; };
    if (std::none_of(op->attributes.begin(), op->attributes.end(), is)) {
      return Fail("its attribute " + name + " is not supported");
    }
  }
  Step step;
  bool constant = true;
  std::size_t given = node.inputs.size();
  while (given > 0 && node.inputs[given - 1].empty()) --given;  // optional, left out
  if (given < op->inputs_min || given > op->inputs_max || node.outputs.size() != 1) {
    return Fail("has " + std::to_string(given) + " inputs and " +
                std::to_string(node.outputs.size()) + " outputs");
  }
  for (std::size_t i = 0; i < given; ++i) {
    const auto slot = slots_.find(node.inputs[i]);
    if (slot == slots_.end()) {
      return Fail("its input '" + node.inputs[i] + "' is computed by no node before it");
    }
    step.inputs.push_back(slot->second);
    constant = constant && slot->second.constant;
  }
  if (!(this->*op->build)(&step)) return false;
  if (step.kernel != nullptr) {
    step.work = std::max<std::uint64_t>(step.work, step.output.count);
    for (const Slot& in : step.inputs) step.work = std::max<std::uint64_t>(step.work, in.count);
    planned_ += step.work;
    if (planned_ > Program::kWorkMax) {
      return Fail("the model needs more than " + std::to_string(Program::kWorkMax) +
                  " multiplications");
    }
    if (constant) {
      step.kernel(step, program_->memory_.data());
    } else {
      program_->work_ += step.work;
      program_->steps_.push_back(step);
    }
  }
  step.output.constant = constant;
  return Define(node.outputs[0], step.output);
}

const OnnxAttribute* Planner::Find(const char* name) const {
  const auto found = node_->attributes.find(name);
  return found == node_->attributes.end() ? nullptr : &found->second;
}

std::int64_t Planner::Integer(const char* name, std::int64_t otherwise) const {
  const OnnxAttribute* a = Find(name);
  return a != nullptr ? a->integer : otherwise;
}

float Planner::Number(const char* name, float otherwise) const {
  const OnnxAttribute* a = Find(name);
  return a != nullptr ? a->number : otherwise;
}

bool Planner::Need(const Step& step, std::size_t input, ElementType type) {
  if (input >= step.inputs.size() || step.inputs[input].type == type) return true;
  return Fail(std::string("takes ") + ToString(type) + ", not " +
              ToString(step.inputs[input].type));
}

// The values of an input that planning has to know.
bool Planner::Integers(const Step& step, std::size_t input, std::vector<std::int64_t>* out) {
  const Slot& slot = step.inputs[input];
  if (!Need(step, input, ElementType::kInt64)) return false;
  if (!slot.constant) return Fail("a shape or axis is not constant");
  if (slot.count > OnnxLimits::kRankMax) return Fail("a shape or a list of axes is too long");
  out->resize(slot.count);
  std::memcpy(out->data(), program_->data(slot), slot.count * sizeof(std::int64_t));
  return true;
}

bool Planner::BuildElementWise(Step* step) {
  const Slot& a = step->inputs[0];
  const Slot& b = step->inputs[1];
  Dims dims;
  if (a.type != b.type || !Broadcast(a.dims, b.dims, &dims)) {
    return Fail(std::string("does not fit ") + ToString(a.type) + ToString(a.dims) + " and " +
                ToString(b.type) + ToString(b.dims));
  }
  step->kernel = node_->op == "Add"   ? kernels::Add(a.type)
                 : node_->op == "Sub" ? kernels::Sub(a.type)
                                      : kernels::Mul(a.type);
  step->strides[0] = StridesIn(a.dims, dims);
  step->strides[1] = StridesIn(b.dims, dims);
  return Output(step, a.type, dims);
}

bool Planner::BuildActivation(Step* step) {
  if (!Need(*step, 0, ElementType::kFloat)) return false;
  step->kernel = node_->op == "Relu"        ? kernels::Relu
                 : node_->op == "LeakyRelu" ? kernels::LeakyRelu
                 : node_->op == "Sigmoid"   ? kernels::Sigmoid
                                            : kernels::Tanh;
  step->alpha = Number("alpha", 0.01F);
  const Dims dims = step->inputs[0].dims;
  return Output(step, ElementType::kFloat, dims);
}

bool Planner::BuildGemm(Step* step) {
  for (std::size_t i = 0; i < step->inputs.size(); ++i) {
    if (!Need(*step, i, ElementType::kFloat)) return false;
  }
  const Dims& a = step->inputs[0].dims;
  const Dims& b = step->inputs[1].dims;
  step->transposed_a = Integer("transA", 0) != 0;
  step->transposed_b = Integer("transB", 0) != 0;
  if (a.size() != 2 || b.size() != 2 ||
      a[step->transposed_a ? 0 : 1] != b[step->transposed_b ? 1 : 0]) {
    return Fail("does not fit " + ToString(a) + " and " + ToString(b));
  }
  const Dims dims = {a[step->transposed_a ? 1 : 0], b[step->transposed_b ? 0 : 1]};
  step->outer = static_cast<std::size_t>(dims[0]);
  step->middle = static_cast<std::size_t>(a[step->transposed_a ? 0 : 1]);
  step->inner = static_cast<std::size_t>(dims[1]);
  step->alpha = Number("alpha", 1);
  step->beta = Number("beta", 1);
  step->work = std::uint64_t{step->outer} * step->middle * step->inner;
  if (step->inputs.size() > 2) {
    Dims both;
    const Dims& c = step->inputs[2].dims;
    if (!Broadcast(c, dims, &both) || both != dims) {
      return Fail("does not fit an addend of " + ToString(c) + " to " + ToString(dims));
    }
    step->strides[0] = StridesIn(c, dims);
  }
  step->kernel = kernels::Gemm;
  return Output(step, ElementType::kFloat, dims);
}

bool Planner::BuildMatMul(Step* step) {
  if (!Need(*step, 0, ElementType::kFloat) || !Need(*step, 1, ElementType::kFloat)) return false;
  Dims a = step->inputs[0].dims;
  Dims b = step->inputs[1].dims;
  const std::string what = "does not fit " + ToString(a) + " and " + ToString(b);
  if (a.empty() || b.empty()) return Fail(what);
  // A vector is a matrix of one row or column, and the result loses that again.
  const bool row = a.size() == 1;
  const bool column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  const Dims stack_a(a.begin(), a.end() - 2);
  const Dims stack_b(b.begin(), b.end() - 2);
  Dims dims;
  if (a.back() != b[b.size() - 2] || !Broadcast(stack_a, stack_b, &dims)) return Fail(what);
  step->outer = static_cast<std::size_t>(a[a.size() - 2]);
  step->middle = static_cast<std::size_t>(a.back());
  step->inner = static_cast<std::size_t>(b.back());
  step->strides[0] = StridesIn(stack_a, dims);
  step->strides[1] = StridesIn(stack_b, dims);
  for (std::size_t& s : step->strides[0]) s *= step->outer * step->middle;
  for (std::size_t& s : step->strides[1]) s *= step->middle * step->inner;
  if (!row) dims.push_back(a[a.size() - 2]);
  if (!column) dims.push_back(b.back());
  step->kernel = kernels::MatMul;
  if (!Output(step, ElementType::kFloat, dims)) return false;
  step->work = std::uint64_t{step->output.count} * step->middle;
  return true;
}

bool Planner::ScaleAxis(Step* step) {
  const Slot& x = step->inputs[0];
  const Slot& scale = step->inputs[1];
  if (!Need(*step, 1, ElementType::kFloat)) return false;
  if (step->inputs.size() > 2 && step->inputs[2].count != scale.count) {
    return Fail("has not as many zero points as scales");
  }
  if (scale.count == 1) {
    step->inner = x.count;
    return true;
  }
  std::size_t axis = 0;
  if (!NormalAxis(Integer("axis", 1), x.dims.size(), &axis) || scale.dims.size() != 1 ||
      scale.dims[0] != x.dims[axis]) {
    return Fail("does not fit scales of " + ToString(scale.dims) + " to " + ToString(x.dims));
  }
  step->middle = static_cast<std::size_t>(x.dims[axis]);
  for (std::size_t d = axis + 1; d < x.dims.size(); ++d) {
    step->inner *= static_cast<std::size_t>(x.dims[d]);
  }
  step->outer = x.count / step->middle / step->inner;
  return true;
}

bool Planner::BuildQuantize(Step* step) {
  if (!Need(*step, 0, ElementType::kFloat) || !ScaleAxis(step)) return false;
  const ElementType to = step->inputs.size() > 2 ? step->inputs[2].type : ElementType::kUint8;
  if (to != ElementType::kInt8 && to != ElementType::kUint8) {
    return Fail(std::string("cannot make ") + ToString(to));
  }
  step->kernel = kernels::Quantize(to);
  const Dims dims = step->inputs[0].dims;
  return Output(step, to, dims);
}

bool Planner::BuildDequantize(Step* step) {
  const ElementType from = step->inputs[0].type;
  if (from == ElementType::kFloat || from == ElementType::kInt64) {
    return Fail(std::string("takes int8, uint8 or int32, not ") + ToString(from));
  }
  if (!Need(*step, 2, from) || !ScaleAxis(step)) return false;
  step->kernel = kernels::Dequantize(from);
  const Dims dims = step->inputs[0].dims;
  return Output(step, ElementType::kFloat, dims);
}

bool Planner::BuildReshape(Step* step) {
  std::vector<std::int64_t> wanted;
  if (!Integers(*step, 1, &wanted)) return false;
  const Slot& in = step->inputs[0];
  const bool zero_is_zero = Integer("allowzero", 0) != 0;
  std::int64_t rest = static_cast<std::int64_t>(in.count);
  std::size_t open = wanted.size();
  Dims dims = wanted;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !zero_is_zero && i < in.dims.size()) dims[i] = in.dims[i];
    if (dims[i] == -1 && open == wanted.size()) {
      open = i;
    } else if (dims[i] < 1 || rest % dims[i] != 0) {
      return Fail("cannot give " + ToString(in.dims) + " the shape " + ToString(wanted));
    } else {
      rest /= dims[i];
    }
  }
  if (open < dims.size()) {
    dims[open] = rest;
    rest = 1;
  }
  if (rest != 1) return Fail("cannot give " + ToString(in.dims) + " the shape " + ToString(wanted));
  step->kernel = kernels::Copy;
  return Output(step, in.type, dims);
}

bool Planner::BuildFlatten(Step* step) {
  const Slot& in = step->inputs[0];
  const auto rank = static_cast<std::int64_t>(in.dims.size());
  std::int64_t axis = Integer("axis", 1);
  if (axis < -rank || axis > rank) return Fail("its axis is " + std::to_string(axis));
  if (axis < 0) axis += rank;
  Dims dims = {1, 1};
  for (std::int64_t d = 0; d < rank; ++d) {
    dims[d < axis ? 0 : 1] *= in.dims[static_cast<std::size_t>(d)];
  }
  step->kernel = kernels::Copy;
  return Output(step, in.type, dims);
}

bool Planner::BuildIdentity(Step* step) {
  step->kernel = kernels::Copy;
  const Dims dims = step->inputs[0].dims;
  return Output(step, step->inputs[0].type, dims);
}

bool Planner::BuildReduceMean(Step* step) {
  if (!Need(*step, 0, ElementType::kFloat)) return false;
  const Dims in = step->inputs[0].dims;
  std::vector<std::int64_t> axes;
  if (const OnnxAttribute* a = Find("axes")) axes = a->integers;  // an input since opset 18
  if (step->inputs.size() > 1 && !Integers(*step, 1, &axes)) return false;
  if (axes.empty() && Integer("noop_with_empty_axes", 0) != 0) return BuildIdentity(step);
  std::vector<bool> reduced(in.size(), axes.empty());
  for (const std::int64_t axis : axes) {
    std::size_t d = 0;
    if (!NormalAxis(axis, in.size(), &d)) {
      return Fail("axis " + std::to_string(axis) + " of " + ToString(in));
    }
    reduced[d] = true;
  }
  Dims kept = in;  // with the dimensions that go as 1
  Dims dims;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (reduced[d]) kept[d] = 1;
    if (!reduced[d] || Integer("keepdims", 1) != 0) dims.push_back(kept[d]);
  }
  step->inputs.resize(1);
  step->strides[0] = StridesIn(kept, in);
  step->kernel = kernels::ReduceMean;
  return Output(step, ElementType::kFloat, dims);
}

bool Planner::BuildConstant(Step* step) {
  OnnxTensor tensor;
  auto set = [&tensor](ElementType type, const auto& values, bool scalar) {
    tensor.type = type;
    if (!scalar) tensor.dims = {static_cast<std::int64_t>(values.size())};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
    tensor.data.assign(bytes, bytes + values.size() * sizeof(values[0]));
  };
  if (const OnnxAttribute* a = Find("value"); a != nullptr && a->has_tensor) {
    tensor = a->tensor;
  } else if (const OnnxAttribute* f = Find("value_float")) {
    set(ElementType::kFloat, std::vector<float>{f->number}, true);
  } else if (const OnnxAttribute* i = Find("value_int")) {
    set(ElementType::kInt64, std::vector<std::int64_t>{i->integer}, true);
  } else if (const OnnxAttribute* fs = Find("value_floats")) {
    set(ElementType::kFloat, fs->numbers, false);
  } else if (const OnnxAttribute* is = Find("value_ints")) {
    set(ElementType::kInt64, is->integers, false);
  } else {
    return Fail("has no value of a known type");
  }
  if (!Output(step, tensor.type, tensor.dims)) return false;
  std::memcpy(program_->data(step->output), tensor.data.data(), tensor.data.size());
  return true;
}

std::unique_ptr<Program> Program::Create(const OnnxFile& file,
                                         const std::map<std::string, OnnxTensor>& known,
                                         const std::map<std::string, Dims>& shapes,
                                         std::string* error) {
  return Planner(file, error).Plan(known, shapes);
}

void Program::Run() {
  for (const Step& step : steps_) step.kernel(step, memory_.data());
}

}  // namespace selvage
