#include "tools/bench/federation_bench.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agents/anomaly/digest.h"
#include "agents/anomaly/model.h"
#include "agents/telemetry/telemetry.h"
#include "tools/bench/made_up_link.h"

namespace selvage::bench {
namespace {

constexpr std::size_t kHour = 3600;
constexpr std::size_t kStartEvery = 600;
constexpr std::size_t kHistory = 12 * kHour;
constexpr std::size_t kFaultRows = 40;
constexpr std::size_t kFaultGap = 400;

struct Stream {
  std::size_t columns = 0;
  std::vector<float> cells;  // row by row
  std::vector<char> labels;  // of each row; empty: none is a fault
  std::size_t rows() const { return cells.size() / columns; }
  bool fault(std::size_t row) const { return !labels.empty() && labels[row] != 0; }
};

// Rows without faults, and the own past of whoever is to start with them.
struct Start {
  Stream history;
  Stream rows;
};

// One target: its past, the rows it is judged on, and starts for its first alarms.
struct Target {
  Stream history;
  Stream test;
  std::vector<Start> starts;
  std::vector<anomaly::Digest> peers;
};

struct Setup {
  const anomaly::Feature* features = nullptr;
  std::size_t count = 0;
  float alarm_decades = 4;
};

anomaly::Model MakeModel(const Setup& setup) {
  anomaly::Model::Options options;
  options.features = setup.features;
  options.count = setup.count;
  options.episode.alarm_decades = setup.alarm_decades;
  return anomaly::Model(options);
}

void Learn(const Stream& s, anomaly::Model* model) {
  for (std::size_t r = 0; r < s.rows(); ++r) model->OnSample(&s.cells[r * s.columns]);
}

// Average precision: the area under the precision-recall curve, ties taken together.
double AreaUnderPr(const std::vector<float>& scores, const Stream& s) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  double positives = 0;
  for (std::size_t r = 0; r < s.rows(); ++r) positives += s.fault(r) ? 1 : 0;
  double hits = 0;
  double area = 0;
  for (std::size_t i = 0; i < order.size();) {
    double before = hits;
    float score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i) hits += s.fault(order[i]) ? 1 : 0;
    area += (hits - before) * hits / static_cast<double>(i);
  }
  return positives == 0 ? 0 : area / positives;
}

struct Figures {
  double area = 0;
  double alarms = 0;
  double starts = 0;
};

// `make` gives the model as it begins, from its own past if it wants that.
Figures Judge(const Target& t, const std::function<anomaly::Model(const Stream& past)>& make) {
  Figures f;
  anomaly::Model model = make(t.history);
  std::vector<float> scores;
  for (std::size_t r = 0; r < t.test.rows(); ++r) {
    scores.push_back(model.OnSample(&t.test.cells[r * t.test.columns]).score);
  }
  f.area = AreaUnderPr(scores, t.test);
  for (const Start& start : t.starts) {
    anomaly::Model fresh = make(start.history);
    for (std::size_t r = 0; r < start.rows.rows(); ++r) {
      f.alarms += fresh.OnSample(&start.rows.cells[r * start.rows.columns]).onset ? 1 : 0;
    }
    f.starts += 1;
  }
  return f;
}

// What a liar says: it saw far wider or far narrower spreads, all or nothing in the tails, and that
// everything is the opposite of everything.
anomaly::Digest Lie(const anomaly::Digest& truth, std::size_t which) {
  anomaly::Digest lie = truth;
  const float octaves = which % 2 == 0 ? 30 : -30;
  for (anomaly::Digest::Feature& f : lie.features) {
    f.log_variance += octaves;
    f.log_rhythm += octaves;
    f.log_level += octaves;
    f.taps.fill(which % 2 == 0 ? 2.5F : -2.5F);
  }
  for (auto& tail : lie.quantiles) tail.fill(which % 2 == 0 ? 63.0F : 0.0F);
  for (float& c : lie.correlations) c = c > 0 ? -1.0F : 1.0F;
  return lie;
}

