// What one LoRa receiver makes of all signals that reach it: which frames it locks on, and which of
// them survive the others.
//
// A demodulator finds a frame by its preamble and then stays with it until the frame ends, whatever
// comes later: capture is a matter of time as much as of power. So, after the measurements of
// Haxhibeqiri et al., "LoRa Scalability: A Simulation Model Based on Interference Measurements",
// Sensors 17(6):1193, 2017:
//
// - A frame is locked on once six preamble symbols in a row came through (the first six or later
//   ones; eight are sent). Through means: stronger by `search_db` than all others of its spreading
//   factor together.
// - From then on it survives what is not stronger than itself (`keep_db`, 0: equal powers are
//   survived). Later frames of the same channel and spreading factor find nobody who listens.
// - A frame spoilt before its header ended frees the demodulator; one spoilt later does not.
// - Other spreading factors are noise, tolerated up to the margins that Croce et al. measured
//   ("Impact of LoRa Imperfect Orthogonality", IEEE Communications Letters 22(4), 2018).
//
// With `capture` off any overlap of the same channel and spreading factor spoils both frames, which
// is pure ALOHA. A radio that sends hears nothing. Interference is judged at its worst moment,
// summed over senders: coding rate 4/5 detects errors and repairs none.
//
// Pure computation: no ns-3 type here; time is an argument and never goes back. Between calls
// nothing needs to be woken: what should have happened is caught up with by the next one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/time.h"

namespace selvage::sim {

inline constexpr int kLoraFactors = 6;  // SF7 to SF12

// By how many dB a frame must be stronger (negative: may be weaker) than interference, [of frame's
// SF - 7][of interference's SF - 7]. The diagonal is not used.
using LoraIsolation = std::array<std::array<double, kLoraFactors>, kLoraFactors>;
// Croce et al. 2018, table I (measured with SX1272 chips).
const LoraIsolation& CroceIsolation();
// Goursaud and Gorce, "Dedicated networks for IoT", EAI Endorsed Transactions 2015 (computed).
const LoraIsolation& GoursaudIsolation();
// Spreading factors do not hear each other at all.
const LoraIsolation& PerfectIsolation();

enum class LoraFate : std::uint8_t {
  kReceived,
  kTooWeak,       // below sensitivity
  kNotTuned,      // another channel or spreading factor
  kDeaf,          // we were sending
  kNoPreamble,    // too much interference while it was looked for
  kBusy,          // the demodulator was with another frame, or all of them were
  kInterference,  // locked on, then spoilt by the same spreading factor
  kOtherFactor,   // ... by another one
};
std::string_view ToString(LoraFate fate);

struct LoraSignal {
  std::uint64_t id = 0;  // unique among those in the air
  std::int64_t frequency_hz = 0;
  std::int64_t bandwidth_hz = 125000;
  int spreading_factor = 7;
  int preamble_symbols = 8;  // without the 4.25 of sync
  double dbm = 0;            // at the receiver
  Time start{};
  Time end{};
};

// -174 dBm/Hz + 10 log10(bandwidth) + noise figure + the SNR that the chip needs (the product's
// table). A noise figure of 6 dB gives the figures of SX1276 within 1 dB; 0.5 dB those that Semtech
// states for SX1301 gateways.
double LoraSensitivityDbm(int spreading_factor, std::int64_t bandwidth_hz, double noise_figure_db);

class LoraReceiver {
 public:
  struct Options {
    std::vector<std::int64_t> frequencies_hz = {868'100'000};
    int spreading_factor = 7;  // 0: all of them at once, as gateways do
    int demodulators = 1;      // frames at the same time; 8 for a SX1301
    double noise_figure_db = 6;
    bool capture = true;
    double search_db = 0;
    double keep_db = 0;
    LoraIsolation isolation = CroceIsolation();
  };
  // Signals in the air beyond this are not tracked, and lost; `overflow()` counts them.
  static constexpr std::size_t kSignalsMax = 1024;
  static constexpr int kLockSymbols = 6;

  explicit LoraReceiver(Options options) : options_(std::move(options)) {}

  // A signal begins; now = signal.start.
  void OnStart(const LoraSignal& signal);
  // It ends; now = its end. Once per OnStart.
  LoraFate OnEnd(std::uint64_t id);
  // We send from `now` until `until`: what is on air now is lost, and what begins meanwhile.
  void OnTransmit(Time now, Time until);
  // A preamble or frame is being received: what "channel activity detection" would tell.
  bool Busy(Time now);

  const Options& options() const { return options_; }
  void SetSpreadingFactor(int factor) { options_.spreading_factor = factor; }
  std::uint64_t overflow() const { return overflow_; }

 private:
  struct Heard {
    LoraSignal signal;
    double milliwatts = 0;
    bool candidate = false;     // strong enough and tuned to
    bool locked = false;
    bool spoilt = false;
    LoraFate fate = LoraFate::kNoPreamble;
    Time clean_since = kNever;  // kNever: not clean now
    Time lock_until{};          // end of the preamble
    Time header_end{};
  };

  // Locks on to what has had its six symbols by `now`, in order of time.
  void CatchUp(Time now);
  void TryLock(Heard* heard);
  // After a change of what is in the air at `now`.
  void Judge(Time now);
  // kReceived: tolerable. `same_db` is asked of its own spreading factor.
  LoraFate Against(const Heard& heard, double same_db) const;
  void Spoil(Heard* heard, Time now, LoraFate why);
  Duration SymbolsOf(const LoraSignal& signal, double symbols) const;

  Options options_;
  std::vector<Heard> air_;
  Time deaf_until_ = Time::min();
  std::uint64_t overflow_ = 0;
};

}  // namespace selvage::sim
