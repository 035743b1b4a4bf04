// An Iridium SBD modem and its gateway on virtual time, with faults drawn from a seed.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/random.h"
#include "core/time.h"
#include "transports/satellite/sbd_codec.h"

namespace selvage::satellite {

class SbdEmulator {
 public:
  struct Faults {
    double session_fails = 0;  // no network, link lost, ...
    double answer_lost = 0;    // the lines of an answer never reach the host
    double garbled = 0;        // one byte of an answer changes
    double resets = 0;         // at a command: power fails; buffers empty, counters stay
    double ring_lost = 0;
    double noise = 0;  // rubbish between answers
  };
  SbdEmulator(std::uint64_t seed, Faults faults) : faults_(faults), random_(seed) {}

  // Gateway side.
  std::vector<Bytes> at_gateway;
  std::uint32_t billed = 0;  // credits on the operator's bill
  void SendToDevice(Time now, Bytes payload) {
    mailbox_.push_back(std::move(payload));
    if (!Chance(faults_.ring_lost)) Say(now + 2s, "\r\nSBDRING\r\n");
  }
  std::size_t lost_by_reset = 0;  // handed over by the gateway, gone with the modem's power
  std::size_t mailbox() const { return mailbox_.size(); }
  // Statuses that the next sessions report, before chance decides.
  std::deque<int> scripted_statuses;

  void OnBytes(Time now, ByteSpan bytes) {
    if (now < busy_until_) {
      waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
      return;
    }
    for (std::uint8_t b : bytes) OnByte(now, b);
  }
  Time NextDeadline() const {
    Time at = outputs_.empty() ? kNever : outputs_.begin()->first;
    if (busy_until_ > Time()) at = std::min(at, busy_until_);
    if (data_until_ != kNever) at = std::min(at, data_until_);
    return at;
  }
  // What reaches the host at `now`.
  Bytes Take(Time now) {
    if (data_until_ <= now && data_wanted_ > 0) {
      data_wanted_ = 0;
      data_until_ = kNever;
      Answer(now, "\r\n1\r\n\r\nOK\r\n");
    }
    if (busy_until_ > Time() && now >= busy_until_) {
      busy_until_ = Time();
      FinishSession(now);
      Bytes waiting;
      waiting.swap(waiting_);
      OnBytes(now, waiting);
    }
    Bytes out;
    while (!outputs_.empty() && outputs_.begin()->first <= now) {
      const Bytes& b = outputs_.begin()->second;
      out.insert(out.end(), b.begin(), b.end());
      outputs_.erase(outputs_.begin());
    }
    return out;
  }
  std::vector<std::string> commands;

