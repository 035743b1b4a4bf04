#include "transports/radios/plugin_link.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "transports/plugin/loaded_plugin.h"
#include "transports/plugin/remote_driver.h"
#include "transports/radios/radios.h"

namespace selvage {
namespace {

// A frame in the most parts there may be, over the slowest thing that is still a link.
constexpr Duration kPatience = 30s;
constexpr std::size_t kPumpAt = 16;  // frames, of the 32 that fit

}  // namespace

template <typename F>
auto PluginLink::Timed(F&& call) {
  struct Watchdog {
    PluginLink* link;
    Time begun = link->context_.reactor.ReadClock();
    ~Watchdog() {
      if (link->context_.reactor.ReadClock() - begun > kSlowCall) ++link->faults_.slow_calls;
    }
  } watchdog{this};
  return call();
}

PluginLink::PluginLink(const TransportContext& context, std::unique_ptr<PluginDriver> driver,
                       std::uint64_t seed)
    : SmallLink(context, kPatience), driver_(std::move(driver)), random_(seed) {}

PluginLink::~PluginLink() { Unwatch(); }

absl::Status PluginLink::Start() { return StartTimer(); }

void PluginLink::StartDriver(Time now) {
  start_at_ = kNever;
  const absl::Status status = Timed([&] { return driver_->Start(now); });
  if (status.ok()) {
    started_ = true;
    start_again_ = kStartAgainMin;
    ReadCaps(now);
    Watch();
    service_at_ = now;
    return;
  }
  start_error_ = PluginText(std::string(status.message()).c_str(), 200);
  // Jitter: many nodes may wait for the same thing.
  const auto spread = static_cast<std::uint64_t>(start_again_.count() / 4);
  start_at_ = now + start_again_ + Duration(static_cast<std::int64_t>(random_.Below(spread)));
  start_again_ = std::min(2 * start_again_, kStartAgainMax);
  SetDown("the plug-in cannot start: " + start_error_);
}

// Under a number of our own: what the plug-in does with its own cannot reach into the reactor.
void PluginLink::Watch() {
  const int theirs = driver_->fd();
  fd_ = theirs < 0 ? -1 : fcntl(theirs, F_DUPFD_CLOEXEC, 0);
  if (fd_ >= 0) context_.reactor.AddFd(fd_, [this] { OnReadable(); });
}

void PluginLink::Unwatch() {
  if (fd_ < 0) return;
  context_.reactor.RemoveFd(fd_);
  close(fd_);
  fd_ = -1;
}

void PluginLink::OnReadable() {
  empty_wakes_ = Service(context_.reactor.now()) ? 0 : empty_wakes_ + 1;
  // A descriptor that stays readable with nothing behind it would keep the node awake for ever.
  if (empty_wakes_ > kEmptyWakesMax) {
    ++faults_.empty_wakes;
    empty_wakes_ = 0;
    Unwatch();
    rests_until_ = context_.reactor.now() + kDescriptorRest;
  }
  Arm();
}

void PluginLink::OnRadioTimeout(Time now) {
  if (!started_) {
    if (now >= start_at_) StartDriver(now);
    if (!started_) return;
  }
  if (now >= rests_until_) {
    rests_until_ = kNever;
    Watch();
    service_at_ = now;
  }
  if (now >= service_at_) Service(now);
}

Time PluginLink::RadioDeadline() const {
  if (!started_) return start_at_;
  return std::min(service_at_, rests_until_);
}

bool PluginLink::Service(Time now) {
  selvage_event event;
  int count = 0;
  while (count < kEventsPerTurn && Timed([&] { return driver_->NextEvent(now, &event); })) {
    ++count;
    OnEvent(now, event);
  }
  const Time due = PluginTime(driver_->NextDeadline());
  // A deadline that has passed and stays there would be as bad as the descriptor.
  service_at_ = count == kEventsPerTurn ? now : std::max(due, now + 1ms);
  if (std::exchange(read_caps_, false)) ReadCaps(now);
  if (std::exchange(wake_, false)) Wake();
  return count > 0;
}

void PluginLink::OnEvent(Time now, const selvage_event& event) {
  if (!CheckEvent(event, &faults_)) return;
  const PeerAddress address = PeerAddress::From({event.address, event.address_size});
  switch (event.kind) {
    case SELVAGE_EVENT_RECEIVED: {
      // The frame is handed up from here, and answers to it come back as Send: the plug-in's
      // memory is not ours that long.
      const Bytes unit = ByteSpan(event.data, event.data_size).ToBytes();
      OnUnit(address, unit);
      break;
    }
    case SELVAGE_EVENT_CAPS:
      ReadCaps(now);
      wake_ = true;
      break;
    case SELVAGE_EVENT_SENT:
      if (event.failed != 0) ++sent_failed_;
      break;
    case SELVAGE_EVENT_TELEMETRY: {
      if (samples_.size() >= kPeersSampledMax && samples_.count(address) == 0) {
        const auto oldest =
            std::min_element(samples_.begin(), samples_.end(), [](const auto& a, const auto& b) {
              return a.second.sampled_at < b.second.sampled_at;
            });
        others_.erase(oldest->first);
        samples_.erase(oldest);
      }
      std::string others;
      samples_[address] = schema_.Read(now, event, &others, &faults_);
      others_[address] = std::move(others);
      break;
    }
  }
}

void PluginLink::ReadCaps(Time now) {
  caps_ = CheckCaps(Timed([&] { return driver_->Caps(now); }), &faults_);
  if (!caps_.up) {
    samples_.clear();
    others_.clear();
    SetDown(caps_.reason.empty() ? "the plug-in says so" : caps_.reason);
    return;
  }
  // Only now for a plug-in in another process.
  if (!up()) schema_ = PluginSchema(driver_->Schema(), &faults_);
  LinkInfo info = caps_.info;
  info.name = context_.config.interface.empty() ? context_.config.transport
                                                : context_.config.interface;
  info.transport = context_.config.transport;
  info.mtu_bytes = static_cast<std::uint32_t>(FrameBytesMax(caps_.mtu, kFrameBytesMax));
  SetUp(info);
}

void PluginLink::Send(const PeerAddress& to, ByteSpan frame) {
  SmallLink::Send(to, frame);
  // A batch may be longer than the queue, which is meant for what the medium does not take now.
  if (queue().size() >= kPumpAt) Flush();
}

SendAnswer PluginLink::SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) {
  using What = SendAnswer::What;
  if (!started_ || !caps_.up) return {What::kDown, kNever};
  if (unit.size() > caps_.mtu) return {What::kTooBig, kNever};
  if (now < caps_.window_opens) {
    return {What::kBusy, std::min(caps_.window_opens, now + kRetryMax)};
  }
  if (now >= caps_.window_closes) return {What::kBusy, now + 1s};  // it has not told the next one
  if (caps_.has_budget && unit.size() > caps_.budget_bytes_left && now < caps_.budget_renews) {
    return {What::kNoBudget, caps_.budget_renews};
  }
  selvage_unit out{};
  out.struct_size = sizeof(out);
  out.control = control ? 1 : 0;
  out.address = to.bytes.data();
  out.address_size = to.size;
  out.data = unit.data();
  out.data_size = static_cast<std::uint32_t>(unit.size());
  out.deadline_ns = ToNanos(now + FrameQueue::kLate);
  out.token = ++token_;
  std::int64_t retry = SELVAGE_NEVER;
  const int result = Timed([&] { return driver_->Send(now, out, &retry); });
  const SendAnswer answer = CheckAnswer(now, result, retry, &faults_);
  if (answer.what == What::kAccepted) {
    if (caps_.has_budget) {
      caps_.budget_bytes_left -= std::min<std::uint64_t>(caps_.budget_bytes_left, unit.size());
    }
  } else if (answer.what == What::kTooBig) {
    // Smaller than it said: what is it now? The node is told from the timer, not from inside the
    // queue that called.
    caps_ = CheckCaps(Timed([&] { return driver_->Caps(now); }), &faults_);
    read_caps_ = true;
    service_at_ = now;
    if (!caps_.up) return {What::kDown, kNever};
    // One that says the same again will get no more of this: as if it had refused.
    if (unit.size() <= caps_.mtu) {
      ++faults_.caps;
      return {What::kRefused, kNever};
    }
  } else if (answer.what == What::kDown) {
    read_caps_ = true;
    service_at_ = now;
  }
  // Sending may have changed when it wants to be woken.
  service_at_ = std::min(service_at_, std::max(PluginTime(driver_->NextDeadline()), now + 1ms));
  return answer;
}

