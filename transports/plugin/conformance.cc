#include "transports/plugin/conformance.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>

#include "transports/plugin/conformance_rig.h"

namespace selvage {
namespace {

using Verdict = ConformanceResult::Verdict;
constexpr Duration kChildMax = 60s;
constexpr std::size_t kReportMax = 4096;

double Seconds() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// Runs `work` in a child process; what it returns comes back as text whose first letter is the
// verdict. A child that ends without a word, or never, failed.
std::string InChild(const std::function<std::string()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return "Fcannot make a pipe";
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return "Fcannot fork";
  if (child == 0) {
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    // A crash is to be seen as one, whatever this program does with its own.
    for (const int s : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGALRM, SIGTERM}) {
      signal(s, SIG_DFL);
    }
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const std::string said = work().substr(0, kReportMax);
    [[maybe_unused]] const ssize_t n = write(ends[1], said.data(), said.size());
    _exit(0);  // no destructors: what a bad plug-in left behind is not to be walked through
  }
  close(ends[1]);
  std::string said;
  const double end = Seconds() + ToSeconds(kChildMax);
  bool hung = false;
  for (;;) {
    pollfd fd{ends[0], POLLIN, 0};
    const double left = end - Seconds();
    if (left <= 0 || poll(&fd, 1, static_cast<int>(left * 1000) + 1) == 0) {
      hung = true;
      break;
    }
    std::array<char, 1024> buffer;
    const ssize_t n = read(ends[0], buffer.data(), buffer.size());
    if (n <= 0) break;
    said.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(ends[0]);
  if (hung) kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (hung) {
    return "Fhangs: no answer within " + std::to_string(static_cast<int>(ToSeconds(kChildMax))) +
           " s";
  }
  if (WIFSIGNALED(status)) return "Fcrashes: signal " + std::to_string(WTERMSIG(status));
  return said.empty() ? "Fends its process" : said;
}

std::string RunOne(const ConformanceEntry& entry, const ConformanceOptions& options) {
  return InChild([&]() -> std::string {
    const auto api = LoadPlugin(options.plugin);
    if (!api.ok()) return "F" + std::string(api.status().message());
    ConformanceRig rig(*api, options.settings, options.patience);
    try {
      const std::string seen = entry.run(&rig);
      return "P" + seen;
    } catch (const ConformanceFailure& failure) {
      return "F" + failure.text;
    } catch (const ConformanceSkip& skip) {
      return "S" + skip.text;
    }
  });
}

}  // namespace

std::vector<ConformanceCheck> ConformanceChecks() {
  std::vector<ConformanceCheck> out;
  for (const ConformanceEntry& e : ConformanceEntries()) out.push_back({e.name, e.what});
  return out;
}

absl::StatusOr<std::vector<ConformanceResult>> CheckPlugin(const ConformanceOptions& options) {
  for (const std::string& name : options.only) {
    const auto& entries = ConformanceEntries();
    if (std::none_of(entries.begin(), entries.end(),
                     [&](const ConformanceEntry& e) { return e.name == name; })) {
      std::string known;
      for (const ConformanceEntry& e : entries) {
        known += (known.empty() ? "" : ", ") + std::string(e.name);
      }
      return absl::InvalidArgumentError("there is no check \"" + name + "\"; checks are: " + known);
    }
  }
  const std::string loads = InChild([&]() -> std::string {
    const auto api = LoadPlugin(options.plugin);
    return api.ok() ? "P" : "F" + std::string(api.status().message());
  });
  if (loads[0] != 'P') return absl::FailedPreconditionError(loads.substr(1));
  std::vector<ConformanceResult> out;
  for (const ConformanceEntry& entry : ConformanceEntries()) {
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), entry.name) == options.only.end()) {
      continue;
    }
    const double begun = Seconds();
    const std::string said = RunOne(entry, options);
    ConformanceResult result;
    result.check = entry.name;
    result.verdict = said[0] == 'P'   ? Verdict::kPass
                     : said[0] == 'S' ? Verdict::kSkip
                                      : Verdict::kFail;
    result.detail = said.substr(1);
    result.seconds = Seconds() - begun;
    out.push_back(std::move(result));
  }
  return out;
}

}  // namespace selvage
