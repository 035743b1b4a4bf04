#include "sim/mobility.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace selvage::sim {

Mobility::Mobility(Layout* layout, double step_m, double start_s, std::uint64_t seed)
    : layout_(layout), step_m_(step_m), random_(seed * 67867967ull + 19) {
  Remember(start_s);
}

void Mobility::Step(double now_s) {
  for (Position& p : layout_->positions) {
    const double metres = step_m_ * random_.Uniform();
    const double angle = 2 * M_PI * random_.Uniform();
    p.x = std::clamp(p.x + metres * std::cos(angle), 0.0, layout_->field_m);
    p.y = std::clamp(p.y + metres * std::sin(angle), 0.0, layout_->field_m);
  }
  CompleteLinks(layout_);
  Remember(now_s);
}

void Mobility::Remember(double now_s) {
  Moment moment{now_s, std::vector<std::uint32_t>(layout_->size(), layout_->size())};
  for (std::uint32_t i = 0; i < layout_->size(); ++i) {
    if (moment.part[i] < layout_->size()) continue;
    const std::vector<int> hops = layout_->HopsFrom(i);
    for (std::uint32_t j = 0; j < layout_->size(); ++j) {
      if (hops[j] >= 0) moment.part[j] = i;
    }
  }
  moments_.push_back(std::move(moment));
}

const Mobility::Moment& Mobility::At(double at_s) const {
  auto it = std::upper_bound(moments_.begin(), moments_.end(), at_s,
                             [](double t, const Moment& m) { return t < m.since_s; });
  return it == moments_.begin() ? *it : *std::prev(it);
}

bool Mobility::Connected(double at_s, std::uint32_t a, std::uint32_t b) const {
  const Moment& moment = At(at_s);
  return moment.part[a] == moment.part[b];
}

double Mobility::AgeAt(double at_s) const { return at_s - At(at_s).since_s; }

void MoveOutward(Layout* layout, std::uint32_t node, double metres) {
  Position middle;
  for (const Position& p : layout->positions) {
    middle.x += p.x / layout->size();
    middle.y += p.y / layout->size();
  }
  Position& p = layout->positions[node];
  const double x = p.x - middle.x;
  const double y = p.y - middle.y;
  const double far = std::hypot(x, y);
  p.x += far > 1 ? metres * x / far : metres;
  p.y += far > 1 ? metres * y / far : 0;
  CompleteLinks(layout);
}

}  // namespace selvage::sim
