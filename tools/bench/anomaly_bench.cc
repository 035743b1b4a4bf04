#include "tools/bench/anomaly_bench.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agents/anomaly/model.h"
#include "tools/bench/plain_detectors.h"

namespace selvage::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Table {
  std::vector<std::string> names;  // empty without a header
  std::size_t columns = 0;
  std::vector<float> cells;  // row by row
  std::size_t rows() const { return columns == 0 ? 0 : cells.size() / columns; }
};

std::vector<std::string> SplitLine(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  std::vector<std::string> cells;
  std::size_t start = 0;
  for (;;) {
    std::size_t end = line.find(',', start);
    std::string cell = line.substr(start, end == std::string::npos ? end : end - start);
    std::size_t first = cell.find_first_not_of(" \"");
    std::size_t last = cell.find_last_not_of(" \"");
    cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    if (end == std::string::npos) return cells;
    start = end + 1;
  }
}

// Empty is missing; "nan" is missing too.
bool ParseCell(const std::string& cell, float* value) {
  if (cell.empty()) {
    *value = kMissing;
    return true;
  }
  char* end = nullptr;
  *value = std::strtof(cell.c_str(), &end);
  return *end == '\0';
}

absl::StatusOr<Table> ReadCsv(const std::string& path) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  Table table;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    std::vector<std::string> cells = SplitLine(line);
    if (number == 1) {
      table.columns = cells.size();
      if (table.columns > anomaly::Model::kFeaturesMax) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": ", table.columns,
                                                       " columns; the model takes at most ",
                                                       anomaly::Model::kFeaturesMax));
      }
      float ignored;
      for (const std::string& cell : cells) {
        if (!ParseCell(cell, &ignored)) table.names = cells;
      }
      if (!table.names.empty()) continue;
    }
    if (cells.size() != table.columns) {
      // An empty line of a one-column file is a missing value; a last empty line is no row.
      if (cells.size() == 1 && cells[0].empty() && in.peek() == EOF) break;
      return absl::InvalidArgumentError(absl::StrCat(path, ":", number, ": ", cells.size(),
                                                     " columns where the first line has ",
                                                     table.columns));
    }
    for (const std::string& cell : cells) {
      float value;
      if (!ParseCell(cell, &value)) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, ":", number, ": '", cell, "' is not a number"));
      }
      table.cells.push_back(value);
    }
  }
  if (table.rows() == 0) return absl::InvalidArgumentError(absl::StrCat(path, ": no samples"));
  return table;
}

// The schema's feature for each column: by name where there is a header, by place otherwise.
absl::StatusOr<std::vector<anomaly::Feature>> Describe(const Table& table,
                                                       const std::string& name) {
  std::vector<anomaly::Feature> features;
  if (name == "generic") return features;
  const anomaly::Schema& schema = name == "link" ? anomaly::LinkSchema() : anomaly::NodeSchema();
  for (std::size_t c = 0; c < table.columns; ++c) {
    int at = table.names.empty() ? static_cast<int>(c)
                                 : anomaly::FindFeature(schema, table.names[c].c_str());
    if (at < 0 || static_cast<std::size_t>(at) >= schema.count) {
      features.push_back({"", "", anomaly::FeatureKind::kPlain, -kInfinity, kInfinity, 0});
    } else {
      features.push_back(schema.features[at]);
    }
  }
  return features;
}

struct Row {
  float score;
  bool alarm;
  const float* blame;
};

template <class M>
class ModelDetector {
 public:
  ModelDetector(const std::vector<anomaly::Feature>& features, std::size_t columns)
      : model_({features.empty() ? nullptr : features.data(), columns, {}}) {}
  Row OnSample(const float* values) {
    const anomaly::Verdict& v = model_.OnSample(values);
    return {v.score, v.alarm, model_.blame()};
  }
  std::size_t bytes() const { return model_.bytes(); }

 private:
  M model_;
};

class PlainAdapter {
 public:
  PlainAdapter(PlainDetector::Kind kind, std::size_t columns) : detector_(kind, columns) {}
  Row OnSample(const float* values) {
    float score = detector_.OnSample(values);
    return {score, detector_.Alarm(score), detector_.blame()};
  }
  std::size_t bytes() const { return detector_.bytes(); }

 private:
  PlainDetector detector_;
};

