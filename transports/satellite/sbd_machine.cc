#include "transports/satellite/sbd_machine.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace selvage::satellite {
namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr int kStatusReadingsMax = 10;
constexpr int kStatusWaitThreeMinutes = 36;  // "try later: too many registrations"

}  // namespace

SbdMachine::SbdMachine(Random* random, const std::string& record) : random_(random) {
  Restore(record);
}

// Record: version, then the last message received (present u8, MTMSN u16), then the one being sent
// (present u8, token u64, MOMSN u16, payload).
std::string SbdMachine::Record() const {
  if (!current_ && !mt_delivered_) return "";
  Bytes out(16 + kMoBytesMax);
  ByteWriter w(out);
  w.U8(kRecordVersion);
  w.U8(mt_delivered_);
  w.U16(mtmsn_last_);
  w.U8(current_.has_value());
  if (current_) {
    w.U64(current_->token);
    w.U16(current_->momsn.value_or(0));
    w.Put(current_->payload);
  }
  assert(w.ok());
  return w.written().ToString();
}

void SbdMachine::Restore(const std::string& record) {
  ByteReader r(ByteSpan::Of(record));
  if (record.empty() || r.U8() != kRecordVersion) return;
  mt_delivered_ = r.U8() != 0;
  mtmsn_last_ = r.U16();
  if (r.U8() == 0 || !r.ok()) return;
  Message m;
  m.token = r.U64();
  m.momsn = r.U16();
  m.payload = r.Rest().ToBytes();
  if (!r.ok() || m.payload.empty() || m.payload.size() > kMoBytesMax) return;
  // A session may have been under way when the earlier life ended.
  before_ = m.momsn;
  session_had_message_ = true;
  restored_ = true;
  current_ = std::move(m);
}

std::optional<std::uint64_t> SbdMachine::current() const {
  if (!current_) return std::nullopt;
  return current_->token;
}

SbdMachine::Submitted SbdMachine::Submit(Time now, std::uint64_t token, ByteSpan payload) {
  if (payload.empty() || payload.size() > kMoBytesMax) return Submitted::kTooBig;
  if (queue_.size() >= kQueueMax) return Submitted::kFull;
  if (SbdCredits(payload.size(), 0) > budget_) return Submitted::kNoBudget;
  queue_.push_back({token, payload.ToBytes(), std::nullopt});
  if (step_ == Step::kIdle) Proceed(now);
  return Submitted::kAccepted;
}

void SbdMachine::SetBudget(Time now, std::uint64_t credits) {
  budget_ = credits;
  if (step_ == Step::kIdle) Proceed(now);
}

void SbdMachine::Bill(std::uint32_t credits) {
  counters_.credits += credits;
  budget_ -= std::min<std::uint64_t>(budget_, budget_ == UINT64_MAX ? 0 : credits);
  effects_.push_back(SbdBilled{credits});
}

std::optional<SbdEffect> SbdMachine::PollEffect() {
  if (effects_.empty()) return std::nullopt;
  SbdEffect e = std::move(effects_.front());
  effects_.pop_front();
  return e;
}

void SbdMachine::Command(Time now, Step step, const std::string& text, Duration timeout) {
  step_ = step;
  deadline_ = now + timeout;
  number_.reset();
  status_line_.reset();
  effects_.push_back(SbdWrite{ByteSpan::Of(text + "\r").ToBytes()});
}

void SbdMachine::OnPortUp(Time now) { Sync(now); }

void SbdMachine::OnPortDown() {
  step_ = Step::kClosed;
  deadline_ = kNever;
  reader_.Clear();
  signal_.reset();
  visible_.reset();
}

void SbdMachine::Sync(Time now) {
  quiet_ = false;
  reader_.Clear();
  Command(now, Step::kSync, "AT", kSyncInterval);
}

void SbdMachine::OnTimeout(Time now) {
  if (now < deadline_) return;
  switch (step_) {
    case Step::kClosed:
      deadline_ = kNever;
      return;
    case Step::kIdle:
      Proceed(now);
      return;
    case Step::kSync:
      if (!quiet_) return Sync(now);
      quiet_ = false;
      return Command(now, Step::kNoEcho, "ATE0");
    default:
      ++counters_.resets;
      Sync(now);
  }
}

void SbdMachine::OnBytes(Time now, ByteSpan bytes) {
  if (step_ == Step::kClosed) return;
  reader_.OnBytes(bytes);
  if (step_ == Step::kSync && quiet_) deadline_ = now + kQuiet;
  // Each turn takes input away or ends the loop.
  while (true) {
    if (step_ == Step::kRead && ReadBlock(now)) continue;
    if (step_ == Step::kRead && reader_.size() > 0 && reader_.Peek(0) <= 1) return;
    const std::optional<std::string> line = reader_.NextLine();
    if (!line) return;
    OnLine(now, *line);
  }
}

