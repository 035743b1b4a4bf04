#include "transports/modem/lora_modem.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace selvage::modem {
namespace {

constexpr int kBusyTriesMax = 10;
constexpr std::size_t kLorawanBytesMax = 242;
const char* const kListen = "AT+PRECV=65534";  // until told to stop
const char* const kStopListening = "AT+PRECV=0";

lorawan::DataRate RateOf(const LoraChannel& c) {
  lorawan::DataRate rate;
  rate.spreading_factor = c.spreading_factor;
  rate.bandwidth_hz = c.bandwidth_hz;
  return rate;
}

Duration AirtimeOf(const LoraChannel& c, std::size_t bytes) {
  lorawan::LoraModulation m;
  m.spreading_factor = c.spreading_factor;
  m.bandwidth_hz = c.bandwidth_hz;
  m.coding_rate = c.coding_rate;
  m.preamble_symbols = c.preamble_symbols;
  return lorawan::LoraTimeOnAir(m, bytes);
}

}  // namespace

LoraModem::LoraModem(LoraModemConfig config, Random* random, lorawan::DutyLedger* ledger)
    : config_(std::move(config)), random_(random), ledger_(ledger) {
  assert(!config_.peer_to_peer || (config_.dialect == LoraDialect::kRui3 && ledger != nullptr));
}

std::optional<LoraEffect> LoraModem::PollEffect() {
  if (effects_.empty()) return std::nullopt;
  LoraEffect e = std::move(effects_.front());
  effects_.pop_front();
  return e;
}

void LoraModem::OnPortUp(Time now) {
  timeouts_ = 0;
  Start(now);
}

void LoraModem::OnPortDown() {
  if (state_ == State::kSending) {
    effects_.push_back(LoraTxResult{queue_.front().token, LoraOutcome::kUnknown});
    queue_.pop_front();
  }
  state_ = State::kClosed;
  deadline_ = kNever;
  commands_.clear();
  outstanding_ = false;
  reader_.Clear();
  if (told_ready_) effects_.push_back(LoraDown{"the modem's port closed"});
  told_ready_ = false;
}

void LoraModem::Start(Time now) {
  state_ = State::kSetup;
  reader_.Clear();
  pending_.reset();
  flush_at_ = kNever;
  early_.reset();
  signal_.reset();
  listening_ = false;
  commands_ = {"AT"};
  const std::vector<std::string> setup =
      config_.peer_to_peer ? P2pSetup(config_.channel)
                           : LorawanSetup(config_.dialect, config_.identity, config_.class_c,
                                          config_.adr, config_.data_rate);
  commands_.insert(commands_.end(), setup.begin(), setup.end());
  outstanding_ = false;
  NextCommand(now);
}

void LoraModem::Issue(Time now, const std::string& command) {
  outstanding_ = true;
  last_command_ = command;
  deadline_ = now + kCommandTimeout;
  effects_.push_back(LoraWrite{ByteSpan::Of(command + "\r\n").ToBytes()});
}

void LoraModem::NextCommand(Time now) {
  if (commands_.empty()) return;
  const std::string command = commands_.front();
  commands_.pop_front();
  Issue(now, command);
}

void LoraModem::OnBytes(Time now, ByteSpan bytes) {
  if (state_ == State::kClosed) return;
  reader_.OnBytes(bytes);
  while (const std::optional<std::string> line = reader_.NextLine()) {
    OnLine(now, ParseLoraLine(config_.dialect, *line));
  }
}

void LoraModem::Deliver(LoraLine line) {
  ++counters_.received;
  effects_.push_back(LoraReceived{line.port, std::move(line.payload), line.signal});
}

void LoraModem::Flush() {
  if (!pending_) return;
  LoraLine line = std::move(*pending_);
  pending_.reset();
  flush_at_ = kNever;
  Deliver(std::move(line));
}