template <class Detector>
absl::StatusOr<nlohmann::json> Stream(const Table& table, Detector detector,
                                      const std::string& output) {
  std::vector<float> out;
  std::size_t width = 2 + table.columns;
  out.reserve(table.rows() * width);
  std::size_t alarms = 0;
  bool alarm_before = false;
  Clock::duration spent{};
  for (std::size_t r = 0; r < table.rows(); ++r) {
    Clock::time_point start = Clock::now();
    Row row = detector.OnSample(&table.cells[r * table.columns]);
    spent += Clock::now() - start;
    out.push_back(row.score);
    out.push_back(row.alarm ? 1 : 0);
    out.insert(out.end(), row.blame, row.blame + table.columns);
    if (row.alarm && !alarm_before) ++alarms;
    alarm_before = row.alarm;
  }
  std::ofstream file(output);
  file << "score,alarm";
  for (std::size_t c = 0; c < table.columns; ++c) {
    file << ",blame_" << (table.names.empty() ? std::to_string(c) : table.names[c]);
  }
  file << "\n";
  for (std::size_t i = 0; i < out.size(); ++i) {
    file << out[i] << (i % width == width - 1 ? "\n" : ",");
  }
  if (!file.flush()) return absl::InternalError(absl::StrCat(output, ": cannot be written"));
  double nanoseconds = std::chrono::duration<double, std::nano>(spent).count();
  return nlohmann::json{{"rows", table.rows()},
                        {"features", table.columns},
                        {"ns_per_sample", nanoseconds / static_cast<double>(table.rows())},
                        {"state_bytes", detector.bytes()},
                        {"alarms", alarms}};
}

// Noise with a slow swing: what the figures are measured on does not matter, only its size does.
std::vector<float> Noise(std::size_t count) {
  std::vector<float> values(count);
  std::uint32_t x = 2463534242U;
  for (float& v : values) {
    x ^= x << 13;  // xorshift32 (Marsaglia 2003)
    x ^= x >> 17;
    x ^= x << 5;
    v = static_cast<float>(x >> 8) / 16777216.0F;
  }
  return values;
}

template <class Call>
double NanosecondsPerCall(double seconds, Call call) {
  constexpr int kBatch = 256;
  double best = std::numeric_limits<double>::infinity();
  Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                             std::chrono::duration<double>(seconds));
  do {
    Clock::time_point start = Clock::now();
    for (int i = 0; i < kBatch; ++i) call(static_cast<std::size_t>(i));
    best = std::min(best, std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  } while (Clock::now() < end);
  return best / kBatch;
}

}  // namespace

absl::StatusOr<nlohmann::json> RunAnomalyBench(const AnomalyOptions& options) {
  absl::StatusOr<Table> table = ReadCsv(options.input);
  if (!table.ok()) return table.status();
  auto features = Describe(*table, options.schema);
  if (!features.ok()) return features.status();
  std::size_t columns = table->columns;
  if (options.detector == "robust-z") {
    return Stream(*table, PlainAdapter(PlainDetector::Kind::kRobustZ, columns), options.output);
  }
  if (options.detector == "cusum") {
    return Stream(*table, PlainAdapter(PlainDetector::Kind::kCusum, columns), options.output);
  }
  if (options.detector == "int8") {
    return Stream(*table, ModelDetector<anomaly::ByteModel>(*features, columns), options.output);
  }
  return Stream(*table, ModelDetector<anomaly::Model>(*features, columns), options.output);
}

absl::StatusOr<nlohmann::json> RunModelBench(const ModelOptions& options) {
  auto count = static_cast<std::size_t>(options.features);
  std::vector<float> noise = Noise(count * 256);
  anomaly::Model model({nullptr, count, {}});
  anomaly::ByteModel bytes({nullptr, count, {}});
  PlainDetector plain(PlainDetector::Kind::kRobustZ, count);
  anomaly::RateTest rate;
  auto links = static_cast<std::size_t>(options.links);
  return nlohmann::json{
      {"features", options.features},
      {"links", options.links},
      {"float_ns_per_sample",
       NanosecondsPerCall(options.seconds, [&](auto i) { model.OnSample(&noise[i * count]); })},
      {"int8_ns_per_sample",
       NanosecondsPerCall(options.seconds, [&](auto i) { bytes.OnSample(&noise[i * count]); })},
      {"robust_z_ns_per_sample",
       NanosecondsPerCall(options.seconds, [&](auto i) { plain.OnSample(&noise[i * count]); })},
      {"rate_test_ns_per_outcome",
       NanosecondsPerCall(options.seconds, [&](auto i) { rate.OnOutcome(i % 97 == 0); })},
      {"float_state_bytes", model.bytes()},
      {"int8_state_bytes", bytes.bytes()},
      {"robust_z_state_bytes", plain.bytes()},
      {"float_state_bytes_all_links", model.bytes() * links},
      {"int8_state_bytes_all_links", bytes.bytes() * links}};
}

}  // namespace selvage::bench