bool Prior(const std::vector<anomaly::Digest>& peers, std::size_t liars, anomaly::Digest* out) {
  std::vector<anomaly::Digest> told = peers;
  for (std::size_t i = 0; i < liars && i < told.size(); ++i) told[i] = Lie(told[i], i);
  std::vector<const anomaly::Digest*> all;
  for (anomaly::Digest& d : told) {
    // As it comes over the air.
    std::uint8_t bytes[anomaly::Digest::kBytesMax];
    if (!anomaly::Digest::Decode(bytes, d.Encode(bytes), &d)) return false;
    all.push_back(&d);
  }
  return anomaly::Digest::Aggregate(all.data(), all.size(), out);
}

Stream Record(MadeUpLink* link, std::size_t rows, bool faults) {
  Stream s;
  s.columns = MadeUpLink::kFeatures;
  std::size_t next = faults ? kFaultGap : rows;
  int kind = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    if (r >= next + kFaultRows) {
      next = r + kFaultGap / 2 + static_cast<std::size_t>(link->Uniform() * kFaultGap);
    }
    const bool fault = r >= next;
    if (r == next) kind = 1 + static_cast<int>(link->Uniform() * 3);
    const MadeUpLink::Row row = link->Next(fault ? kind : 0);
    s.cells.insert(s.cells.end(), row.begin(), row.end());
    s.labels.push_back(fault ? 1 : 0);
  }
  return s;
}

std::vector<Target> MakeUp(const FederationOptions& options, const Setup& setup) {
  std::vector<Target> targets;
  auto seed = static_cast<std::uint32_t>(options.seed) * 100003U;
  for (int i = 0; i < options.links; ++i) {
    Target t;
    MadeUpLink link(++seed);
    t.history = Record(&link, kHistory, false);
    t.test = Record(&link, 2 * kHour, true);
    t.starts.push_back({t.history, Record(&link, kHour, false)});
    for (int p = 0; p < options.peers; ++p) {
      MadeUpLink peer(++seed);
      anomaly::Model model = MakeModel(setup);
      Learn(Record(&peer, kHistory, false), &model);
      anomaly::Digest digest;
      if (model.GetDigest(&digest)) t.peers.push_back(digest);
    }
    targets.push_back(std::move(t));
  }
  return targets;
}

Stream Part(const Stream& s, std::size_t from, std::size_t to) {
  Stream part;
  part.columns = s.columns;
  part.cells.assign(s.cells.begin() + static_cast<std::ptrdiff_t>(from * s.columns),
                    s.cells.begin() + static_cast<std::ptrdiff_t>(to * s.columns));
  return part;
}

Stream Without(const Stream& s, std::size_t from, std::size_t to) {
  Stream rest = Part(s, 0, from);
  const Stream after = Part(s, to, s.rows());
  rest.cells.insert(rest.cells.end(), after.cells.begin(), after.cells.end());
  return rest;
}

absl::StatusOr<Stream> ReadServer(const std::filesystem::path& path, bool labelled) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat(path.string(), ": cannot be read"));
  Stream s;
  std::string line;
  while (std::getline(in, line)) {
    std::vector<float> row;
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) {
      char* end = nullptr;
      row.push_back(std::strtof(cell.c_str(), &end));
      if (end == cell.c_str()) row.back() = kMissing;
    }
    if (labelled && !row.empty()) {
      s.labels.push_back(row.back() > 0 ? 1 : 0);
      row.pop_back();
    }
    if (s.columns == 0) s.columns = row.size();
    if (row.empty() || row.size() != s.columns) {
      return absl::InvalidArgumentError(absl::StrCat(path.string(), ": rows are not equally long"));
    }
    s.cells.insert(s.cells.end(), row.begin(), row.end());
  }
  return s;
}