 private:
  bool Chance(double p) { return random_.Uniform() < p; }
  void Say(Time at, const std::string& text) { outputs_.emplace(at, ByteSpan::Of(text).ToBytes()); }
  void Answer(Time now, const std::string& text) {
    if (Chance(faults_.answer_lost)) return;
    Bytes bytes = ByteSpan::Of(text).ToBytes();
    if (Chance(faults_.garbled)) {
      bytes[random_.Below(bytes.size())] = static_cast<std::uint8_t>(random_.Below(256));
    }
    outputs_.emplace(now + 20ms, bytes);
    if (Chance(faults_.noise)) {
      Bytes rubbish(random_.Below(40));
      for (auto& b : rubbish) b = static_cast<std::uint8_t>(random_.Below(256));
      outputs_.emplace(now + 25ms, rubbish);
    }
  }
  void OnByte(Time now, std::uint8_t b) {
    if (data_wanted_ > 0) {
      data_.push_back(b);
      if (data_.size() < data_wanted_) return;
      const std::size_t n = data_wanted_ - 2;
      const bool right = data_[n] * 256u + data_[n + 1] == SbdChecksum(ByteSpan(data_).Sub(0, n));
      if (right) mo_ = ByteSpan(data_).Sub(0, n).ToBytes();
      data_wanted_ = 0;
      data_until_ = kNever;
      Answer(now, right ? "\r\n0\r\n\r\nOK\r\n" : "\r\n2\r\n\r\nOK\r\n");
      return;
    }
    if (b == '\n') return;
    if (b != '\r') {
      line_.push_back(static_cast<char>(b));
      return;
    }
    std::string line;
    line.swap(line_);
    if (!line.empty()) OnCommand(now, line);
  }
  void OnCommand(Time now, const std::string& line) {
    commands.push_back(line);
    if (Chance(faults_.resets)) {
      lost_by_reset += !mt_.empty();
      mo_.clear();
      mt_.clear();
      return;
    }
    if (line.rfind("AT+SBDWB=", 0) == 0) {
      const int n = std::atoi(line.c_str() + 9);
      if (n < 1 || n > 340) return Answer(now, "\r\n3\r\n\r\nOK\r\n");
      data_.clear();
      data_wanted_ = static_cast<std::size_t>(n) + 2;
      data_until_ = now + Duration(60s);
      return Answer(now, "\r\nREADY\r\n");
    }
    if (line == "AT+SBDIX" || line == "AT+SBDIXA") {
      busy_until_ = now + 3s + Duration(static_cast<std::int64_t>(random_.Below(40'000'000'000)));
      return;
    }
    if (line == "AT+SBDRB") {
      std::string out(1, static_cast<char>(mt_.size() >> 8));
      out += static_cast<char>(mt_.size() & 255);
      out += ByteSpan(mt_).ToString();
      const std::uint16_t sum = SbdChecksum(mt_);
      out += static_cast<char>(sum >> 8);
      out += static_cast<char>(sum & 255);
      return Answer(now, out + "\r\nOK\r\n");
    }
    if (line == "AT+SBDSX") {
      return Answer(now, "\r\n+SBDSX: " + std::to_string(!mo_.empty()) + ", " +
                             std::to_string(momsn_) + ", " + std::to_string(!mt_.empty()) + ", " +
                             std::to_string(mtmsn_) + ", 0, " + std::to_string(mailbox_.size()) +
                             "\r\n\r\nOK\r\n");
    }
    if (line == "AT+SBDD0") {
      mo_.clear();
      return Answer(now, "\r\n0\r\n\r\nOK\r\n");
    }
    if (line.rfind("AT", 0) == 0) return Answer(now, "\r\nOK\r\n");
    Answer(now, "\r\nERROR\r\n");
  }
  void FinishSession(Time now) {
    int status = 0;
    if (!scripted_statuses.empty()) {
      status = scripted_statuses.front();
      scripted_statuses.pop_front();
    } else if (Chance(faults_.session_fails)) {
      constexpr int kFailures[] = {10, 13, 17, 18, 19, 32, 35, 36};
      status = kFailures[random_.Below(8)];
    }
    std::uint16_t used = momsn_;
    int mt_status = 0;
    std::size_t mt_bytes = 0;
    if (status <= 4) {
      if (!mo_.empty()) at_gateway.push_back(mo_);
      if (!mailbox_.empty()) {
        mt_ = mailbox_.front();
        mailbox_.pop_front();
        ++mtmsn_;
        mt_status = 1;
        mt_bytes = mt_.size();
      } else {
        mt_.clear();
      }
      billed += SbdCredits(mo_.size(), mt_bytes);
      ++momsn_;
    }
    Answer(now, "\r\n+SBDIX: " + std::to_string(status) + ", " + std::to_string(used) + ", " +
                    std::to_string(mt_status) + ", " + std::to_string(mtmsn_) + ", " +
                    std::to_string(mt_bytes) + ", " + std::to_string(mailbox_.size()) +
                    "\r\n\r\nOK\r\n");
  }

  Faults faults_;
  Random random_;
  std::multimap<Time, Bytes> outputs_;
  std::string line_;
  Bytes data_;
  std::size_t data_wanted_ = 0;
  Time data_until_ = kNever;
  Time busy_until_;
  Bytes waiting_;
  Bytes mo_, mt_;
  std::uint16_t momsn_ = 65530;  // soon wraps
  std::uint16_t mtmsn_ = 7;
  std::deque<Bytes> mailbox_;
};

}  // namespace selvage::satellite
