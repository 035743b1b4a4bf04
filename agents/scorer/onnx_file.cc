#include "agents/scorer/onnx_file.h"

#include <cstring>
#include <optional>
#include <utility>

#include "agents/scorer/wire.h"

namespace selvage {
namespace {

using Type = WireReader::Type;

// TensorProto.DataType.
std::optional<ElementType> FromOnnx(std::uint64_t type) {
  switch (type) {
    case 1:
      return ElementType::kFloat;
    case 2:
      return ElementType::kUint8;
    case 3:
      return ElementType::kInt8;
    case 6:
      return ElementType::kInt32;
    case 7:
      return ElementType::kInt64;
    default:
      return std::nullopt;
  }
}

// Names reach logs and error messages: bounded, and printable characters alone.
bool ReadName(const WireReader& r, std::string* out, std::string* error) {
  if (r.type() != Type::kBytes || r.bytes().size() > OnnxLimits::kNameMax) {
    *error = "a name in it is longer than " + std::to_string(OnnxLimits::kNameMax) + " bytes";
    return false;
  }
  *out = r.bytes().ToString();
  for (const char c : *out) {
    if (c < 0x20 || c > 0x7E) {
      *error = "a name in it has characters that cannot be printed";
      return false;
    }
  }
  return true;
}

// Repeated integers, packed or one by one, up to `max` of them.
bool ReadIntegers(const WireReader& r, std::size_t max, std::vector<std::int64_t>* out) {
  if (r.type() == Type::kVarint) {
    out->push_back(r.integer());
    return out->size() <= max;
  }
  if (r.type() != Type::kBytes) return false;
  WireReader packed(r.bytes());
  while (!packed.AtEnd()) {
    out->push_back(static_cast<std::int64_t>(packed.Varint()));
    if (out->size() > max) return false;
  }
  return packed.ok();
}

bool ReadFloats(const WireReader& r, std::size_t max, std::vector<float>* out) {
  if (r.type() != Type::kBytes && r.type() != Type::kFixed32) return false;
  const ByteSpan bytes = r.bytes();
  if (bytes.size() % 4 != 0 || bytes.size() / 4 > max - out->size()) return false;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    out->push_back(FromLittleEndian<float>(bytes.data() + i));
  }
  return true;
}

template <class T>
void Append(T value, std::vector<std::uint8_t>* out) {
  const std::size_t at = out->size();
  out->resize(at + sizeof(T));
  std::memcpy(out->data() + at, &value, sizeof(T));
}

void AppendInteger(ElementType type, std::int64_t value, std::vector<std::uint8_t>* out) {
  switch (type) {
    case ElementType::kUint8:
      return Append(static_cast<std::uint8_t>(value), out);
    case ElementType::kInt8:
      return Append(static_cast<std::int8_t>(value), out);
    case ElementType::kInt32:
      return Append(static_cast<std::int32_t>(value), out);
    default:
      return Append(value, out);
  }
}

// What a TensorProto holds before it is put together.
struct RawTensor {
  Dims dims;
  std::uint64_t type = 0;
  ByteSpan raw;
  bool has_raw = false;
  bool elsewhere = false;
  std::vector<float> floats;
  std::vector<std::int64_t> integers;
  std::string name;
};

bool ReadRawTensor(ByteSpan in, RawTensor* t, std::string* error) {
  constexpr auto kElements = static_cast<std::size_t>(OnnxLimits::kElementsMax);
  WireReader r(in);
  bool fine = true;
  while (fine && r.Next()) {
    switch (r.field()) {
      case 1:
        fine = ReadIntegers(r, OnnxLimits::kRankMax, &t->dims);
        break;
      case 2:
        t->type = r.number();
        break;
      case 4:
        fine = ReadFloats(r, kElements, &t->floats);
        break;
      case 5:  // int32_data
      case 7:  // int64_data
        fine = ReadIntegers(r, kElements, &t->integers);
        break;
      case 8:
        if (!ReadName(r, &t->name, error)) return false;
        break;
      case 9:
        t->raw = r.bytes();
        t->has_raw = true;
        break;
      case 13:  // external_data
        t->elsewhere = true;
        break;
      case 14:  // data_location
        t->elsewhere = t->elsewhere || r.number() != 0;
        break;
      default:
        break;
    }
  }
  if (fine && r.ok()) return true;
  *error = "a tensor of it (" + t->name + ") is damaged or too large";
  return false;
}

bool ReadTensor(ByteSpan in, OnnxTensor* out, std::string* name, std::string* error) {
  RawTensor t;
  if (!ReadRawTensor(in, &t, error)) return false;
  *name = t.name;
  const std::string what = "tensor " + t.name;
  if (t.elsewhere) {
    *error = what + " has its data in another file; write the model as one file";
    return false;
  }
  const auto type = FromOnnx(t.type);
  if (!type) {
    *error = what + " has elements of ONNX type " + std::to_string(t.type) +
             "; known are float, uint8, int8, int32, int64";
    return false;
  }
  const std::int64_t elements = ElementsOf(t.dims);
  if (elements < 0) {
    *error = what + " has the shape " + ToString(t.dims) + "; each dimension must be 1 or more, " +
             std::to_string(OnnxLimits::kElementsMax) + " elements in all";
    return false;
  }
  out->type = *type;
  out->dims = std::move(t.dims);
  const auto count = static_cast<std::size_t>(elements);
  const std::size_t size = SizeOf(*type);
  const std::size_t given = t.has_raw                      ? t.raw.size() / size
                            : *type == ElementType::kFloat ? t.floats.size()
                                                           : t.integers.size();
  if (given != count || (t.has_raw && t.raw.size() != count * size)) {
    *error =
        what + " has " + std::to_string(given) + " elements, its shape " + std::to_string(count);
    return false;
  }
  out->data.clear();
  out->data.reserve(count * size);
  for (std::size_t i = 0; i < count; ++i) {
    if (!t.has_raw && *type == ElementType::kFloat) {
      Append(t.floats[i], &out->data);
    } else if (!t.has_raw) {
      AppendInteger(*type, t.integers[i], &out->data);
    } else if (size == 1) {
      out->data.push_back(t.raw[i]);
    } else if (size == 4) {
      Append(FromLittleEndian<std::uint32_t>(t.raw.data() + 4 * i), &out->data);
    } else {
      Append(FromLittleEndian<std::uint64_t>(t.raw.data() + 8 * i), &out->data);
    }
  }
  return true;
}

bool ReadAttribute(ByteSpan in, OnnxNode* node, std::string* error) {
  std::string name;
  OnnxAttribute a;
  WireReader r(in);
  bool fine = true;
  while (fine && r.Next()) {
    switch (r.field()) {
      case 1:
        if (!ReadName(r, &name, error)) return false;
        break;
      case 2: {
        fine = r.type() == Type::kFixed32;
        if (fine) a.number = FromLittleEndian<float>(r.bytes().data());
        a.has_float = true;
        break;
      }
      case 3:
        a.integer = r.integer();
        a.has_int = true;
        break;
      case 5: {
        std::string ignored;
        if (!ReadTensor(r.bytes(), &a.tensor, &ignored, error)) return false;
        a.has_tensor = true;
        break;
      }
      case 7:
        fine = ReadFloats(r, OnnxLimits::kTensorsMax, &a.numbers);
        break;
      case 8:
        fine = ReadIntegers(r, OnnxLimits::kTensorsMax, &a.integers);
        break;
      case 6:   // a graph
      case 11:  // graphs
        *error = "operator " + node->op + " has a graph of its own inside, which is not supported";
        return false;
      default:  // strings, types, documentation: an operator that needs one is refused later
        break;
    }
  }
  if (!fine || !r.ok() || name.empty() || node->attributes.size() >= OnnxLimits::kAttributesMax) {
    *error = "an attribute of operator " + node->op + " is damaged";
    return false;
  }
  node->attributes[name] = std::move(a);
  return true;
}

bool ReadNode(ByteSpan in, OnnxNode* node, std::string* error) {
  std::vector<ByteSpan> attributes;  // read last: messages name the operator
  WireReader r(in);
  while (r.Next()) {
    std::string name;
    switch (r.field()) {
      case 1:
      case 2: {
        auto& ports = r.field() == 1 ? node->inputs : node->outputs;
        if (ports.size() >= OnnxLimits::kPortsMax) {
          *error = "a node of it has too many inputs or outputs";
          return false;
        }
        if (!ReadName(r, &name, error)) return false;
        ports.push_back(name);
        break;
      }
      case 3:
        if (!ReadName(r, &node->name, error)) return false;
        break;
      case 4:
        if (!ReadName(r, &node->op, error)) return false;
        break;
      case 5:
        attributes.push_back(r.bytes());
        break;
      case 7:
        if (!ReadName(r, &node->domain, error)) return false;
        break;
      default:
        break;
    }
  }
  if (!r.ok()) {
    *error = "a node of it is damaged";
    return false;
  }
  if (node->domain == "ai.onnx") node->domain.clear();
  for (const ByteSpan a : attributes) {
    if (!ReadAttribute(a, node, error)) return false;
  }
  return true;
}

// TensorShapeProto.
bool ReadShape(ByteSpan in, Dims* dims) {
  WireReader r(in);
  while (r.Next()) {
    if (r.field() != 1) continue;
    std::int64_t value = -1;
    WireReader dim(r.bytes());
    while (dim.Next()) {
      if (dim.field() == 1) value = dim.integer();
    }
    if (!dim.ok() || dims->size() >= OnnxLimits::kRankMax) return false;
    dims->push_back(value);
  }
  return r.ok();
}

// ValueInfoProto.
bool ReadPort(ByteSpan in, OnnxPort* port, std::string* error) {
  bool fine = true;
  WireReader r(in);
  while (fine && r.Next()) {
    if (r.field() == 1 && !ReadName(r, &port->name, error)) return false;
    if (r.field() != 2) continue;
    WireReader type(r.bytes());
    while (fine && type.Next()) {
      if (type.field() != 1) continue;  // sequences, maps, optionals: no known type
      WireReader tensor(type.bytes());
      while (fine && tensor.Next()) {
        if (tensor.field() == 1) {
          const auto known = FromOnnx(tensor.number());
          port->known_type = known.has_value();
          if (known) port->type = *known;
        } else if (tensor.field() == 2) {
          port->has_shape = true;
          fine = ReadShape(tensor.bytes(), &port->dims);
        }
      }
      fine = fine && tensor.ok();
    }
    fine = fine && type.ok();
  }
  if (fine && r.ok()) return true;
  *error = "the description of input or output " + port->name + " is damaged";
  return false;
}

bool ReadGraph(ByteSpan in, OnnxFile* out, std::string* error) {
  WireReader r(in);
  while (r.Next()) {
    switch (r.field()) {
      case 1:
        if (out->nodes.size() >= OnnxLimits::kNodesMax) {
          *error = "it has more than " + std::to_string(OnnxLimits::kNodesMax) + " nodes";
          return false;
        }
        out->nodes.emplace_back();
        if (!ReadNode(r.bytes(), &out->nodes.back(), error)) return false;
        break;
      case 5: {
        std::string name;
        OnnxTensor tensor;
        if (out->constants.size() >= OnnxLimits::kTensorsMax) {
          *error = "it has more than " + std::to_string(OnnxLimits::kTensorsMax) + " tensors";
          return false;
        }
        if (!ReadTensor(r.bytes(), &tensor, &name, error)) return false;
        if (!out->constants.emplace(name, std::move(tensor)).second) {
          *error = "it has two tensors of the name " + name;
          return false;
        }
        break;
      }
      case 11:
      case 12: {
        auto& ports = r.field() == 11 ? out->inputs : out->outputs;
        if (ports.size() >= OnnxLimits::kTensorsMax) {
          *error = "it has too many inputs or outputs";
          return false;
        }
        ports.emplace_back();
        if (!ReadPort(r.bytes(), &ports.back(), error)) return false;
        break;
      }
      case 15:
        *error = "it has sparse tensors, which are not supported";
        return false;
      default:
        break;
    }
  }
  if (!r.ok()) *error = "its graph is damaged";
  return r.ok();
}

}  // namespace

