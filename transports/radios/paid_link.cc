#include "transports/radios/paid_link.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace selvage {
namespace {

std::uint64_t Number(const LinkConfig& config, const std::string& key) {
  const auto it = config.options.find(key);
  return it == config.options.end() ? 0 : std::strtoull(it->second.c_str(), nullptr, 10);
}

std::string Megabytes(std::uint64_t used, std::uint64_t limit) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.2f of %.2f MB", static_cast<double>(used) / 1e6,
                static_cast<double>(limit) / 1e6);
  return text;
}

}  // namespace

std::vector<TransportOption> BudgetOptions() {
  using Kind = TransportOption::Kind;
  return {{"bytes_per_day", Kind::kInteger, "50000000", 10'000, 1'000'000'000'000'000},
          {"cents_per_month", Kind::kInteger, "500", 1, 1'000'000'000},
          {"cents_per_gigabyte", Kind::kInteger, "300", 1, 1'000'000'000}};
}

TransportFactory WithBudget(TransportFactory factory) {
  return [factory = std::move(factory)](
             const TransportContext& context) -> absl::StatusOr<std::unique_ptr<Transport>> {
    ByteBudget::Limits limits;
    limits.day_bytes = Number(context.config, "bytes_per_day");
    const std::uint64_t cents = Number(context.config, "cents_per_month");
    const std::uint64_t price = Number(context.config, "cents_per_gigabyte");
    if ((cents != 0) != (price != 0)) {
      return absl::InvalidArgumentError(
          "cents_per_month and cents_per_gigabyte belong together: the limit and the price");
    }
    if (cents != 0) {
      limits.month_bytes = static_cast<std::uint64_t>(static_cast<double>(cents) /
                                                      static_cast<double>(price) * 1e9);
    }
    if (!limits.any()) return factory(context);
    auto paid = std::make_unique<PaidLink>(context, limits);
    auto radio = factory(TransportContext{context.config, context.link, context.reactor,
                                          paid->listener(), context.stream_keys, context.store});
    if (!radio.ok()) return radio.status();
    paid->SetRadio(*std::move(radio));
    return std::unique_ptr<Transport>(std::move(paid));
  };
}

PaidLink::PaidLink(const TransportContext& context, ByteBudget::Limits limits)
    : context_(context), budget_(limits) {}

WallSeconds PaidLink::wall() const {
  return context_.store == nullptr ? 0 : context_.store->wall();
}

// One budget for each radio: by what its section names it with.
std::string PaidLink::Key() const {
  const LinkConfig& c = context_.config;
  const auto port = c.options.find("at_port");
  std::string of = !c.interface.empty()            ? c.interface
                   : port != c.options.end()       ? port->second
                   : !c.listen.empty()             ? c.listen
                   : !c.peers.empty()              ? c.peers.front()
                                                   : "";
  return "radio/" + c.transport + "/" + of + "/bytes";
}

absl::Status PaidLink::Start() {
  if (context_.store != nullptr) {
    if (const auto record = context_.store->Records().Get(Key())) {
      budget_.Restore(wall(), ByteSpan::Of(*record));
    }
  }
  auto timer = ReactorTimer::Create(context_.reactor, [this] { OnDue(); });
  if (!timer.ok()) return timer.status();
  timer_ = *std::move(timer);
  OnDue();
  return radio_->Start();
}

void PaidLink::OnDue() {
  budget_.Roll(wall());
  exhausted_ = !budget_.Fits(kFrameBytesMax);
  Persist();
  Judge();
  timer_->Arm(kRollInterval);
}

void PaidLink::Persist() {
  if (writing_ || !budget_.NeedsWrite()) return;
  const std::string record = budget_.Record();
  if (context_.store == nullptr) {
    budget_.Written(record);
    return;
  }
  writing_ = true;
  const bool taken = context_.store->MakeDurable({{Key(), record}}, [this, record] {
    writing_ = false;
    budget_.Written(record);
  });
  if (taken) return;
  writing_ = false;
  budget_.NotWritten();
}

bool PaidLink::Take(ByteSpan frame) {
  const std::uint64_t bytes = frame.size() + kHeaderBytes;
  if (!budget_.Fits(bytes)) {
    // From inside the node's own work: it is told from the timer.
    if (!std::exchange(exhausted_, true)) timer_->Arm(1ns);
    ++refused_;
    return false;
  }
  if (!budget_.Covered(bytes)) {  // the disk is slow: not on disk, not sent
    Persist();
    if (!budget_.Covered(bytes)) {
      ++refused_;
      return false;
    }
  }
  budget_.Add(bytes);
  Persist();
  return true;
}

void PaidLink::Send(const PeerAddress& to, ByteSpan frame) {
  if (Take(frame)) radio_->Send(to, frame);
}

void PaidLink::SendControl(const PeerAddress& to, ByteSpan frame) {
  if (Take(frame)) radio_->SendControl(to, frame);
}

void PaidLink::Judge() {
  const bool up = up_ && !exhausted_;
  if (up == told_) return;
  told_ = up;
  if (!up) {
    const std::string reason = !up_ ? "the radio is down"
                               : budget_.limits().day_bytes != 0 &&
                                       budget_.day_used() + kFrameBytesMax >
                                           budget_.limits().day_bytes
                                   ? "the bytes of this day are used up"
                                   : "the budget is used up";
    context_.listener.OnLinkDown(context_.link, reason);
    return;
  }
  context_.listener.OnLinkUp(context_.link, info_);
  for (const PeerAddress& peer : peers_) context_.listener.OnConfiguredPeer(context_.link, peer);
}

void PaidLink::OnLinkUp(LinkId, const LinkInfo& info) {
  up_ = true;
  info_ = info;
  if (told_) return context_.listener.OnLinkUp(context_.link, info);
  Judge();
}

void PaidLink::OnLinkDown(LinkId, const std::string& reason) {
  up_ = told_ = false;
  context_.listener.OnLinkDown(context_.link, reason);
}

void PaidLink::OnConfiguredPeer(LinkId, const PeerAddress& peer) {
  if (std::find(peers_.begin(), peers_.end(), peer) == peers_.end() && peers_.size() < kPeersMax) {
    peers_.push_back(peer);
  }
  if (told_) context_.listener.OnConfiguredPeer(context_.link, peer);
}

void PaidLink::OnFrame(LinkId, const PeerAddress& from, MutableByteSpan frame) {
  budget_.Add(frame.size() + kHeaderBytes);
  if (!budget_.Fits(kFrameBytesMax) && !std::exchange(exhausted_, true)) timer_->Arm(1ns);
  Persist();
  if (told_) context_.listener.OnFrame(context_.link, from, frame);
}

const TransportCounters& PaidLink::counters() const {
  counters_ = radio_->counters();
  counters_.send_errors += refused_;
  return counters_;
}

std::optional<LinkTelemetry> PaidLink::Telemetry(const PeerAddress& peer) const {
  LinkTelemetry t = radio_->Telemetry(peer).value_or(LinkTelemetry{});
  if (t.sampled_at == Time{}) t.sampled_at = context_.reactor.now();
  SetTelemetry(*FindTelemetryField("budget_used"), budget_.UsedShare(), &t);
  return t;
}

std::string PaidLink::RadioState() const {
  std::string out = radio_->RadioState();
  const ByteBudget::Limits& limits = budget_.limits();
  if (limits.day_bytes != 0) {
    out += (out.empty() ? "" : ", ") + Megabytes(budget_.day_used(), limits.day_bytes) + " today";
  }
  if (limits.month_bytes != 0) {
    out += (out.empty() ? "" : ", ") + Megabytes(budget_.month_used(), limits.month_bytes) +
           " this month";
  }
  return out;
}

}  // namespace selvage
