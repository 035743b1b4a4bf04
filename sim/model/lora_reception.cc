#include "sim/model/lora_reception.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "transports/lorawan/air/modulation.h"

namespace selvage::sim {
namespace {

constexpr double kThermalDbmPerHz = -174;  // at 290 K
constexpr double kNoiseless = -1000;       // dB: whatever there is, it is tolerated
constexpr double kHeaderSymbols = 8;       // AN1200.13: the first block, with the header
constexpr double kSyncSymbols = 4.25;
// Powers are doubles: what is equal must not differ in the last digit.
constexpr double kEqualDb = 1e-6;

bool Overlaps(const LoraSignal& a, const LoraSignal& b) {
  return std::abs(a.frequency_hz - b.frequency_hz) < (a.bandwidth_hz + b.bandwidth_hz) / 2;
}

}  // namespace

const LoraIsolation& CroceIsolation() {
  static const LoraIsolation kTable = {{{1, -8, -9, -9, -9, -9},
                                        {-11, 1, -11, -12, -13, -13},
                                        {-15, -13, 1, -13, -14, -15},
                                        {-19, -18, -17, 1, -17, -18},
                                        {-22, -22, -21, -20, 1, -20},
                                        {-25, -25, -25, -24, -23, 1}}};
  return kTable;
}

const LoraIsolation& GoursaudIsolation() {
  static const LoraIsolation kTable = {{{6, -16, -18, -19, -19, -20},
                                        {-24, 6, -20, -22, -22, -22},
                                        {-27, -27, 6, -23, -25, -25},
                                        {-30, -30, -30, 6, -26, -28},
                                        {-33, -33, -33, -33, 6, -29},
                                        {-36, -36, -36, -36, -36, 6}}};
  return kTable;
}

const LoraIsolation& PerfectIsolation() {
  static const LoraIsolation kTable = [] {
    LoraIsolation table;
    for (auto& row : table) row.fill(kNoiseless);
    return table;
  }();
  return kTable;
}

std::string_view ToString(LoraFate fate) {
  switch (fate) {
    case LoraFate::kReceived: return "received";
    case LoraFate::kTooWeak: return "too weak";
    case LoraFate::kNotTuned: return "not tuned";
    case LoraFate::kDeaf: return "sending";
    case LoraFate::kNoPreamble: return "no preamble";
    case LoraFate::kBusy: return "busy";
    case LoraFate::kInterference: return "interference";
    case LoraFate::kOtherFactor: return "other spreading factor";
  }
  return "";
}

double LoraSensitivityDbm(int spreading_factor, std::int64_t bandwidth_hz, double noise_figure_db) {
  return kThermalDbmPerHz + 10 * std::log10(static_cast<double>(bandwidth_hz)) + noise_figure_db +
         lorawan::RequiredSnrDeciDb(spreading_factor) / 10.0;
}

Duration LoraReceiver::SymbolsOf(const LoraSignal& signal, double symbols) const {
  lorawan::LoraModulation modulation;
  modulation.spreading_factor = signal.spreading_factor;
  modulation.bandwidth_hz = signal.bandwidth_hz;
  const Duration one = lorawan::LoraSymbolTime(modulation);
  return Duration(static_cast<std::int64_t>(static_cast<double>(one.count()) * symbols));
}

void LoraReceiver::OnStart(const LoraSignal& signal) {
  const Time now = signal.start;
  CatchUp(now);
  if (air_.size() >= kSignalsMax) {
    ++overflow_;
    return;
  }
  Heard heard;
  heard.signal = signal;
  heard.milliwatts = std::pow(10, signal.dbm / 10);
  heard.lock_until = now + SymbolsOf(signal, signal.preamble_symbols);
  heard.header_end = now + SymbolsOf(signal, signal.preamble_symbols + kSyncSymbols +
                                                 kHeaderSymbols);
  const auto& tuned = options_.frequencies_hz;
  if (std::find(tuned.begin(), tuned.end(), signal.frequency_hz) == tuned.end() ||
      (options_.spreading_factor != 0 && options_.spreading_factor != signal.spreading_factor)) {
    heard.fate = LoraFate::kNotTuned;
  } else if (signal.dbm < LoraSensitivityDbm(signal.spreading_factor, signal.bandwidth_hz,
                                             options_.noise_figure_db)) {
    heard.fate = LoraFate::kTooWeak;
  } else {
    heard.candidate = true;
    if (now < deaf_until_) heard.fate = LoraFate::kDeaf;
  }
  air_.push_back(heard);
  Judge(now);
}

LoraFate LoraReceiver::OnEnd(std::uint64_t id) {
  const auto it = std::find_if(air_.begin(), air_.end(),
                               [id](const Heard& h) { return h.signal.id == id; });
  if (it == air_.end()) return LoraFate::kBusy;  // beyond kSignalsMax
  const Time now = it->signal.end;
  CatchUp(now);
  const Heard ended = *it;
  air_.erase(it);
  Judge(now);
  return ended.locked && !ended.spoilt ? LoraFate::kReceived : ended.fate;
}

void LoraReceiver::OnTransmit(Time now, Time until) {
  CatchUp(now);
  deaf_until_ = std::max(deaf_until_, until);
  for (Heard& heard : air_) {
    if (!heard.candidate) continue;
    heard.fate = LoraFate::kDeaf;
    heard.spoilt = heard.spoilt || heard.locked;
    heard.locked = false;
    heard.clean_since = kNever;
  }
  Judge(now);
}

bool LoraReceiver::Busy(Time now) {
  CatchUp(now);
  return std::any_of(air_.begin(), air_.end(), [](const Heard& h) { return h.candidate; });
}

void LoraReceiver::CatchUp(Time now) {
  while (true) {
    Heard* next = nullptr;
    Time due = kNever;
    for (Heard& heard : air_) {
      if (!heard.candidate || heard.locked || heard.spoilt || heard.clean_since == kNever) continue;
      const Time at = heard.clean_since + SymbolsOf(heard.signal, kLockSymbols);
      if (at < due) {
        due = at;
        next = &heard;
      }
    }
    if (next == nullptr || due > now) return;
    if (due > next->lock_until) {  // too few symbols were left
      next->clean_since = kNever;
      continue;
    }
    TryLock(next);
  }
}

void LoraReceiver::TryLock(Heard* heard) {
  int with_others = 0;
  bool taken = false;
  for (const Heard& other : air_) {
    if (!other.locked) continue;
    ++with_others;
    taken = taken || (other.signal.frequency_hz == heard->signal.frequency_hz &&
                      other.signal.spreading_factor == heard->signal.spreading_factor);
  }
  if (taken || with_others >= options_.demodulators) {
    heard->fate = LoraFate::kBusy;
    heard->clean_since = kNever;
    return;
  }
  heard->locked = true;
}

void LoraReceiver::Judge(Time now) {
  for (Heard& heard : air_) {
    if (!heard.candidate || heard.spoilt) continue;
    if (heard.locked) {
      const LoraFate fate = Against(heard, options_.keep_db);
      if (fate != LoraFate::kReceived) Spoil(&heard, now, fate);
      continue;
    }
    const LoraFate fate = Against(heard, options_.search_db);
    if (fate != LoraFate::kReceived) {
      heard.clean_since = kNever;
      heard.fate = LoraFate::kNoPreamble;
      heard.spoilt = !options_.capture && fate == LoraFate::kInterference;
    } else if (heard.clean_since == kNever && heard.fate != LoraFate::kBusy) {
      heard.clean_since = std::max(now, deaf_until_);
    }
  }
}

LoraFate LoraReceiver::Against(const Heard& heard, double same_db) const {
  std::array<double, kLoraFactors> milliwatts{};
  const int own = heard.signal.spreading_factor - 7;
  for (const Heard& other : air_) {
    if (other.signal.id == heard.signal.id || !Overlaps(other.signal, heard.signal)) continue;
    double& sum = milliwatts[other.signal.spreading_factor - 7];
    // Chirps of the same slope end up in one bin of the demodulator each: the strongest decides.
    sum = other.signal.spreading_factor - 7 == own ? std::max(sum, other.milliwatts)
                                                   : sum + other.milliwatts;
  }
  for (int factor = 0; factor < kLoraFactors; ++factor) {
    if (milliwatts[factor] <= 0) continue;
    const double margin_db = 10 * std::log10(heard.milliwatts / milliwatts[factor]);
    if (factor == own && (!options_.capture || margin_db < same_db - kEqualDb)) {
      return LoraFate::kInterference;
    }
    if (factor != own && margin_db < options_.isolation[own][factor] - kEqualDb) {
      return LoraFate::kOtherFactor;
    }
  }
  return LoraFate::kReceived;
}

void LoraReceiver::Spoil(Heard* heard, Time now, LoraFate why) {
  heard->spoilt = true;
  heard->fate = why;
  if (now < heard->header_end) heard->locked = false;
}

}  // namespace selvage::sim
