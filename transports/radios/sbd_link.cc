#include "transports/radios/sbd_link.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <utility>

namespace selvage {
namespace {

using satellite::SbdCredits;
using satellite::SbdMachine;

constexpr std::uint16_t kEverybody = 0xffff;
constexpr Duration kPersistRetry = 1s;
constexpr Duration kRollInterval = 60s;
// What a session of 340 bytes a minute comes to; weighs paths until measured.
constexpr std::uint64_t kRateBps = 40;

std::string Option(const LinkConfig& config, const std::string& key) {
  const auto it = config.options.find(key);
  return it == config.options.end() ? "" : it->second;
}

std::uint64_t Number(const LinkConfig& config, const std::string& key, std::uint64_t otherwise) {
  const std::string text = Option(config, key);
  return text.empty() ? otherwise : std::strtoull(text.c_str(), nullptr, 10);
}

PeerAddress AddressOf(std::uint16_t station) {
  const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(station >> 8),
                                          static_cast<std::uint8_t>(station)};
  return PeerAddress::From(bytes);
}

}  // namespace

SbdLink::SbdLink(const TransportContext& context, Options options, std::uint64_t seed)
    // The parts of a frame are apart by sessions, and by retries of those.
    : SmallLink(context, kLate, kLate),
      options_(std::move(options)),
      random_(seed),
      budget_(options_.credits),
      port_(context.reactor, options_.port, options_.baud,
            {[this] {
               machine_->OnPortUp(context_.reactor.now());
               Perform();
               Arm();
             },
             [this](const std::string& reason) {
               machine_->OnPortDown();
               Perform();
               Arm();
             },
             [this](ByteSpan b) {
               machine_->OnBytes(context_.reactor.now(), b);
               Perform();
               Arm();
             }}) {}

absl::Status SbdLink::Start() {
  std::string record;
  if (context_.store != nullptr) {
    Store& records = context_.store->Records();
    record = records.Get(Key("sbd")).value_or("");
    if (const auto spent = records.Get(Key("credits"))) {
      budget_.Restore(wall(), ByteSpan::Of(*spent));
    }
    // A number of one's own that lasts: whoever knows us writes to it.
    const std::string own = records.Get(Key("station")).value_or("");
    if (own.size() == 2) {
      ByteReader r(ByteSpan::Of(own));
      station_ = r.U16();
    }
  }
  budget_.Roll(wall());
  if (station_ == 0 || station_ == kEverybody) {
    station_ = static_cast<std::uint16_t>(1 + random_.Below(kEverybody - 1));
    // Not on disk it is another one the next time, and the neighbours shake hands anew.
    if (context_.store != nullptr) {
      context_.store->MakeDurable({{Key("station"), AddressOf(station_).Span().ToString()}}, [] {});
    }
  }
  machine_ = std::make_unique<SbdMachine>(&random_, record);
  token_ = machine_->current().value_or(0);
  machine_->SetBudget(context_.reactor.now(), budget_.month_left());
  return StartTimer();
}

bool SbdLink::Persist(std::vector<StoreWrite> writes) {
  waiting_for_disk_ = true;
  if (context_.store == nullptr) {
    waiting_for_disk_ = false;
    return true;
  }
  if (context_.store->MakeDurable(std::move(writes), [this] {
        waiting_for_disk_ = false;
        Perform();
        Arm();
      })) {
    return true;
  }
  waiting_for_disk_ = false;
  return false;
}

// A repeated handshake message has the same bytes as the first one, and that is with the gateway.
void SbdLink::SendControl(const PeerAddress& to, ByteSpan frame) {
  if (up()) {
    const Time now = context_.reactor.now();
    while (!recent_.empty() && recent_.front().until <= now) recent_.pop_front();
    const std::size_t hash = std::hash<std::string>()(to.Span().ToString() + frame.ToString());
    for (const Recent& r : recent_) {
      if (r.hash == hash) return;
    }
    if (recent_.size() >= kRecentMax) recent_.pop_front();
    recent_.push_back({hash, now + 2 * options_.patience});
  }
  SmallLink::SendControl(to, frame);
}

