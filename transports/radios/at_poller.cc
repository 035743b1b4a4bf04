#include "transports/radios/at_poller.h"

#include <algorithm>
#include <utility>

namespace selvage {
namespace {

constexpr const char* kQuestions[] = {"AT+CSQ",    "AT+CESQ",   "AT+CREG?",
                                      "AT+CEREG?", "AT+C5GREG?", "AT+QENG=\"servingcell\""};

bool SameSignal(const redcap::CellSignal& a, const redcap::CellSignal& b) {
  return a.rsrp_dbm == b.rsrp_dbm && a.rsrq_db == b.rsrq_db && a.sinr_db == b.sinr_db &&
         a.rssi_dbm == b.rssi_dbm;
}

bool SameState(const AtPoller::State& a, const AtPoller::State& b) {
  return a.answering == b.answering && a.registered == b.registered &&
         a.technology == b.technology && a.rssi_dbm == b.rssi_dbm && SameSignal(a.lte, b.lte) &&
         SameSignal(a.nr, b.nr);
}

// What a line leaves out is not taken back: another line of the same round may have said it.
void Merge(const redcap::CellSignal& in, redcap::CellSignal* out) {
  if (in.rsrp_dbm) out->rsrp_dbm = in.rsrp_dbm;
  if (in.rsrq_db) out->rsrq_db = in.rsrq_db;
  if (in.sinr_db) out->sinr_db = in.sinr_db;
  if (in.rssi_dbm) out->rssi_dbm = in.rssi_dbm;
}

bool IsNr(redcap::AccessTechnology t) {
  return t == redcap::AccessTechnology::kNrSa || t == redcap::AccessTechnology::kNrNsa;
}

}  // namespace

AtPoller::AtPoller(Reactor& reactor, std::string port, int baud, std::function<void()> on_change)
    : reactor_(reactor),
      on_change_(std::move(on_change)),
      port_(reactor, std::move(port), baud,
            {[this] {
               next_ = 0;
               asked_ = false;
               due_ = reactor_.now();
             },
             [this](const std::string&) {
               Forget();
               timer_->ArmAt(port_.NextDeadline());  // for the next attempt to open it
             },
             [this](ByteSpan b) { OnBytes(b); }}) {}

absl::Status AtPoller::Start() {
  auto timer = ReactorTimer::Create(reactor_, [this] { OnDue(); });
  if (!timer.ok()) return timer.status();
  timer_ = *std::move(timer);
  timer_->Arm(1ns);
  return absl::OkStatus();
}

void AtPoller::Forget() {
  due_ = kNever;
  reader_.Clear();
  state_ = State();
  if (!SameState(state_, told_)) {
    told_ = state_;
    on_change_();
  }
}

void AtPoller::OnDue() {
  const Time now = reactor_.ReadClock();
  if (now >= port_.NextDeadline()) port_.OnTimeout(now);
  if (port_.up() && now >= due_) {
    if (asked_) {  // no answer: the next question
      asked_ = false;
      ++next_;
    }
    AskNext(now);
  }
  timer_->ArmAt(std::min(port_.NextDeadline(), due_));
}

void AtPoller::AskNext(Time now) {
  if (next_ >= std::size(kQuestions)) {
    next_ = 0;
    if (said_registration_) state_.registered = registered_here_;
    said_registration_ = registered_here_ = false;
    due_ = now + kInterval;
    if (!SameState(state_, told_)) {
      told_ = state_;
      on_change_();
    }
    state_.lte = state_.nr = {};
    state_.rssi_dbm.reset();
    return;
  }
  port_.Write(now, ByteSpan::Of(std::string(kQuestions[next_]) + "\r"));
  asked_ = true;
  due_ = now + kAnswerMax;
}

void AtPoller::OnBytes(ByteSpan bytes) {
  reader_.OnBytes(bytes);
  while (const auto line = reader_.NextLine()) OnLine(*line);
  timer_->ArmAt(std::min(port_.NextDeadline(), due_));
}

void AtPoller::OnLine(const std::string& line) {
  state_.answering = true;
  if (const auto csq = redcap::ParseCsq(line)) {
    if (csq->rssi_dbm) state_.rssi_dbm = csq->rssi_dbm;
  } else if (const auto cesq = redcap::ParseCesq(line)) {
    Merge(cesq->lte, &state_.lte);
    Merge(cesq->nr, &state_.nr);
  } else if (const auto registration = redcap::ParseRegistration(line)) {
    said_registration_ = true;
    if (registration->registered()) {
      registered_here_ = true;
      if (registration->technology != redcap::AccessTechnology::kUnknown) {
        state_.technology = registration->technology;
      }
    }
  } else if (const auto cell = redcap::ParseServingCell(line)) {
    Merge(cell->signal, IsNr(cell->technology) ? &state_.nr : &state_.lte);
    if (cell->technology != redcap::AccessTechnology::kUnknown) {
      state_.technology = cell->technology;
    }
  }
  const bool end = line == "OK" || line.rfind("ERROR", 0) == 0 || line.rfind("+CME ERROR", 0) == 0;
  if (end && asked_) {
    asked_ = false;
    ++next_;
    AskNext(reactor_.now());
  }
}

}  // namespace selvage
