// Reads an ONNX file into a list of nodes and tensors; understands nothing of what they do.
//
// The file is somebody else's: everything is bounded, and what is not expected is refused with the
// reason. Field numbers and names are those of onnx.proto (github.com/onnx/onnx, IR version 3 to
// 10). Tensors kept in other files, sub-graphs, functions and sparse tensors are refused.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace selvage {

enum class ElementType : std::uint8_t { kFloat, kUint8, kInt8, kInt32, kInt64 };
std::size_t SizeOf(ElementType type);
const char* ToString(ElementType type);

struct OnnxLimits {
  static constexpr std::size_t kFileBytesMax = 8 << 20;
  static constexpr std::size_t kNodesMax = 256;
  static constexpr std::size_t kTensorsMax = 1024;  // in the file
  static constexpr std::size_t kPortsMax = 16;      // inputs or outputs of a node or the graph
  static constexpr std::size_t kAttributesMax = 16;
  static constexpr std::size_t kRankMax = 8;
  static constexpr std::size_t kNameMax = 256;
  static constexpr std::int64_t kElementsMax = 1 << 20;  // of a tensor
};

using Dims = std::vector<std::int64_t>;
// Product of the dimensions, or -1: more than kRankMax of them, one below 1, or too many elements.
std::int64_t ElementsOf(const Dims& dims);
std::string ToString(const Dims& dims);

struct OnnxTensor {
  ElementType type = ElementType::kFloat;
  Dims dims;
  std::vector<std::uint8_t> data;  // in this machine's byte order
};

struct OnnxAttribute {
  bool has_float = false;
  bool has_int = false;
  float number = 0;
  std::int64_t integer = 0;
  std::vector<std::int64_t> integers;
  std::vector<float> numbers;
  OnnxTensor tensor;
  bool has_tensor = false;
};

struct OnnxNode {
  std::string name;  // may be empty
  std::string op;
  std::string domain;  // empty: ONNX's own
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, OnnxAttribute> attributes;
};

// An input or output of the graph. A dimension of -1 is only named or not given.
struct OnnxPort {
  std::string name;
  ElementType type = ElementType::kFloat;
  bool known_type = false;
  bool has_shape = false;
  Dims dims;
};

struct OnnxFile {
  std::int64_t opset = 0;  // of ONNX's own domain
  std::vector<OnnxNode> nodes;
  std::map<std::string, OnnxTensor> constants;  // the graph's initialisers
  std::vector<OnnxPort> inputs;                 // those without an initialiser
  std::vector<OnnxPort> outputs;
};

// False: `error` says why, for people; `out` is then of no use.
bool ParseOnnx(ByteSpan file, OnnxFile* out, std::string* error);
// A tensor alone, as ONNX's test data has them.
bool ParseOnnxTensor(ByteSpan file, OnnxTensor* out, std::string* name, std::string* error);

}  // namespace selvage
