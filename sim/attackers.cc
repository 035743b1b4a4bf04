#include "sim/attackers.h"

#include <algorithm>
#include <cmath>

#include "sim/scenario_random.h"

namespace selvage::sim {
namespace {

// Everybody but `gone` is in one piece.
bool InOnePiece(const Layout& layout, const std::vector<bool>& gone) {
  std::vector<bool> seen = gone;
  std::vector<std::uint32_t> stack;
  for (std::uint32_t n = 0; n < layout.size(); ++n) {
    if (seen[n]) continue;
    if (!stack.empty()) return false;
    stack.push_back(n);
    seen[n] = true;
    for (std::size_t i = 0; i < stack.size(); ++i) {
      for (const std::uint32_t to : layout.neighbours[stack[i]]) {
        if (seen[to]) continue;
        seen[to] = true;
        stack.push_back(to);
      }
    }
  }
  return true;
}

}  // namespace

const std::vector<std::string>& AttackKinds() {
  static const std::vector<std::string> kKinds = {"blackhole", "drop20", "accuse", "lie"};
  return kKinds;
}

std::vector<std::pair<std::uint32_t, std::string>> DrawAttackers(
    const Scenario& scenario, const Layout& layout,
    const std::function<bool(std::uint32_t)>& carries) {
  ScenarioRandom random(scenario.seed * 49979687ull + 17);
  std::vector<std::uint32_t> candidates;
  for (std::uint32_t n = 0; n < layout.size(); ++n) {
    if (!layout.endpoint[n]) candidates.push_back(n);
  }
  for (std::size_t i = candidates.size(); i > 1; --i) {
    std::swap(candidates[i - 1], candidates[random.Below(i)]);
  }
  std::stable_partition(candidates.begin(), candidates.end(), carries);
  const auto wanted = static_cast<std::size_t>(std::lround(scenario.attackers * layout.size()));
  std::vector<bool> gone(layout.size(), false);
  std::vector<std::uint32_t> chosen;
  for (const std::uint32_t n : candidates) {
    if (chosen.size() >= wanted) break;
    gone[n] = true;
    if (InOnePiece(layout, gone)) {
      chosen.push_back(n);
    } else {
      gone[n] = false;
    }
  }
  std::sort(chosen.begin(), chosen.end());
  std::vector<std::pair<std::uint32_t, std::string>> out;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    out.emplace_back(chosen[i], scenario.attack == "mixed" ? AttackKinds()[i % AttackKinds().size()]
                                                           : scenario.attack);
  }
  return out;
}

}  // namespace selvage::sim