void LoraModem::OnLine(Time now, const LoraLine& line) {
  using Kind = LoraLine::Kind;
  if (line.kind == Kind::kSignal && pending_) {
    pending_->signal = line.signal;
    return Flush();
  }
  if (line.kind != Kind::kOther) Flush();
  switch (line.kind) {
    case Kind::kOk:
    case Kind::kError:
      if (outstanding_) OnAnswer(now, line);
      return;
    case Kind::kSignal:
      signal_ = line.signal;
      return;
    case Kind::kReceived: {
      LoraLine received = line;
      if (!received.signal) received.signal = std::exchange(signal_, std::nullopt);
      if (received.signal || config_.dialect == LoraDialect::kRui3) {
        return Deliver(std::move(received));
      }
      pending_ = std::move(received);  // ST tells the signal in the next line
      flush_at_ = now + Duration(500ms);
      return;
    }
    case Kind::kP2pReceived:
      return Deliver(line);
    case Kind::kP2pTimeout:
      listening_ = false;
      if (state_ == State::kReady) TrySend(now);
      return;
    case Kind::kJoined:
      if (state_ != State::kJoining) return;
      ++counters_.joins;
      return OnSetupDone(now);
    case Kind::kJoinFailed:
      if (state_ != State::kJoining) return;
      ++counters_.joins_failed;
      return Pause(now, "the network did not answer the join (" + line.text + ")");
    case Kind::kTxDone:
      if (state_ == State::kSending && !queue_.front().confirmed && commands_.empty()) {
        OnOutcome(now, LoraOutcome::kSent);
      }
      return;
    case Kind::kAcknowledged:
      if (state_ == State::kSending) OnOutcome(now, LoraOutcome::kAcknowledged);
      return;
    case Kind::kNotAcknowledged:
      if (state_ == State::kSending) OnOutcome(now, LoraOutcome::kNotAcknowledged);
      return;
    case Kind::kOther:
      return;
  }
}

void LoraModem::OnAnswer(Time now, const LoraLine& line) {
  outstanding_ = false;
  timeouts_ = 0;
  if (line.kind == LoraLine::Kind::kOk) {
    busy_tries_ = 0;
    if (last_command_ == kListen) listening_ = true;
    if (last_command_ == kStopListening) listening_ = false;
    if (!commands_.empty()) return NextCommand(now);
    if (state_ == State::kSetup && !config_.peer_to_peer) {
      state_ = State::kJoining;
      Issue(now, JoinCommand(config_.dialect));
    } else if (state_ == State::kSetup) {
      OnSetupDone(now);
    } else if (state_ == State::kJoining) {
      deadline_ = now + kJoinTimeout;
    } else if (state_ == State::kSending) {
      // ST says no more of an unconfirmed frame than this.
      const bool over = config_.dialect == LoraDialect::kStAtSlave && !queue_.front().confirmed;
      deadline_ = now + kSendTimeout;
      if (early_) return FinishSend(now, *early_);
      if (over) FinishSend(now, LoraOutcome::kSent);
    } else {
      TrySend(now);
    }
    return;
  }
  if (line.text == "AT_BUSY_ERROR" && ++busy_tries_ <= kBusyTriesMax) {
    ++counters_.busy;
    commands_.push_front(last_command_);
    deadline_ = now + Duration(1s);
    return;
  }
  busy_tries_ = 0;
  if (state_ == State::kSending) {
    commands_.clear();
    if (line.text == "AT_DUTYCYCLE_RESTRICTED") ++counters_.duty_limited;
    const bool lost_network = line.text == "AT_NO_NETWORK_JOINED";
    FinishSend(
        now, line.text == "AT_DUTYCYCLE_RESTRICTED" ? LoraOutcome::kUnknown : LoraOutcome::kFailed);
    if (lost_network) Pause(now, "the modem lost the network");
    return;
  }
  if (state_ == State::kReady) return TrySend(now);  // listening refused: tried again in time
  Pause(now, "the modem answered " + line.text + " to " + last_command_.substr(0, 9));
}

void LoraModem::OnSetupDone(Time now) {
  state_ = State::kReady;
  retry_wait_ = kRetryFirst;
  if (!told_ready_) effects_.push_back(LoraReady{});
  told_ready_ = true;
  TrySend(now);
}

bool LoraModem::Send(Time now, std::uint64_t token, int port, bool confirmed, ByteSpan payload) {
  const std::size_t most = config_.peer_to_peer ? kP2pBytesMax : kLorawanBytesMax;
  if (queue_.size() >= kQueueMax || payload.empty() || payload.size() > most) return false;
  if (!config_.peer_to_peer && (port < 1 || port > 223)) return false;
  queue_.push_back({token, port, confirmed && !config_.peer_to_peer, payload.ToBytes()});
  if (state_ == State::kReady && !outstanding_) TrySend(now);
  return true;
}

