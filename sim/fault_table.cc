#include "sim/fault_table.h"

#include <algorithm>

namespace selvage::sim {

FaultTable::FaultTable(const Layout* layout, std::uint64_t seed)
    : layout_(layout), silent_(layout->size(), false), random_(seed * 15485863ull + 3) {}

void FaultTable::SetCut(std::uint32_t from, std::uint32_t to, bool on) {
  links_[Key(from, to)].cut = on;
}

void FaultTable::SetLoss(std::uint32_t from, std::uint32_t to, double share) {
  links_[Key(from, to)].loss = share;
}

void FaultTable::SetRamp(std::uint32_t from, std::uint32_t to, double start_s, double seconds) {
  LinkFault& fault = links_[Key(from, to)];
  fault.ramp_start_s = start_s;
  fault.ramp_seconds = seconds;
}

void FaultTable::SetFade(std::uint32_t from, std::uint32_t to, double start_s, double seconds,
                         double depth_db) {
  LinkFault& fault = links_[Key(from, to)];
  fault.fade_start_s = start_s;
  fault.fade_seconds = seconds;
  fault.fade_db = depth_db;
}

double FaultTable::FadeDb(double now_s, std::uint32_t from, std::uint32_t to) const {
  const LinkFault* fault = Find(from, to);
  if (fault == nullptr) return 0;
  const double progress = (now_s - fault->fade_start_s) / fault->fade_seconds;
  return fault->fade_db * std::clamp(progress, 0.0, 1.0);
}

void FaultTable::SetMtu(std::uint32_t from, std::uint32_t to, std::uint32_t bytes) {
  links_[Key(from, to)].mtu_bytes = bytes;
}

const FaultTable::LinkFault* FaultTable::Find(std::uint32_t from, std::uint32_t to) const {
  if (links_.empty()) return nullptr;
  const auto it = links_.find(Key(from, to));
  return it == links_.end() ? nullptr : &it->second;
}

bool FaultTable::Blocked(std::uint32_t from, std::uint32_t to) const {
  if (silent_[from] || silent_[to]) return true;
  if (partitioned_ && layout_->right[from] != layout_->right[to]) return true;
  const LinkFault* fault = Find(from, to);
  return fault != nullptr && fault->cut;
}

bool FaultTable::TooLarge(std::uint32_t from, std::uint32_t to, std::uint32_t bytes) const {
  const LinkFault* fault = Find(from, to);
  return fault != nullptr && fault->mtu_bytes > 0 && bytes > fault->mtu_bytes;
}

bool FaultTable::Loses(double now_s, std::uint32_t from, std::uint32_t to, std::uint32_t bytes) {
  if (Blocked(from, to)) return true;
  const LinkFault* fault = Find(from, to);
  if (fault == nullptr) return false;
  if (fault->mtu_bytes > 0 && bytes > fault->mtu_bytes) return true;
  double passes = 1 - fault->loss;
  if (fault->ramp_seconds > 0) {
    passes *= 1 - std::clamp((now_s - fault->ramp_start_s) / fault->ramp_seconds, 0.0, 1.0);
  }
  if (passes <= 0) return true;
  return passes < 1 && random_.Uniform() >= passes;
}

}  // namespace selvage::sim
