#define BOOST_TEST_MODULE operators
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "agents/scorer/program.h"
#include "tests/agents/scorer/onnx_writer.h"

namespace selvage {
namespace {

namespace fs = std::filesystem;

// From the package libonnx-testdata: for each operator graphs, inputs and what they must give.
const fs::path kData = "/usr/share/libonnx-testdata/data/node";

// Those of our operators. Not among them: test_identity_opt and _sequence (no tensors),
// test_reshape_allowzero_reordered (an empty tensor).
const std::set<std::string> kMustPass = {"test_add",
                                         "test_add_bcast",
                                         "test_add_uint8",
                                         "test_constant",
                                         "test_dequantizelinear",
                                         "test_dequantizelinear_axis",
                                         "test_flatten_axis0",
                                         "test_flatten_axis1",
                                         "test_flatten_axis2",
                                         "test_flatten_axis3",
                                         "test_flatten_default_axis",
                                         "test_flatten_negative_axis1",
                                         "test_flatten_negative_axis2",
                                         "test_flatten_negative_axis3",
                                         "test_flatten_negative_axis4",
                                         "test_gemm_all_attributes",
                                         "test_gemm_alpha",
                                         "test_gemm_beta",
                                         "test_gemm_default_matrix_bias",
                                         "test_gemm_default_no_bias",
                                         "test_gemm_default_scalar_bias",
                                         "test_gemm_default_single_elem_vector_bias",
                                         "test_gemm_default_vector_bias",
                                         "test_gemm_default_zero_bias",
                                         "test_gemm_transposeA",
                                         "test_gemm_transposeB",
                                         "test_identity",
                                         "test_leakyrelu",
                                         "test_leakyrelu_default",
                                         "test_leakyrelu_example",
                                         "test_matmul_2d",
                                         "test_matmul_3d",
                                         "test_matmul_4d",
                                         "test_mul",
                                         "test_mul_bcast",
                                         "test_mul_example",
                                         "test_mul_uint8",
                                         "test_quantizelinear",
                                         "test_quantizelinear_axis",
                                         "test_reduce_mean_default_axes_keepdims_example",
                                         "test_reduce_mean_default_axes_keepdims_random",
                                         "test_reduce_mean_do_not_keepdims_example",
                                         "test_reduce_mean_do_not_keepdims_random",
                                         "test_reduce_mean_keepdims_example",
                                         "test_reduce_mean_keepdims_random",
                                         "test_reduce_mean_negative_axes_keepdims_example",
                                         "test_reduce_mean_negative_axes_keepdims_random",
                                         "test_relu",
                                         "test_reshape_extended_dims",
                                         "test_reshape_negative_dim",
                                         "test_reshape_negative_extended_dims",
                                         "test_reshape_one_dim",
                                         "test_reshape_reduced_dims",
                                         "test_reshape_reordered_all_dims",
                                         "test_reshape_reordered_last_dims",
                                         "test_reshape_zero_and_negative_dim",
                                         "test_reshape_zero_dim",
                                         "test_sigmoid",
                                         "test_sigmoid_example",
                                         "test_sub",
                                         "test_sub_bcast",
                                         "test_sub_example",
                                         "test_sub_uint8",
                                         "test_tanh",
                                         "test_tanh_example"};

Bytes Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

bool Near(const OnnxTensor& want, const Slot& slot, const std::uint8_t* got) {
  if (want.type != slot.type || want.dims != slot.dims) return false;
  if (want.type != ElementType::kFloat) {
    return std::memcmp(want.data.data(), got, want.data.size()) == 0;
  }
  for (std::size_t i = 0; i < slot.count; ++i) {
    float a = 0;
    float b = 0;
    std::memcpy(&a, want.data.data() + 4 * i, 4);
    std::memcpy(&b, got + 4 * i, 4);
    if (!(std::fabs(a - b) <= 1e-5F + 1e-5F * std::fabs(a))) return false;
  }
  return true;
}

// "" when a test of the folder gives what it must, else what is wrong.
std::string Try(const fs::path& folder) {
  OnnxFile file;
  std::string error;
  if (!ParseOnnx(Read(folder / "model.onnx"), &file, &error)) return error;
  std::map<std::string, OnnxTensor> given;
  std::map<std::string, OnnxTensor> known;
  for (std::size_t i = 0; i < file.inputs.size(); ++i) {
    std::string name;
    OnnxTensor t;
    const auto pb = folder / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb");
    if (!ParseOnnxTensor(Read(pb), &t, &name, &error)) return error;
    // Shapes and axes are data to these tests; a program wants to know them.
    auto& into = t.type == ElementType::kInt64 ? known : given;
    into.emplace(file.inputs[i].name, std::move(t));
  }
  const auto program = Program::Create(file, known, {}, &error);
  if (program == nullptr) return error;
  std::size_t next = 0;
  for (const OnnxPort& port : file.inputs) {
    if (known.count(port.name) > 0) continue;
    const OnnxTensor& t = given.at(port.name);
    std::memcpy(program->data(program->inputs()[next++]), t.data.data(), t.data.size());
  }
  program->Run();
  for (std::size_t i = 0; i < program->outputs().size(); ++i) {
    std::string name;
    OnnxTensor want;
    const auto pb = folder / "test_data_set_0" / ("output_" + std::to_string(i) + ".pb");
    if (!ParseOnnxTensor(Read(pb), &want, &name, &error)) return error;
    const Slot& slot = program->outputs()[i];
    if (!Near(want, slot, program->data(slot))) return "another result";
  }
  return "";
}

bool DataThere() {
  if (fs::exists(kData)) return true;
  BOOST_TEST_MESSAGE("skipped: " << kData << " is not there; install libonnx-testdata");
  return false;
}

BOOST_AUTO_TEST_CASE(every_operator_gives_what_onnx_says_it_must) {
  if (!DataThere()) return;
  for (const std::string& name : kMustPass) BOOST_TEST(Try(kData / name) == "", name);
}

BOOST_AUTO_TEST_CASE(what_is_not_supported_is_refused_and_never_computed_wrongly) {
  if (!DataThere()) return;
  int refused = 0;
  for (const auto& entry : fs::directory_iterator(kData)) {
    if (kMustPass.count(entry.path().filename()) > 0 || !fs::exists(entry.path() / "model.onnx")) {
      continue;
    }
    const std::string error = Try(entry.path());
    BOOST_TEST(error != "another result", entry.path());
    refused += error.empty() ? 0 : 1;
  }
  BOOST_TEST(refused > 500);
  const std::string integer = Try(kData / "test_matmulinteger");
  BOOST_TEST(integer.find("operator MatMulInteger is not supported; these are: Add, ") == 0u,
             integer);
}

std::unique_ptr<Program> Plan(const Bytes& bytes, std::string* error) {
  OnnxFile file;
  if (!ParseOnnx(bytes, &file, error)) return nullptr;
  return Program::Create(file, {}, {}, error);
}

BOOST_AUTO_TEST_CASE(what_depends_on_constants_alone_is_computed_once) {
  std::string error;
  const auto program = Plan(OnnxWriter()
                                .Input("x", {1, 2})
                                .Floats("w", {2, 2}, {1, 2, 3, 4})
                                .Floats("two", {}, {2})
                                .Node("Mul", {"w", "two"}, "v")
                                .Node("MatMul", {"x", "v"}, "y")
                                .Output("y", {1, 2})
                                .File(),
                            &error);
  BOOST_TEST_REQUIRE((program != nullptr), error);
  BOOST_TEST(program->steps() == 1u);
  const float x[] = {1, 10};
  std::memcpy(program->data(program->inputs()[0]), x, sizeof(x));
  program->Run();
  float y[2];
  std::memcpy(y, program->data(program->outputs()[0]), sizeof(y));
  BOOST_TEST(y[0] == 62);
  BOOST_TEST(y[1] == 84);
}

BOOST_AUTO_TEST_CASE(quantized_values_stay_in_their_range_whatever_comes_in) {
  std::string error;
  const auto program = Plan(
      OnnxWriter()
          .Input("x", {4})
          .Floats("s", {}, {0.5F})
          .Initialiser(OnnxWriter::Tensor("z", {}, 3).Number(5, static_cast<std::uint64_t>(-3)))
          .Node("QuantizeLinear", {"x", "s", "z"}, "q")
          .Port(false, "q", {4}, 3)
          .File(),
      &error);
  BOOST_TEST_REQUIRE((program != nullptr), error);
  const float x[] = {1e30F, -1e30F, std::nanf(""), 0.75F};
  std::memcpy(program->data(program->inputs()[0]), x, sizeof(x));
  program->Run();
  std::int8_t q[4];
  std::memcpy(q, program->data(program->outputs()[0]), sizeof(q));
  BOOST_TEST(static_cast<int>(q[0]) == 127);
  BOOST_TEST(static_cast<int>(q[1]) == -128);
  BOOST_TEST(static_cast<int>(q[2]) == -128);
  BOOST_TEST(static_cast<int>(q[3]) == -1);  // 1.5 rounds to 2
}

}  // namespace
}  // namespace selvage
