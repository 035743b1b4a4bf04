// Writes small ONNX files for tests: just the fields that a model needs.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/bytes.h"

namespace selvage {

// One Protocol Buffers message.
class WireWriter {
 public:
  WireWriter& Number(unsigned field, std::uint64_t value) {
    Varint(field << 3);
    Varint(value);
    return *this;
  }
  WireWriter& Float(unsigned field, float value) {
    Varint(field << 3 | 5);
    Raw(&value, 4);
    return *this;
  }
  WireWriter& Text(unsigned field, const std::string& text) {
    Varint(field << 3 | 2);
    Varint(text.size());
    Raw(text.data(), text.size());
    return *this;
  }
  WireWriter& Message(unsigned field, const WireWriter& m) {
    return Text(field, std::string(m.bytes_.begin(), m.bytes_.end()));
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  void Varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) bytes_.push_back(static_cast<std::uint8_t>(v | 0x80));
    bytes_.push_back(static_cast<std::uint8_t>(v));
  }
  void Raw(const void* data, std::size_t size) {
    const auto* p = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), p, p + size);
  }
  Bytes bytes_;
};

class OnnxWriter {
 public:
  using Shape = std::vector<std::int64_t>;

  // -1: a dimension that only has a name.
  OnnxWriter& Port(bool input, const std::string& name, const Shape& dims, int type = 1) {
    WireWriter shape;
    for (const std::int64_t d : dims) {
      WireWriter dim;
      if (d == -1) {
        dim.Text(2, "batch");
      } else {
        dim.Number(1, static_cast<std::uint64_t>(d));
      }
      shape.Message(1, dim);
    }
    WireWriter tensor;
    tensor.Number(1, static_cast<std::uint64_t>(type)).Message(2, shape);
    graph_.Message(input ? 11 : 12,
                   WireWriter().Text(1, name).Message(2, WireWriter().Message(1, tensor)));
    return *this;
  }
  OnnxWriter& Input(const std::string& name, const Shape& dims) { return Port(true, name, dims); }
  OnnxWriter& Output(const std::string& name, const Shape& dims) { return Port(false, name, dims); }
  OnnxWriter& Floats(const std::string& name, const Shape& dims, const std::vector<float>& values) {
    WireWriter t = Tensor(name, dims, 1);
    t.Text(9, std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size()));
    graph_.Message(5, t);
    return *this;
  }
  OnnxWriter& Integers(const std::string& name, const Shape& values) {
    WireWriter t = Tensor(name, {static_cast<std::int64_t>(values.size())}, 7);
    for (const std::int64_t v : values) t.Number(7, static_cast<std::uint64_t>(v));
    graph_.Message(5, t);
    return *this;
  }
  OnnxWriter& Node(const std::string& op, const std::vector<std::string>& inputs,
                   const std::string& output, const std::vector<WireWriter>& attributes = {},
                   const std::string& domain = "") {
    WireWriter node;
    for (const std::string& in : inputs) node.Text(1, in);
    node.Text(2, output).Text(3, "n" + std::to_string(nodes_++)).Text(4, op);
    for (const WireWriter& a : attributes) node.Message(5, a);
    if (!domain.empty()) node.Text(7, domain);
    graph_.Message(1, node);
    return *this;
  }
  OnnxWriter& Initialiser(const WireWriter& tensor) {
    graph_.Message(5, tensor);
    return *this;
  }
  static WireWriter Tensor(const std::string& name, const Shape& dims, int type) {
    WireWriter t;
    for (const std::int64_t d : dims) t.Number(1, static_cast<std::uint64_t>(d));
    t.Number(2, static_cast<std::uint64_t>(type)).Text(8, name);
    return t;
  }
  Bytes File(std::uint64_t opset = 17) const {
    return WireWriter()
        .Number(1, 8)
        .Message(8, WireWriter().Text(1, "").Number(2, opset))
        .Message(7, graph_)
        .bytes();
  }

 private:
  WireWriter graph_;
  int nodes_ = 0;
};

// An autoencoder over windows of `samples`: it keeps each feature's mean over the window and gives
// that back, so what changes within a window is what it cannot reconstruct.
inline Bytes MeanAutoencoder(std::size_t samples, std::size_t features) {
  const std::size_t in = samples * features;
  std::vector<float> encode(features * in);
  std::vector<float> decode(in * features);
  for (std::size_t i = 0; i < in; ++i) {
    encode[(i % features) * in + i] = 1 / static_cast<float>(samples);
    decode[i * features + i % features] = 1;
  }
  const auto w = static_cast<std::int64_t>(in);
  const auto f = static_cast<std::int64_t>(features);
  const WireWriter transposed = WireWriter().Text(1, "transB").Number(3, 1).Number(20, 2);
  return OnnxWriter()
      .Input("window", {-1, static_cast<std::int64_t>(samples), f})
      .Floats("encode", {f, w}, encode)
      .Floats("decode", {w, f}, decode)
      .Integers("flat", {1, -1})
      .Node("Reshape", {"window", "flat"}, "x")
      .Node("Gemm", {"x", "encode"}, "code", {transposed})
      .Node("Gemm", {"code", "decode"}, "y", {transposed})
      .Output("y", {1, w})
      .File();
}

}  // namespace selvage