std::size_t SizeOf(ElementType type) {
  switch (type) {
    case ElementType::kUint8:
    case ElementType::kInt8:
      return 1;
    case ElementType::kInt64:
      return 8;
    default:
      return 4;
  }
}

const char* ToString(ElementType type) {
  constexpr const char* kNames[] = {"float", "uint8", "int8", "int32", "int64"};
  return kNames[static_cast<std::size_t>(type)];
}

std::int64_t ElementsOf(const Dims& dims) {
  if (dims.size() > OnnxLimits::kRankMax) return -1;
  std::int64_t elements = 1;
  for (const std::int64_t d : dims) {
    if (d < 1 || d > OnnxLimits::kElementsMax / elements) return -1;
    elements *= d;
  }
  return elements;
}

std::string ToString(const Dims& dims) {
  std::string text = "[";
  for (const std::int64_t d : dims) {
    text += (text.size() > 1 ? "," : "") + (d == -1 ? std::string("?") : std::to_string(d));
  }
  return text + "]";
}

bool ParseOnnxTensor(ByteSpan file, OnnxTensor* out, std::string* name, std::string* error) {
  return ReadTensor(file, out, name, error);
}

bool ParseOnnx(ByteSpan file, OnnxFile* out, std::string* error) {
  *out = OnnxFile();
  if (file.size() > OnnxLimits::kFileBytesMax) {
    *error = "it has more than " + std::to_string(OnnxLimits::kFileBytesMax) + " bytes";
    return false;
  }
  bool graph = false;
  WireReader r(file);
  while (r.Next()) {
    if (r.field() == 7) {
      if (graph || r.type() != Type::kBytes) {
        *error = "it is no ONNX model";
        return false;
      }
      graph = true;
      if (!ReadGraph(r.bytes(), out, error)) return false;
    } else if (r.field() == 8) {
      std::string domain;
      std::int64_t version = 0;
      WireReader set(r.bytes());
      while (set.Next()) {
        if (set.field() == 1 && !ReadName(set, &domain, error)) return false;
        if (set.field() == 2) version = set.integer();
      }
      if (set.ok() && (domain.empty() || domain == "ai.onnx")) out->opset = version;
    } else if (r.field() == 25) {
      *error = "it defines functions of its own, which are not supported";
      return false;
    }
  }
  if (!r.ok() || !graph) {
    *error = graph ? "it is cut off or damaged" : "it is no ONNX model, or cut off or damaged";
    return false;
  }
  // Since IR version 4 an initialiser need not be an input as well; before it had to.
  std::vector<OnnxPort> inputs;
  for (OnnxPort& port : out->inputs) {
    if (out->constants.count(port.name) == 0) inputs.push_back(std::move(port));
  }
  out->inputs = std::move(inputs);
  return true;
}

}  // namespace selvage
