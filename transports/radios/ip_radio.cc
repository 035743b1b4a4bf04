#include "transports/radios/ip_radio.h"

#include <algorithm>
#include <utility>

namespace selvage {
namespace {

void Add(const TransportCounters& a, TransportCounters* sum) {
  sum->frames_sent += a.frames_sent;
  sum->frames_received += a.frames_received;
  sum->bytes_sent += a.bytes_sent;
  sum->bytes_received += a.bytes_received;
  sum->send_errors += a.send_errors;
  sum->frames_refused += a.frames_refused;
  sum->system_calls += a.system_calls;
}

bool SameInfo(const LinkInfo& a, const LinkInfo& b) {
  return a.name == b.name && a.mtu_bytes == b.mtu_bytes && a.rate_bps == b.rate_bps &&
         a.broadcast == b.broadcast && a.shared == b.shared && a.slow == b.slow &&
         a.tariff == b.tariff && a.idle_gap == b.idle_gap;
}

}  // namespace

IpRadio::IpRadio(const TransportContext& context, IpTransport::Options options)
    : context_(context), options_(std::move(options)) {}

absl::Status IpRadio::StartCarrier(const std::string& interface) {
  if (carrier_ != nullptr) {
    Add(carrier_->counters(), &before_);
    carrier_.reset();
    carrier_up_ = false;
    peers_.clear();
    carrier_reason_ = "the interface changed";
    Report();
  }
  LinkConfig config = context_.config;
  if (!interface.empty()) config.interface = interface;
  auto made = IpTransport::Create({config, context_.link, context_.reactor,
                                   static_cast<LinkListener&>(*this), context_.stream_keys},
                                  options_);
  if (!made.ok()) return made.status();
  carrier_ = *std::move(made);
  const absl::Status started = carrier_->Start();
  if (!started.ok()) carrier_.reset();
  return started;
}

void IpRadio::Allow() {
  allowed_ = true;
  Report();
}

void IpRadio::Forbid(const std::string& reason) {
  allowed_ = false;
  forbidden_reason_ = reason;
  Report();
}

void IpRadio::Report() {
  if (allowed_ && carrier_up_) {
    LinkInfo info = info_;
    Shape(&info);
    if (told_ && told_up_ && SameInfo(info, told_info_)) return;
    const bool came_up = !told_up_;
    told_ = told_up_ = true;
    told_info_ = info;
    context_.listener.OnLinkUp(context_.link, info);
    if (!came_up) return;
    for (const PeerAddress& peer : peers_) {
      context_.listener.OnConfiguredPeer(context_.link, peer);
    }
    return;
  }
  const std::string& reason = allowed_ ? carrier_reason_ : forbidden_reason_;
  if (told_ && !told_up_ && reason == told_reason_) return;
  told_ = true;
  told_up_ = false;
  told_reason_ = reason;
  context_.listener.OnLinkDown(context_.link, reason);
}

void IpRadio::OnLinkUp(LinkId, const LinkInfo& info) {
  carrier_up_ = true;
  info_ = info;
  Report();
}

void IpRadio::OnLinkDown(LinkId, const std::string& reason) {
  carrier_up_ = false;
  carrier_reason_ = reason;
  Report();
}

void IpRadio::OnConfiguredPeer(LinkId, const PeerAddress& peer) {
  if (std::find(peers_.begin(), peers_.end(), peer) == peers_.end() &&
      peers_.size() < IpTransport::kPeersMax) {
    peers_.push_back(peer);
  }
  if (told_up_) context_.listener.OnConfiguredPeer(context_.link, peer);
}

void IpRadio::OnFrame(LinkId, const PeerAddress& from, MutableByteSpan frame) {
  if (told_up_) context_.listener.OnFrame(context_.link, from, frame);
}

void IpRadio::Send(const PeerAddress& to, ByteSpan frame) {
  if (carrier_ != nullptr && told_up_) {
    carrier_->Send(to, frame);
  } else {
    ++before_.send_errors;
  }
}

void IpRadio::Flush() {
  if (carrier_ != nullptr) carrier_->Flush();
}

const TransportCounters& IpRadio::counters() const {
  counters_ = before_;
  if (carrier_ != nullptr) Add(carrier_->counters(), &counters_);
  return counters_;
}

bool ParseTariff(const std::string& text, Tariff* out) {
  for (const Tariff t : {Tariff::kFree, Tariff::kMetered, Tariff::kCostly, Tariff::kDear}) {
    if (text == ToString(t)) {
      *out = t;
      return true;
    }
  }
  return false;
}

absl::StatusOr<Tariff> TariffOption(const LinkConfig& config, Tariff otherwise) {
  const auto it = config.options.find("tariff");
  if (it == config.options.end()) return otherwise;
  Tariff t = otherwise;
  if (!ParseTariff(it->second, &t)) {
    return absl::InvalidArgumentError("tariff is \"" + it->second +
                                      "\"; tariffs are: free, metered, costly, dear");
  }
  return t;
}

TransportOption TariffOptionSpec() {
  return {"tariff", TransportOption::Kind::kText, "\"metered\"", 0, 0};
}

}  // namespace selvage