std::optional<LinkTelemetry> PluginLink::Telemetry(const PeerAddress& peer) const {
  auto it = samples_.find(peer);
  if (it == samples_.end()) it = samples_.find(PeerAddress::Broadcast());
  if (it == samples_.end()) return std::nullopt;
  return it->second;
}

std::string PluginLink::RadioState() const {
  std::string out = !started_ ? "not started: " + start_error_ : caps_.up ? "up" : caps_.reason;
  if (caps_.up) out += ", units of " + std::to_string(caps_.mtu) + " bytes";
  if (const auto it = others_.find(PeerAddress::Broadcast());
      it != others_.end() && !it->second.empty()) {
    out += ", " + it->second;
  }
  if (sent_failed_ > 0) out += ", " + std::to_string(sent_failed_) + " units did not leave";
  if (faults_.total() > 0) out += "; the plug-in's faults: " + faults_.ToText();
  return out;
}

// ---- how they are made

namespace {

std::string Option(const LinkConfig& config, const std::string& key) {
  const auto it = config.options.find(key);
  return it == config.options.end() ? "" : it->second;
}

absl::StatusOr<PluginSettings> SettingsOf(const LinkConfig& config) {
  PluginSettings out;
  out.interface = config.interface;
  constexpr std::string_view kPrefix = "setting.";
  for (const auto& [key, value] : config.options) {
    if (key.compare(0, kPrefix.size(), kPrefix) == 0) {
      out.settings.emplace_back(key.substr(kPrefix.size()), value);
    }
  }
  if (getrandom(&out.seed, sizeof(out.seed), 0) != sizeof(out.seed)) {
    return absl::UnavailableError("the system gives no random numbers");
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Transport>> LinkInProcess(const TransportContext& context,
                                                         const selvage_transport_api& api) {
  const auto settings = SettingsOf(context.config);
  if (!settings.ok()) return settings.status();
  auto driver = NewLocalDriver(api, *settings);
  if (!driver.ok()) return driver.status();
  return std::unique_ptr<Transport>(
      std::make_unique<PluginLink>(context, std::move(*driver), settings->seed));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> CreatePluginLink(const TransportContext& context) {
  const LinkConfig& config = context.config;
  RemoteDriver::Options remote;
  remote.plugin = Option(config, "plugin");
  remote.host_socket = Option(config, "host_socket");
  if (!remote.host_socket.empty() || Option(config, "isolated") == "true") {
    // Another process looks into the file; here it is enough that it is there.
    if (remote.host_socket.empty() && access(remote.plugin.c_str(), R_OK) != 0) {
      return absl::NotFoundError("there is no plug-in " + remote.plugin);
    }
    const auto settings = SettingsOf(config);
    if (!settings.ok()) return settings.status();
    return std::unique_ptr<Transport>(std::make_unique<PluginLink>(
        context, std::make_unique<RemoteDriver>(std::move(remote), *settings), settings->seed));
  }
  const auto api = LoadPlugin(remote.plugin);
  if (absl::IsNotFound(api.status())) {
    std::string known;
    for (const std::string& n : KnownTransports()) known += (known.empty() ? "" : ", ") + n;
    return absl::InvalidArgumentError("unknown transport \"" + config.transport +
                                      "\"; built in are: " + known + "; and " +
                                      std::string(api.status().message()));
  }
  if (!api.ok()) return api.status();
  if (api->name != config.transport) {
    return absl::InvalidArgumentError(remote.plugin + " calls itself \"" + api->name +
                                      "\", not \"" + config.transport + "\"");
  }
  return LinkInProcess(context, *api);
}

void RegisterPlugins() { SetPluginFactory(CreatePluginLink); }

}  // namespace selvage

extern "C" int selvage_transport_register(const selvage_transport_api* api, char* error,
                                          size_t error_size) {
  const auto checked = selvage::CheckedApi(api, "the plug-in that was linked in");
  std::string problem;
  if (!checked.ok()) {
    problem = std::string(checked.status().message());
  } else {
    selvage::RegisterRadios();  // so that it cannot take the name of what is built in
    const auto factory = [api = *checked](const selvage::TransportContext& context) {
      return selvage::LinkInProcess(context, api);
    };
    if (selvage::RegisterTransport(checked->name, factory, {{}, true, true})) return 0;
    problem = "there is a transport \"" + std::string(checked->name) + "\" already";
  }
  if (error != nullptr && error_size > 0) {
    const std::size_t n = std::min(problem.size(), error_size - 1);
    problem.copy(error, n);
    error[n] = '\0';
  }
  return -1;
}