// From kReady with nothing outstanding: send the next frame, or listen, or wait.
void LoraModem::TrySend(Time now) {
  if (state_ != State::kReady || outstanding_) return;
  deadline_ = kNever;
  if (!queue_.empty() && config_.peer_to_peer) {
    const Frame& frame = queue_.front();
    const Duration airtime = AirtimeOf(config_.channel, frame.payload.size());
    const lorawan::DataRate rate = RateOf(config_.channel);
    const Time at = ledger_->NextAdmission(now, config_.channel.frequency_hz, rate, airtime,
                                           lorawan::AirUse::kData);
    if (at == kNever) {  // never legal on this channel
      ++counters_.failed;
      effects_.push_back(LoraTxResult{frame.token, LoraOutcome::kFailed});
      queue_.pop_front();
      return TrySend(now);
    }
    if (at > now) {
      ++counters_.duty_limited;
      deadline_ = at;
    } else {
      effects_.push_back(LoraPersist{ledger_
                                         ->Admit(now, wall_, config_.channel.frequency_hz, rate,
                                                 airtime, lorawan::AirUse::kData)
                                         .persist});
      state_ = State::kSending;
      if (listening_) commands_.push_back(kStopListening);
      commands_.push_back("AT+PSEND=" + ToHex(frame.payload));
      return NextCommand(now);
    }
  } else if (!queue_.empty()) {
    const Frame& frame = queue_.front();
    state_ = State::kSending;
    for (std::string& c :
         SendCommands(config_.dialect, frame.port, frame.confirmed, frame.payload)) {
      commands_.push_back(std::move(c));
    }
    return NextCommand(now);
  }
  if (config_.peer_to_peer && !listening_) {
    const Time wake = deadline_;
    Issue(now, kListen);
    deadline_ = std::min(deadline_, std::max(wake, now + kCommandTimeout));
  }
}

// An event about the frame under way. Before the command's own answer it waits for that one, which
// would otherwise be taken for the next command's.
void LoraModem::OnOutcome(Time now, LoraOutcome outcome) {
  if (outstanding_) {
    early_ = outcome;
  } else {
    FinishSend(now, outcome);
  }
}

void LoraModem::FinishSend(Time now, LoraOutcome outcome) {
  const Frame frame = std::move(queue_.front());
  queue_.pop_front();
  switch (outcome) {
    case LoraOutcome::kSent:
      ++counters_.sent;
      break;
    case LoraOutcome::kAcknowledged:
      ++counters_.acknowledged;
      break;
    case LoraOutcome::kNotAcknowledged:
      ++counters_.not_acknowledged;
      break;
    case LoraOutcome::kUnknown:
      break;
    case LoraOutcome::kFailed:
      ++counters_.failed;
      break;
  }
  effects_.push_back(LoraTxResult{frame.token, outcome});
  early_.reset();
  commands_.clear();
  outstanding_ = false;
  listening_ = false;  // sending ended it
  state_ = State::kReady;
  TrySend(now);
}

void LoraModem::Pause(Time now, const std::string& reason) {
  state_ = State::kPaused;
  commands_.clear();
  outstanding_ = false;
  const double jitter = 0.8 + 0.4 * random_->Uniform();
  deadline_ =
      now + Duration(static_cast<std::int64_t>(static_cast<double>(retry_wait_.count()) * jitter));
  retry_wait_ = std::min(retry_wait_ * 2, kRetryMax);
  effects_.push_back(LoraDown{reason});
  told_ready_ = false;
}

void LoraModem::OnTimeout(Time now) {
  if (now >= flush_at_) Flush();
  if (now < deadline_) return;
  if (outstanding_) {
    ++counters_.timeouts;
    outstanding_ = false;
    if (state_ == State::kSending) {
      effects_.push_back(LoraTxResult{queue_.front().token, LoraOutcome::kUnknown});
      queue_.pop_front();
    }
    if (++timeouts_ % kTimeoutsBeforeReset == 0) {
      ++counters_.resets;
      effects_.push_back(LoraWrite{ByteSpan::Of("ATZ\r\n").ToBytes()});
    }
    return Pause(now, "the modem does not answer");
  }
  switch (state_) {
    case State::kClosed:
      deadline_ = kNever;
      return;
    case State::kPaused:
      return Start(now);
    case State::kJoining:
      if (!commands_.empty()) return NextCommand(now);  // it was busy
      ++counters_.joins_failed;
      return Pause(now, "the join ended without an answer");
    case State::kSending:
      if (!commands_.empty()) return NextCommand(now);
      return FinishSend(
          now, queue_.front().confirmed ? LoraOutcome::kNotAcknowledged : LoraOutcome::kUnknown);
    case State::kSetup:
    case State::kReady:
      if (!commands_.empty()) return NextCommand(now);
      return TrySend(now);
  }
}

}  // namespace selvage::modem
