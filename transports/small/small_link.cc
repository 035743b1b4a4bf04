#include "transports/small/small_link.h"

#include <algorithm>

namespace selvage {

absl::Status SmallLink::StartTimer() {
  auto timer = ReactorTimer::Create(context_.reactor, [this] { OnDue(); });
  if (!timer.ok()) return timer.status();
  timer_ = *std::move(timer);
  timer_->Arm(1ns);  // the first report comes from inside the reactor, as every other
  return absl::OkStatus();
}

void SmallLink::Send(const PeerAddress& to, ByteSpan frame) {
  if (up_) {
    queue_.Add(context_.reactor.now(), to, frame, false);
  } else {
    ++refused_;
  }
}

void SmallLink::SendControl(const PeerAddress& to, ByteSpan frame) {
  if (up_) {
    queue_.Add(context_.reactor.now(), to, frame, true);
  } else {
    ++refused_;
  }
}

void SmallLink::Flush() {
  if (up_) queue_.Pump(context_.reactor.now(), this);
  Arm();
}

void SmallLink::Wake() {
  queue_.Wake();
  Flush();
}

void SmallLink::OnDue() {
  const Time now = context_.reactor.ReadClock();
  reassembler_.OnTimeout(now);
  OnRadioTimeout(now);
  if (up_) queue_.Pump(now, this);
  Arm();
}

void SmallLink::Arm() {
  if (timer_ == nullptr) return;
  Time at = std::min(RadioDeadline(), reassembler_.NextDeadline());
  if (up_) at = std::min(at, queue_.NextDeadline());
  timer_->ArmAt(at);
}

void SmallLink::SetUp(const LinkInfo& info) {
  const bool same = told_ && up_ && info.mtu_bytes == info_.mtu_bytes &&
                    info.rate_bps == info_.rate_bps && info.idle_gap == info_.idle_gap &&
                    info.patience == info_.patience &&
                    info.tariff == info_.tariff && info.broadcast == info_.broadcast &&
                    info.slow == info_.slow && info.shared == info_.shared;
  if (same) return;
  told_ = up_ = true;
  info_ = info;
  context_.listener.OnLinkUp(context_.link, info);
}

void SmallLink::SetDown(const std::string& reason) {
  if (told_ && !up_ && reason == reason_) return;
  told_ = true;
  up_ = false;
  reason_ = reason;
  queue_.Clear();
  context_.listener.OnLinkDown(context_.link, reason);
}

void SmallLink::OnUnit(const PeerAddress& from, ByteSpan unit) {
  if (!up_) return;
  std::optional<Bytes> frame = reassembler_.OnUnit(context_.reactor.now(), from, unit);
  if (!frame) return;
  bytes_received_ += frame->size();
  context_.listener.OnFrame(context_.link, from, *frame);
}

const TransportCounters& SmallLink::counters() const {
  const FrameQueueCounters& q = queue_.counters();
  const ReassemblyCounters& r = reassembler_.counters();
  counters_.frames_sent = q.frames_sent;
  counters_.bytes_sent = q.bytes_sent;
  counters_.frames_received = r.frames;
  counters_.bytes_received = bytes_received_;
  counters_.send_errors = refused_ + q.dropped_full + q.dropped_late + q.dropped_too_big +
                          q.dropped_budget + q.dropped_refused;
  counters_.frames_refused = r.malformed + r.timed_out + r.evicted;
  counters_.system_calls = q.units_sent;
  return counters_;
}

}  // namespace selvage