// The answer to SBDRB is raw: length u16, data, checksum u16. A length is at most 270, so its first
// byte is 0 or 1, and everything else before it is text: an end of line, or an alert.
bool SbdMachine::ReadBlock(Time now) {
  if (number_) return false;  // read already: only OK is missing
  while (reader_.size() > 0 && (reader_.Peek(0) == '\r' || reader_.Peek(0) == '\n')) {
    reader_.NextBlock(1);
  }
  if (reader_.size() < 2 || reader_.Peek(0) > 1) return false;
  const std::size_t length = reader_.Peek(0) * 256u + reader_.Peek(1);
  if (length > kMtBytesMax) {
    ++counters_.resets;
    Sync(now);
    return true;
  }
  const std::optional<Bytes> block = reader_.NextBlock(2 + length + 2);
  if (!block) return false;
  const ByteSpan data = ByteSpan(*block).Sub(2, length);
  const std::uint16_t sum =
      static_cast<std::uint16_t>((*block)[2 + length] * 256u + (*block)[3 + length]);
  if (sum != SbdChecksum(data)) {  // set up anew; the status then says that it is still there
    ++counters_.resets;
    Sync(now);
    return true;
  }
  if (length > 0) {
    ++counters_.received;
    effects_.push_back(SbdReceived{data.ToBytes(), status_->mtmsn});
    // A session whose answer was lost has not been billed for this direction yet.
    if (!session_) Bill(SbdCredits(0, length));
  }
  mtmsn_last_ = status_->mtmsn;
  mt_delivered_ = true;
  effects_.push_back(SbdPersist{Record()});
  number_ = 0;
  return true;
}

bool SbdMachine::OnUnsolicited(Time now, const std::string& line) {
  if (line == "SBDRING") {
    ++counters_.rings;
    ring_ = true;
    if (step_ == Step::kIdle) Proceed(now);
    return true;
  }
  if (line.rfind("+CIEV:", 0) != 0) return false;
  std::string rest = line.substr(6);
  rest.erase(std::remove(rest.begin(), rest.end(), ' '), rest.end());
  if (rest.size() != 3 || rest[1] != ',' || rest[2] < '0' || rest[2] > '5') return true;
  if (rest[0] == '0') signal_ = rest[2] - '0';
  if (rest[0] == '1') {
    const bool visible = rest[2] != '0';
    if (!visible && visible_ != false) blind_until_ = now + kBlindMax;
    visible_ = visible;
    if (step_ == Step::kIdle) Proceed(now);
  }
  return true;
}

void SbdMachine::OnLine(Time now, const std::string& line) {
  if (OnUnsolicited(now, line)) return;
  if (line == "OK" || line == "ERROR") return OnFinal(now, line == "OK");
  switch (step_) {
    case Step::kStatus:
      if (const auto status = ParseSbdStatus(line)) status_line_ = status;
      return;
    case Step::kSession:
      if (const auto session = ParseSbdSession(line)) session_ = session;
      return;
    case Step::kWriteCommand:
      if (line == "READY") {
        effects_.push_back(SbdWrite{EncodeSbdBlock(current_->payload)});
        step_ = Step::kWriteData;
        deadline_ = now + 70s;  // the modem itself waits 60 s
      }
      [[fallthrough]];
    case Step::kWriteData:
      if (line.size() == 1 && line[0] >= '0' && line[0] <= '3') number_ = line[0] - '0';
      return;
    default:
      return;  // noise, echo, a report that we did not ask for
  }
}

void SbdMachine::OnFinal(Time now, bool ok) {
  switch (step_) {
    case Step::kSync:
      quiet_ = true;
      deadline_ = now + kQuiet;
      return;
    case Step::kNoEcho:
      return Command(now, Step::kNoFlowControl, "AT&K0");
    case Step::kNoFlowControl:
      return Command(now, Step::kReports, "AT+CIER=1,1,1");
    case Step::kReports:
      return Command(now, Step::kRingAlerts, "AT+SBDMTA=1");
    case Step::kRingAlerts:
      status_readings_ = 0;
      status_.reset();
      return ReadStatus(now);
    case Step::kStatus:
      return OnStatusRead(now);
    case Step::kWriteData:
      if (ok && number_ == 0) {
        ++counters_.sessions;
        before_ = current_->momsn;
        session_.reset();
        session_had_message_ = true;
        return Command(now, Step::kSession, ring_ ? "AT+SBDIXA" : "AT+SBDIX", kSessionTimeout);
      }
      [[fallthrough]];
    case Step::kWriteCommand:  // the modem did not take the message: nothing was spent
      BackOff(now, 0);
      return Sync(now);
    case Step::kSession:
      if (!session_) return Sync(now);  // its answer may still come
      status_readings_ = 0;
      status_.reset();
      return ReadStatus(now);
    case Step::kRead:
      if (!number_) return Sync(now);
      [[fallthrough]];
    case Step::kClear:
      if (step_ == Step::kClear) status_->mo_full = false;
      step_ = Step::kIdle;
      return Proceed(now);
    case Step::kClosed:
    case Step::kIdle:
      return;
  }
}

