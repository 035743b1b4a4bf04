// A scorer plug-in that runs ONNX files with OpenCV's DNN module: for operators that Selvage's own
// reader does not know (convolutions, pooling, softmax, recurrent layers with constant state).
//
// A gateway's option, not a sensor's: 42 MB of libraries, 15 MB of memory, and a forward pass
// allocates. Built with -DSELVAGE_BUILD_OPENCV=ON; knows nothing of Selvage but its C header.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>
#include <string>
#include <vector>

#include "agents/include/selvage/scorer.h"

struct selvage_scorer {
  cv::dnn::Net net;
  cv::Mat input;  // its shape is what the model wants; one window
  std::uint32_t samples = 1;
  std::uint32_t features = 1;
  bool reconstructs = true;
};

namespace {

enum class Output { kByShape, kReconstruction, kScores };

struct Settings {
  std::string model;
  std::uint32_t samples = 1;
  std::string input = "rows";
  Output output = Output::kByShape;
};

// Empty, or what is wrong with the settings.
std::string Read(const selvage_scorer_config& config, Settings* out) {
  for (std::uint32_t i = 0; i < config.setting_count; ++i) {
    const std::string key = config.settings[i].key;
    const std::string value = config.settings[i].value;
    if (key == "model") {
      out->model = value;
    } else if (key == "samples") {
      char* end = nullptr;
      const unsigned long samples = std::strtoul(value.c_str(), &end, 10);
      if (*end != '\0' || samples < 1 || samples > SELVAGE_SCORER_WINDOW_MAX) {
        return "samples is \"" + value + "\"; must be 1 to 64";
      }
      out->samples = static_cast<std::uint32_t>(samples);
    } else if (key == "input") {
      if (value != "rows" && value != "flat" && value != "image") {
        return "input is \"" + value + "\"; must be rows, flat or image";
      }
      out->input = value;
    } else if (key == "output") {
      if (value == "reconstruction") {
        out->output = Output::kReconstruction;
      } else if (value == "scores") {
        out->output = Output::kScores;
      } else if (value != "by-shape") {
        return "output is \"" + value + "\"; must be by-shape, reconstruction or scores";
      }
    } else {
      return "unknown setting '" + key + "'; there are model, samples, input and output";
    }
  }
  return out->model.empty() ? "needs the setting model, the path of an ONNX file" : "";
}

// As large as the input: a reconstruction; else a score a feature, or one for all.
std::string TakeOutput(const cv::Mat& out, Output wanted, selvage_scorer* scorer) {
  const std::size_t values = scorer->samples * scorer->features;
  if (out.type() != CV_32F || !out.isContinuous()) return "its output is not of floats";
  scorer->reconstructs =
      wanted == Output::kByShape ? out.total() == values : wanted == Output::kReconstruction;
  const bool fits = scorer->reconstructs ? out.total() == values
                                         : out.total() == scorer->features || out.total() == 1;
  if (fits) return "";
  return "its output has " + std::to_string(out.total()) + " values; a reconstruction has " +
         std::to_string(values) + ", scores are 1 or " + std::to_string(scorer->features);
}

int Create(const selvage_scorer_config* config, selvage_scorer** out, char* error,
           std::size_t error_size) {
  const auto refuse = [&](const std::string& why) {
    std::snprintf(error, error_size, "%s", why.c_str());
    return -1;
  };
  try {
    Settings settings;
    if (const std::string wrong = Read(*config, &settings); !wrong.empty()) return refuse(wrong);
    cv::setNumThreads(1);  // the protocol thread waits: others would only take turns with it
    auto scorer = std::make_unique<selvage_scorer>();
    scorer->samples = settings.samples;
    scorer->features = config->feature_count;
    scorer->net = cv::dnn::readNetFromONNX(settings.model);
    scorer->net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    const int w = static_cast<int>(scorer->samples);
    const int f = static_cast<int>(scorer->features);
    const std::vector<int> shape = settings.input == "flat"   ? std::vector<int>{1, w * f}
                                   : settings.input == "rows" ? std::vector<int>{1, w, f}
                                                              : std::vector<int>{1, 1, w, f};
    scorer->input = cv::Mat(shape, CV_32F, cv::Scalar(0));
    scorer->net.setInput(scorer->input);
    const std::string wrong = TakeOutput(scorer->net.forward(), settings.output, scorer.get());
    if (!wrong.empty()) return refuse(wrong);
    *out = scorer.release();
    return 0;
  } catch (const cv::Exception& e) {  // names the node that it cannot run
    return refuse("OpenCV " CV_VERSION " says: " + e.err);
  } catch (const std::exception& e) {
    return refuse(e.what());
  }
}

void Destroy(selvage_scorer* scorer) { delete scorer; }

std::uint32_t Window(selvage_scorer* scorer) { return scorer->samples; }

int Score(selvage_scorer* scorer, const float* window, float* per_feature) {
  try {
    const std::size_t values = scorer->samples * scorer->features;
    std::memcpy(scorer->input.ptr<float>(), window, values * sizeof(float));
    scorer->net.setInput(scorer->input);
    const cv::Mat out = scorer->net.forward();
    const auto* result = out.ptr<float>();
    for (std::uint32_t f = 0; f < scorer->features; ++f) {
      float score = 0;
      if (scorer->reconstructs) {
        for (std::size_t i = f; i < values; i += scorer->features) {
          score += (window[i] - result[i]) * (window[i] - result[i]);
        }
        score /= static_cast<float>(scorer->samples);
      } else {
        score = out.total() == 1 ? result[0] / static_cast<float>(scorer->features) : result[f];
      }
      per_feature[f] = score;
    }
    return 0;
  } catch (const std::exception&) {
    return -1;
  }
}

}  // namespace

const selvage_scorer_api* selvage_scorer_plugin(std::uint32_t host_abi) {
  static const selvage_scorer_api api = {sizeof(api), SELVAGE_SCORER_ABI, "opencv", CV_VERSION,
                                         Create,      Destroy,            Window,   Score};
  return host_abi == SELVAGE_SCORER_ABI ? &api : nullptr;
}