SendAnswer SbdLink::SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) {
  using What = SendAnswer::What;
  if (!up()) return {What::kDown, kNever};
  if (unit.size() > kUnitBytes) return {What::kTooBig, kNever};
  if (sending_) return {What::kBusy, kNever};  // woken when it has left
  if (!to.IsBroadcast() && to.size != 2) return {What::kRefused, kNever};
  Bytes message(kAddressBytes + unit.size());
  ByteWriter w(message);
  w.U16(station_);
  if (to.IsBroadcast()) {
    w.U16(kEverybody);
  } else {
    w.Put(to.Span());
  }
  w.Put(unit);
  const std::uint32_t credits = SbdCredits(message.size(), 0);
  if (credits > budget_.month_left()) return {What::kNoBudget, kNever};
  if (control && !budget_.TakeControl(credits)) return {What::kNoBudget, kNever};
  if (machine_->Submit(now, ++token_, message) != SbdMachine::Submitted::kAccepted) {
    return {What::kBusy, now + 10s};
  }
  unwritten_ = unwritten_ || control;
  sending_ = token_;
  perform_ = true;  // from the timer, not from inside the queue that called
  return {What::kAccepted, kNever};
}

void SbdLink::OnRadioTimeout(Time now) {
  perform_ = false;
  if (now >= port_.NextDeadline()) port_.OnTimeout(now);
  if (now >= machine_->NextDeadline()) machine_->OnTimeout(now);
  if (now >= persist_again_) persist_again_ = kNever;
  if (now >= roll_at_) {
    roll_at_ = now + kRollInterval;
    const std::uint64_t left = budget_.month_left();
    budget_.Roll(wall());
    if (budget_.month_left() != left) machine_->SetBudget(now, budget_.month_left());
  }
  Perform();
}

Time SbdLink::RadioDeadline() const {
  if (perform_) return Time::min();
  return std::min({port_.NextDeadline(), machine_->NextDeadline(), persist_again_, roll_at_});
}

void SbdLink::Judge() {
  if (!port_.up()) return SetDown("there is no serial port " + options_.port);
  if (!machine_->ready()) {
    if (!up()) SetDown("the modem does not answer yet");
    return;  // set up anew in the middle of things: what waits goes on waiting
  }
  if (budget_.month_left() == 0) return SetDown("the credits of this month are used up");
  LinkInfo info;
  info.name = options_.port;
  info.transport = "satellite";
  info.mtu_bytes = static_cast<std::uint32_t>(FrameBytesMax(kUnitBytes, kFrameBytesMax));
  info.rate_bps = kRateBps;
  info.broadcast = true;
  info.slow = true;
  info.tariff = Tariff::kDear;
  info.idle_gap = kNoHellos;
  info.patience = options_.patience;
  SetUp(info);
}

void SbdLink::Perform() {
  if (machine_ == nullptr) return;
  while (const auto effect = machine_->PollEffect()) effects_.push_back(*effect);
  while (!waiting_for_disk_ && persist_again_ == kNever && !effects_.empty()) {
    const satellite::SbdEffect effect = std::move(effects_.front());
    effects_.pop_front();
    if (!PerformOne(effect)) {
      effects_.push_front(effect);
      break;
    }
    while (const auto more = machine_->PollEffect()) effects_.push_back(*more);
  }
  // A bill without a message's record (an empty mailbox, credits of control frames).
  if (effects_.empty() && unwritten_ && !waiting_for_disk_ && persist_again_ == kNever) {
    unwritten_ = false;
    if (!Persist({{Key("credits"), budget_.Encode()}})) {
      unwritten_ = true;
      persist_again_ = context_.reactor.now() + kPersistRetry;
    }
  }
  Judge();
}

bool SbdLink::PerformOne(const satellite::SbdEffect& effect) {
  const Time now = context_.reactor.now();
  if (const auto* write = std::get_if<satellite::SbdWrite>(&effect)) {
    port_.Write(now, write->bytes);
  } else if (const auto* persist = std::get_if<satellite::SbdPersist>(&effect)) {
    // The message's fate and its bill in one batch: neither without the other.
    StoreWrite record{Key("sbd"), std::nullopt};
    if (!persist->record.empty()) record.value = persist->record;
    if (!Persist({std::move(record), {Key("credits"), budget_.Encode()}})) {
      persist_again_ = now + kPersistRetry;
      return false;
    }
    unwritten_ = false;
  } else if (const auto* sent = std::get_if<satellite::SbdSent>(&effect)) {
    if (sending_ == sent->token) {
      sending_.reset();
      Wake();
    }
  } else if (const auto* received = std::get_if<satellite::SbdReceived>(&effect)) {
    OnReceived(received->payload);
  } else if (const auto* billed = std::get_if<satellite::SbdBilled>(&effect)) {
    budget_.Bill(billed->credits);
    unwritten_ = true;
  }
  return true;
}