absl::StatusOr<std::vector<Target>> ReadServers(const std::string& folder, Setup* setup) {
  std::vector<Target> targets;
  std::vector<anomaly::Digest> digests;
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().string().find("_train.csv") != std::string::npos) files.push_back(entry);
  }
  if (error || files.empty()) {
    return absl::NotFoundError(absl::StrCat(folder, ": no NAME_train.csv there"));
  }
  std::sort(files.begin(), files.end());
  for (const auto& train : files) {
    std::string test = train.string();
    test.replace(test.rfind("_train.csv"), 6, "_test");
    auto history = ReadServer(train, false);
    if (!history.ok()) return history.status();
    auto rows = ReadServer(test, true);
    if (!rows.ok()) return rows.status();
    Target t;
    t.history = *std::move(history);
    t.test = *std::move(rows);
    if (setup->count == 0) setup->count = t.test.columns;
    if (t.history.columns != setup->count || t.test.columns != setup->count) {
      return absl::InvalidArgumentError(absl::StrCat(test, ": another number of columns"));
    }
    // The part for training has no faults: each start has an hour of it, its past is the rest.
    for (std::size_t r = 0; r + kHour <= t.history.rows(); r += kStartEvery) {
      t.starts.push_back({Without(t.history, r, r + kHour), Part(t.history, r, r + kHour)});
    }
    anomaly::Model model = MakeModel(*setup);
    Learn(t.history, &model);
    anomaly::Digest digest;
    if (!model.GetDigest(&digest)) {
      return absl::InvalidArgumentError(
          absl::StrCat(train.string(), ": too few rows, or more columns than a digest holds (",
                       anomaly::Digest::kFeaturesMax, ")"));
    }
    digests.push_back(digest);
    targets.push_back(std::move(t));
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    for (std::size_t p = 0; p < digests.size(); ++p) {
      if (p != i) targets[i].peers.push_back(digests[p]);
    }
  }
  return targets;
}

}  // namespace

absl::StatusOr<nlohmann::json> RunFederationBench(const FederationOptions& options) {
  Setup setup;
  setup.alarm_decades = static_cast<float>(options.alarm_decades);
  std::vector<Target> targets;
  if (options.servers.empty()) {
    setup.features = JudgedLinkSchema(true).features;
    setup.count = JudgedLinkSchema(true).count;
    targets = MakeUp(options, setup);
  } else {
    auto read = ReadServers(options.servers, &setup);
    if (!read.ok()) return read.status();
    targets = *std::move(read);
  }
  std::map<std::string, Figures> sums;
  std::size_t liars = 0;
  for (const Target& t : targets) {
    liars =
        static_cast<std::size_t>(std::ceil(options.poisoned * static_cast<double>(t.peers.size())));
    auto add = [&](const char* name, const std::function<anomaly::Model(const Stream&)>& make) {
      const Figures f = Judge(t, make);
      sums[name].area += f.area;
      sums[name].alarms += f.alarms;
      sums[name].starts += f.starts;
    };
    auto with_peers = [&](std::size_t lying) {
      return [&, lying](const Stream&) {
        anomaly::Model model = MakeModel(setup);
        anomaly::Digest prior;
        if (Prior(t.peers, lying, &prior)) model.TakePrior(prior);
        return model;
      };
    };
    add("cold", [&](const Stream&) { return MakeModel(setup); });
    add("own", [&](const Stream& past) {
      anomaly::Model model = MakeModel(setup);
      Learn(past, &model);
      return model;
    });
    add("peers", with_peers(0));
    add("poisoned", with_peers(liars));
  }
  const auto n = static_cast<double>(targets.size());
  nlohmann::json out = {{"targets", targets.size()},
                        {"peers_each", targets.front().peers.size()},
                        {"liars", liars},
                        {"features", setup.count},
                        {"alarm_decades", options.alarm_decades}};
  std::uint8_t bytes[anomaly::Digest::kBytesMax];
  out["digest_bytes"] = targets.front().peers.empty() ? 0 : targets.front().peers[0].Encode(bytes);
  for (const auto& [name, f] : sums) {
    out[name] = {{"auc_pr", f.area / n},
                 {"share_of_own", f.area / sums["own"].area},
                 {"first_hour_false_alarms", f.alarms},
                 {"first_hours", f.starts}};
  }
  return out;
}

}  // namespace selvage::bench
