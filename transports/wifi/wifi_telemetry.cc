#include "transports/wifi/wifi_telemetry.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace selvage::wifi {
namespace {

constexpr std::size_t kDatagramBytesMax = 65536;  // the kernel fills at most 32 KB of a dump
constexpr int kDatagramsPerTurn = 16;

}  // namespace

WifiTelemetry::WifiTelemetry(Reactor& reactor, std::string interface)
    : reactor_(reactor), interface_(std::move(interface)), buffer_(kDatagramBytesMax) {}

WifiTelemetry::~WifiTelemetry() { Close(""); }

void WifiTelemetry::Start() {
  auto timer = ReactorTimer::Create(reactor_, [this] { OnDue(); });
  if (!timer.ok()) {
    state_ = std::string(timer.status().message());
    return;
  }
  timer_ = *std::move(timer);
  timer_->Arm(1ns);
}

bool WifiTelemetry::Open() {
  if (fd_ >= 0) return true;
  fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
  if (fd_ < 0) {
    state_ = std::string("no generic netlink: ") + std::strerror(errno);
    return false;
  }
  reactor_.AddFd(fd_, [this] { OnReadable(); });
  return true;
}

void WifiTelemetry::Close(const std::string& why) {
  if (fd_ >= 0) {
    reactor_.RemoveFd(fd_);
    close(fd_);
    fd_ = -1;
  }
  step_ = Step::kIdle;
  if (!why.empty()) state_ = why;
}

void WifiTelemetry::Finish(const std::string& state, Duration again) {
  step_ = Step::kIdle;
  state_ = state;
  if (state != "nl80211") sampler_ = WifiSampler();  // what is not measured is not known
  timer_->Arm(again);
}

void WifiTelemetry::Ask(Step step, Bytes request) {
  step_ = step;
  if (send(fd_, request.data(), request.size(), MSG_DONTWAIT) < 0) {
    Close(std::string("nl80211 cannot be asked: ") + std::strerror(errno));
    timer_->Arm(kRetry);
    return;
  }
  timer_->Arm(kAnswerMax);
}

void WifiTelemetry::OnDue() {
  if (step_ != Step::kIdle) Close("nl80211 did not answer");  // begin anew
  index_ = static_cast<int>(if_nametoindex(interface_.c_str()));
  if (index_ == 0) return Finish("interface " + interface_ + " does not exist", kRetry);
  if (!Open()) return Finish(state_, kRetry);
  if (family_ == 0) return Ask(Step::kFamily, FamilyRequest(++sequence_));
  sampler_.Begin(reactor_.now());
  Ask(Step::kStations, StationDump(family_, ++sequence_, index_));
}

void WifiTelemetry::OnReadable() {
  for (int i = 0; i < kDatagramsPerTurn && fd_ >= 0; ++i) {
    const ssize_t n = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n <= 0) return;
    for (const Message& m : ParseMessages({buffer_.data(), static_cast<std::size_t>(n)}, family_)) {
      if (m.sequence == sequence_ && step_ != Step::kIdle) OnMessage(m);
    }
  }
}

void WifiTelemetry::OnMessage(const Message& m) {
  const bool ended = m.kind == Message::Kind::kDone || m.kind == Message::Kind::kError;
  const bool ours = m.interface_index == index_;
  switch (step_) {
    case Step::kIdle:
      return;
    case Step::kFamily:
      if (m.kind == Message::Kind::kFamily) {
        family_ = m.family;
        step_ = Step::kIdle;
        timer_->Arm(1ns);
      } else if (ended) {
        Finish("this kernel has no nl80211", kRetry);
      }
      return;
    case Step::kStations:
      if (m.kind == Message::Kind::kStation && ours) {
        sampler_.OnStation(m.station);
      } else if (m.kind == Message::Kind::kError && m.error != 0) {
        family_ = m.error == ENOENT ? 0 : family_;  // the module was unloaded
        Finish("interface " + interface_ + " is not a Wi-Fi interface (nl80211: " +
                   std::strerror(m.error) + ")",
               kRetry);
      } else if (ended) {
        Ask(Step::kSurvey, SurveyDump(family_, ++sequence_, index_));
      }
      return;
    case Step::kSurvey:
      if (m.kind == Message::Kind::kSurvey && ours) {
        sampler_.OnSurvey(m.survey);
      } else if (ended) {  // a driver without surveys refuses them
        sampler_.End();
        Finish("nl80211", kInterval);
      }
      return;
  }
}

}  // namespace selvage::wifi