void SbdLink::OnReceived(const Bytes& payload) {
  ByteReader in(payload);
  const std::uint16_t from = in.U16();
  const std::uint16_t to = in.U16();
  if (!in.ok() || from == 0 || from == kEverybody || from == station_) return;
  if (to != station_ && to != kEverybody) return;
  OnUnit(AddressOf(from), in.Rest());
}

std::optional<LinkTelemetry> SbdLink::Telemetry(const PeerAddress& peer) const {
  LinkTelemetry t;
  t.sampled_at = context_.reactor.now();
  SetTelemetry(*FindTelemetryField("budget_used"),
               static_cast<double>(budget_.month_used()) /
                   static_cast<double>(budget_.limits().month),
               &t);
  return t;
}

std::string SbdLink::RadioState() const {
  if (!port_.up()) return "no serial port";
  if (machine_ == nullptr || !machine_->ready()) return "the modem is being set up";
  std::string out = std::to_string(budget_.month_used()) + " of " +
                    std::to_string(budget_.limits().month) + " credits this month, " +
                    std::to_string(budget_.control_used()) + " of " +
                    std::to_string(budget_.limits().control_day) + " today for the network itself";
  if (machine_->signal()) out += ", " + std::to_string(*machine_->signal()) + " bars";
  if (machine_->network_visible() == false) out += ", no satellite in sight";
  const satellite::SbdCounters& c = machine_->counters();
  out += ", " + std::to_string(c.sent) + " sent, " + std::to_string(c.received) + " received";
  if (sending_) out += ", one waits";
  return out;
}

std::vector<TransportOption> SbdOptions() {
  using Kind = TransportOption::Kind;
  return {{"at_port", Kind::kText, "\"/dev/ttyUSB0\"", 0, 0},
          {"baud", Kind::kInteger, "19200", 9600, 921600},
          {"credits_per_month", Kind::kInteger, "500", 1, 1'000'000'000},
          {"control_credits_per_day", Kind::kInteger, "60", 1, 1'000'000'000},
          {"patience_s", Kind::kInteger, "300", 1, 3600}};
}

absl::StatusOr<std::unique_ptr<Transport>> CreateSbd(const TransportContext& context) {
  const LinkConfig& config = context.config;
  SbdLink::Options o;
  o.port = Option(config, "at_port");
  if (o.port.empty() || o.port[0] != '/') {
    return absl::InvalidArgumentError(
        "an SBD modem needs its serial port: at_port = \"/dev/ttyUSB0\"");
  }
  if (!config.interface.empty() || !config.listen.empty() || !config.peers.empty()) {
    return absl::InvalidArgumentError(
        "an SBD modem has no interface, listen or peers: the operator's account names the modems "
        "that its messages go to");
  }
  for (const char* key : {"tariff", "slot_offset_s", "bytes_per_day", "cents_per_month",
                          "cents_per_gigabyte"}) {
    if (config.options.count(key) > 0) {
      return absl::InvalidArgumentError(std::string(key) +
                                        " is for broadband terminals; an SBD modem counts "
                                        "credits: credits_per_month = 500");
    }
  }
  o.baud = static_cast<int>(Number(config, "baud", static_cast<std::uint64_t>(o.baud)));
  if (!SerialPort::IsBaudRate(o.baud)) {
    return absl::InvalidArgumentError("baud is " + std::to_string(o.baud) +
                                      ", which is no rate of serial ports");
  }
  o.credits.month = Number(config, "credits_per_month", 0);
  if (o.credits.month == 0) {
    return absl::InvalidArgumentError(
        "each message costs money: say how many credits of 50 bytes may be spent in a month "
        "(credits_per_month = 500)");
  }
  o.credits.control_day = Number(config, "control_credits_per_day", 60);
  o.patience = std::chrono::seconds(Number(config, "patience_s", 300));
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
    return absl::UnavailableError("the system gives no random numbers");
  }
  return std::make_unique<SbdLink>(context, std::move(o), seed);
}

}  // namespace selvage
