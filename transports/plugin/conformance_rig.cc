#include "transports/plugin/conformance_rig.h"

#include <poll.h>
#include <time.h>

#include <algorithm>

namespace selvage {
namespace {

constexpr int kEventsPerTurn = 256;
constexpr std::size_t kReceivedMax = 4096;
// A loaded machine holds anybody up for a while; an agent counts from kSlowCall.
constexpr Duration kBlocked = 500ms;

}  // namespace

template <typename F>
auto ConformanceRig::Timed(Instance* instance, const char* what, F&& call) {
  struct Watch {
    ConformanceRig* rig;
    Instance* instance;
    const char* what;
    Time begun = rig->Now();
    ~Watch() {
      if (const Duration took = rig->Now() - begun; took > instance->slowest) {
        instance->slowest = took;
        instance->slowest_call = what;
      }
    }
  } watch{this, instance, what};
  return call();
}

Time ConformanceRig::Now() const {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return TimeFromNanos(std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec) + offset_;
}

ConformanceRig::Instance ConformanceRig::Make() {
  settings_.seed = settings_.seed * 6364136223846793005ull + 1442695040888963407ull;
  auto driver = NewLocalDriver(api_, settings_);
  if (!driver.ok()) {
    throw ConformanceFailure{"create() fails: " + std::string(driver.status().message())};
  }
  Instance out;
  out.driver = std::move(*driver);
  return out;
}

void ConformanceRig::Start(Instance* instance) {
  const absl::Status s =
      Timed(instance, "start", [&] { return instance->driver->Start(Now()); });
  if (!s.ok()) throw ConformanceFailure{"start() fails: " + std::string(s.message())};
  instance->schema = PluginSchema(instance->driver->Schema(), &instance->faults);
  ReadCaps(instance);
}

void ConformanceRig::BringUp(int count) {
  for (int i = 0; i < count; ++i) {
    instances_.push_back(Make());
    Start(&instances_.back());
  }
  const auto up = [this] {
    return std::all_of(instances_.begin(), instances_.end(),
                       [](const Instance& i) { return i.caps.up; });
  };
  if (!Turn(patience_, up)) {
    std::string why;
    for (const Instance& i : instances_) {
      if (!i.caps.up) why = i.caps.reason;
    }
    throw ConformanceFailure{"the link does not come up: " +
                             (why.empty() ? "the plug-in does not say why" : why)};
  }
}

void ConformanceRig::ReadCaps(Instance* instance) {
  instance->caps = CheckCaps(
      Timed(instance, "get_caps", [&] { return instance->driver->Caps(Now()); }),
      &instance->faults);
}

bool ConformanceRig::Drain(Instance* instance) {
  selvage_event event;
  for (int i = 0; i < kEventsPerTurn; ++i) {
    const bool any = Timed(instance, "next_event",
                           [&] { return instance->driver->NextEvent(Now(), &event); });
    if (!any) return false;
    if (!CheckEvent(event, &instance->faults)) continue;
    if (event.kind == SELVAGE_EVENT_RECEIVED && instance->received.size() < kReceivedMax) {
      instance->received.push_back({ByteSpan(event.address, event.address_size).ToBytes(),
                                    ByteSpan(event.data, event.data_size).ToBytes()});
    } else if (event.kind == SELVAGE_EVENT_CAPS) {
      ReadCaps(instance);
    } else if (event.kind == SELVAGE_EVENT_TELEMETRY) {
      std::string ignored;
      ++instance->samples;
      if (event.value_count != instance->schema.size()) ++instance->faults.telemetry;
      instance->schema.Read(Now(), event, &ignored, &instance->faults);
    }
  }
  return true;
}

bool ConformanceRig::Turn(Duration at_most, const std::function<bool()>& done) {
  const Time end = Now() + at_most;
  for (;;) {
    bool more = false;
    std::vector<pollfd> fds;
    Time until = std::min(end, Now() + 50ms);
    for (Instance& i : instances_) {
      if (i.driver == nullptr) continue;
      more |= Drain(&i);
      if (const int fd = i.driver->fd(); fd >= 0) fds.push_back({fd, POLLIN, 0});
      until = std::min(until, PluginTime(i.driver->NextDeadline()));
    }
    if (done && done()) return true;
    const Time now = Now();
    if (now >= end) return false;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(until - now).count();
    const int wait = more ? 0 : static_cast<int>(std::clamp<std::int64_t>(ms, 1, 50));
    poll(fds.data(), static_cast<nfds_t>(fds.size()), wait);
  }
}

SendAnswer ConformanceRig::Send(Instance* from, const Bytes& to, const Bytes& data) {
  const Time now = Now();
  selvage_unit unit{};
  unit.struct_size = sizeof(unit);
  unit.address = to.data();
  unit.address_size = static_cast<std::uint32_t>(to.size());
  unit.data = data.data();
  unit.data_size = static_cast<std::uint32_t>(data.size());
  unit.deadline_ns = ToNanos(now + 60s);
  unit.token = ++token_;
  std::int64_t retry = SELVAGE_NEVER;
  const int result =
      Timed(from, "send", [&] { return from->driver->Send(now, unit, &retry); });
  return CheckAnswer(now, result, retry, &from->faults);
}

SendAnswer ConformanceRig::SendPatiently(Instance* from, const Bytes& to, const Bytes& data) {
  const Time end = Now() + patience_;
  for (;;) {
    const SendAnswer answer = Send(from, to, data);
    if (answer.what != SendAnswer::What::kBusy || Now() >= end) return answer;
    Turn(std::clamp<Duration>(answer.retry_at - Now(), 1ms, 100ms), nullptr);
  }
}

Bytes ConformanceRig::Random(std::size_t size) {
  Bytes out(size);
  for (std::uint8_t& b : out) {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    b = static_cast<std::uint8_t>(random_);
  }
  return out;
}

bool ConformanceRig::Has(const Instance& instance, const Bytes& data) {
  return std::any_of(instance.received.begin(), instance.received.end(),
                     [&](const Unit& u) { return u.data == data; });
}

bool ConformanceRig::Fault(Instance* instance, selvage_fault fault, bool on) {
  return Timed(instance, "inject_fault",
               [&] { return instance->driver->InjectFault(Now(), fault, on); });
}

void ConformanceRig::ExpectNoFaults() const {
  for (const Instance& i : instances_) {
    if (i.faults.total() > 0) throw ConformanceFailure{i.faults.ToText()};
    if (i.slowest > kBlocked) {
      throw ConformanceFailure{i.slowest_call + "() blocked for " +
                               std::to_string(static_cast<int>(ToMillis(i.slowest))) + " ms"};
    }
  }
}

}  // namespace selvage