void SbdMachine::ReadStatus(Time now) {
  ++status_readings_;
  Command(now, Step::kStatus, "AT+SBDSX");
}

void SbdMachine::OnStatusRead(Time now) {
  if (!status_line_ || status_readings_ > kStatusReadingsMax) {
    ++counters_.resets;
    return Sync(now);
  }
  const std::optional<SbdStatus> earlier = status_;
  status_ = status_line_;
  const bool same = earlier && earlier->momsn == status_->momsn &&
                    earlier->mtmsn == status_->mtmsn && earlier->mt_full == status_->mt_full &&
                    earlier->mo_full == status_->mo_full;
  if (!same) return ReadStatus(now);
  ring_ = ring_ || status_->ring;
  if (before_) Settle(now);
  if (status_->mt_full && (!mt_delivered_ || status_->mtmsn != mtmsn_last_)) {
    return Command(now, Step::kRead, "AT+SBDRB");
  }
  step_ = Step::kIdle;
  Proceed(now);
}

void SbdMachine::Settle(Time now) {
  const bool moved = status_->momsn != *before_;
  const std::size_t mo_bytes = session_had_message_ && current_ ? current_->payload.size() : 0;
  const std::optional<SbdSession> answer = session_;
  before_.reset();
  const bool earlier_life = std::exchange(restored_, false);
  const bool says_sent = answer && answer->sent();
  if (moved) {
    Bill(SbdCredits(mo_bytes, answer ? answer->mt_bytes : 0));
    ring_ = answer && answer->mt_queued > 0;
    retry_wait_ = kRetryFirst;
  }
  if (!session_had_message_) {
    if (!moved) BackOff(now, answer ? answer->mo_status : 0);
    return;
  }
  if (moved && !(answer && answer->refused_by_gateway())) return FinishMessage(says_sent);
  if (!moved && says_sent) {
    ++counters_.uncertain;
    if (contradicted_) return FinishMessage(true);
    contradicted_ = true;
  } else if (moved) {
    ++counters_.uncertain;
    current_->momsn = status_->momsn;
    effects_.push_back(SbdPersist{Record()});
  } else if (earlier_life) {
    return;  // at once: nothing says that a session failed
  }
  BackOff(now, answer ? answer->mo_status : 0);
}

void SbdMachine::FinishMessage(bool answered) {
  const std::uint64_t token = current_->token;
  current_.reset();
  contradicted_ = false;
  ++counters_.sent;
  if (!answered) ++counters_.recovered;
  effects_.push_back(SbdSent{token});
  effects_.push_back(SbdPersist{Record()});
}

void SbdMachine::BackOff(Time now, int mo_status) {
  ++counters_.sessions_failed;
  // A fifth either way, so that many devices under one satellite do not try again together.
  const double jitter = 0.8 + 0.4 * random_->Uniform();
  Duration wait = retry_wait_;
  if (mo_status == kStatusWaitThreeMinutes) wait = std::max<Duration>(wait, 4min);
  retry_at_ = now + Duration(static_cast<std::int64_t>(static_cast<double>(wait.count()) * jitter));
  retry_wait_ = std::min(retry_wait_ * 2, kRetryMax);
}

// From kIdle: what is worth a session now?
void SbdMachine::Proceed(Time now) {
  deadline_ = kNever;
  const bool message = current_ || !queue_.empty();
  if (status_->mo_full && !current_) return Command(now, Step::kClear, "AT+SBDD0");
  if (!message && !ring_) return;
  Time at = retry_at_;
  if (visible_ == false) at = std::max(at, blind_until_);
  if (now < at) {
    deadline_ = at;
    return;
  }
  const std::size_t bytes =
      current_ ? current_->payload.size() : (queue_.empty() ? 0 : queue_.front().payload.size());
  if (SbdCredits(bytes, ring_ ? kMtBytesMax : 0) > budget_) return;  // until SetBudget
  if (!message) {
    ++counters_.sessions;
    before_ = status_->momsn;
    session_.reset();
    session_had_message_ = false;
    return Command(now, Step::kSession, "AT+SBDIXA", kSessionTimeout);
  }
  if (!current_) {
    current_ = std::move(queue_.front());
    queue_.pop_front();
  }
  if (current_->momsn != status_->momsn) {
    current_->momsn = status_->momsn;
    effects_.push_back(SbdPersist{Record()});
  }
  Command(now, Step::kWriteCommand, "AT+SBDWB=" + std::to_string(current_->payload.size()));
}

}  // namespace selvage::satellite
