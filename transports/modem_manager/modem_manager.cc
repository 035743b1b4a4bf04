#include "transports/modem_manager/modem_manager.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <utility>

namespace selvage {
namespace {

constexpr char kService[] = "org.freedesktop.ModemManager1";
constexpr char kRoot[] = "/org/freedesktop/ModemManager1";
constexpr char kBearerInterface[] = "org.freedesktop.ModemManager1.Bearer";
constexpr char kProperties[] = "org.freedesktop.DBus.Properties";
constexpr int kDepthMax = 6;
constexpr std::size_t kElementsMax = 256;
constexpr std::uint64_t kCallMicros = 10'000'000;
constexpr std::uint64_t kConnectMicros = 180'000'000;  // registration included

struct MessageDeleter {
  void operator()(sd_bus_message* m) const { sd_bus_message_unref(m); }
};
using Message = std::unique_ptr<sd_bus_message, MessageDeleter>;

BusValue ReadValue(sd_bus_message* m, int depth);

// A basic value, whatever its width.
BusValue ReadBasic(sd_bus_message* m, char type) {
  union {
    int boolean;
    std::uint8_t byte;
    std::int16_t i16;
    std::uint16_t u16;
    std::int32_t i32;
    std::uint32_t u32;
    std::int64_t i64;
    std::uint64_t u64;
    double number;
    const char* text;
  } v{};
  if (sd_bus_message_read_basic(m, type, &v) < 0) return {};
  switch (type) {
    case 'b':
      return {v.boolean != 0};
    case 'y':
      return {std::int64_t{v.byte}};
    case 'n':
      return {std::int64_t{v.i16}};
    case 'q':
      return {std::int64_t{v.u16}};
    case 'i':
      return {std::int64_t{v.i32}};
    case 'u':
      return {std::int64_t{v.u32}};
    case 'x':
      return {v.i64};
    case 't':
      return {static_cast<std::int64_t>(v.u64)};
    case 'd':
      return {v.number};
    case 's':
    case 'o':
    case 'g':
      return {std::string(v.text)};
    default:
      return {};
  }
}

BusValue ReadArray(sd_bus_message* m, const char* contents, int depth) {
  if (sd_bus_message_enter_container(m, 'a', contents) < 0) return {};
  BusValue out;
  if (contents[0] == '{') {
    BusProperties map;
    const std::string entry(contents + 1, std::string(contents).size() - 2);
    while (sd_bus_message_enter_container(m, 'e', entry.c_str()) > 0) {
      const BusValue key = ReadValue(m, depth + 1);
      BusValue value = ReadValue(m, depth + 1);
      sd_bus_message_exit_container(m);
      const auto* name = std::get_if<std::string>(&key.value);
      if (name && map.size() < kElementsMax) map[*name] = std::move(value);
    }
    out.value = std::move(map);
  } else {
    std::vector<BusValue> list;
    while (sd_bus_message_at_end(m, 0) == 0 && list.size() < kElementsMax) {
      list.push_back(ReadValue(m, depth + 1));
    }
    out.value = std::move(list);
  }
  sd_bus_message_exit_container(m);
  return out;
}

// The next value of the message, containers with what is in them.
BusValue ReadValue(sd_bus_message* m, int depth) {
  char type = 0;
  const char* contents = nullptr;
  if (sd_bus_message_peek_type(m, &type, &contents) <= 0) return {};
  if (depth > kDepthMax) {
    sd_bus_message_skip(m, nullptr);
    return {};
  }
  if (type == 'a') return ReadArray(m, contents, depth);
  if (type == 'v') {
    if (sd_bus_message_enter_container(m, 'v', contents) < 0) return {};
    BusValue out = ReadValue(m, depth + 1);
    sd_bus_message_exit_container(m);
    return out;
  }
  if (type == 'r') {
    if (sd_bus_message_enter_container(m, 'r', contents) < 0) return {};
    std::vector<BusValue> list;
    while (sd_bus_message_at_end(m, 0) == 0 && list.size() < kElementsMax) {
      list.push_back(ReadValue(m, depth + 1));
    }
    sd_bus_message_exit_container(m);
    return {std::move(list)};
  }
  return ReadBasic(m, type);
}

const BusProperties* AsMap(const BusValue& v) { return std::get_if<BusProperties>(&v.value); }

}  // namespace

class ModemManager::Bus {
 public:
  Bus(Reactor& reactor, Options options, OnChange on_change)
      : reactor_(reactor), options_(std::move(options)), on_change_(std::move(on_change)) {}
  ~Bus() { Disconnect(); }

  Time NextDeadline() const { return deadline_; }

  void OnTimeout(Time now) {
    if (now < deadline_) return;
    if (bus_ == nullptr && !Connect()) {
      deadline_ = now + kRetryFirst;
      return;
    }
    if (dirty_ && !reading_ && now >= refresh_at_) Refresh(now);
    if (wants_connection_ && !connecting_ && now >= retry_at_) AskToConnect(now);
    Process(now);
  }

 private:
  // One call on its way; its slot ends it when this object goes first.
  using Handler = void (Bus::*)(sd_bus_message* reply, bool failed);
  template <Handler handler>
  static int OnReply(sd_bus_message* m, void* self, sd_bus_error*) {
    (static_cast<Bus*>(self)->*handler)(m, sd_bus_message_is_method_error(m, nullptr) > 0);
    return 0;
  }
  static int OnSignal(sd_bus_message*, void* self, sd_bus_error*) {
    static_cast<Bus*>(self)->dirty_ = true;
    return 0;
  }

  bool Connect() {
    const int made = options_.bus_address.empty() ? sd_bus_open_system(&bus_) : OpenAddress();
    if (made < 0) {
      bus_ = sd_bus_unref(bus_);
      return false;
    }
    const std::string from = std::string("type='signal',sender='") + kService + "'";
    sd_bus_add_match_async(bus_, nullptr, from.c_str(), OnSignal, nullptr, this);
    sd_bus_match_signal_async(bus_, nullptr, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus", "NameOwnerChanged", OnSignal, nullptr, this);
    fd_ = sd_bus_get_fd(bus_);
    reactor_.AddFd(fd_, [this] { Process(reactor_.now()); });
    dirty_ = true;
    return true;
  }

  int OpenAddress() {
    int result = sd_bus_new(&bus_);
    if (result >= 0) result = sd_bus_set_address(bus_, options_.bus_address.c_str());
    if (result >= 0) result = sd_bus_set_bus_client(bus_, 1);
    if (result >= 0) result = sd_bus_start(bus_);
    return result;
  }

  void Disconnect() {
    if (bus_ == nullptr) return;
    reactor_.RemoveFd(fd_);
    bus_ = sd_bus_close_unref(bus_);
    reading_ = connecting_ = wants_connection_ = false;
    bearers_pending_ = 0;
    Gone();
  }

  void Gone() {
    if (std::exchange(path_, "").empty()) return;
    signal_asked_ = false;
    on_change_(nullptr);
  }

  void Process(Time now) {
    int result = 0;
    for (int i = 0; i < 1000 && bus_ != nullptr; ++i) {
      result = sd_bus_process(bus_, nullptr);
      if (result <= 0) break;
    }
    if (result < 0) {
      Disconnect();
      deadline_ = now + kRetryFirst;
      return;
    }
    sd_bus_flush(bus_);
    // The bus's own timeouts (of calls) need a look now and then; a second is exact enough.
    deadline_ = now + Duration(1s);
    if (dirty_ && !reading_) deadline_ = std::min(deadline_, refresh_at_);
    if (wants_connection_ && !connecting_) deadline_ = std::min(deadline_, retry_at_);
    deadline_ = std::max(deadline_, now + Duration(1ms));
  }

  template <Handler handler>
  bool Call(Message m, std::uint64_t timeout_us = kCallMicros) {
    return sd_bus_call_async(bus_, nullptr, m.get(), OnReply<handler>, this, timeout_us) >= 0;
  }
  Message NewCall(const std::string& path, const char* interface, const char* member) {
    sd_bus_message* m = nullptr;
    sd_bus_message_new_method_call(bus_, &m, kService, path.c_str(), interface, member);
    return Message(m);
  }

  void Refresh(Time now) {
    dirty_ = false;
    refresh_at_ = now + kRefreshInterval;
    reading_ = Call<&Bus::OnObjects>(
        NewCall(kRoot, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects"));
  }

  void OnObjects(sd_bus_message* reply, bool failed) {
    reading_ = false;
    if (failed) return Gone();  // ModemManager is not there
    const BusValue all = ReadValue(reply, 0);
    const BusProperties* objects = AsMap(all);
    // The modem we know, or else the first.
    const std::map<std::string, BusValue>::const_iterator none =
        objects ? objects->end() : BusProperties::const_iterator();
    auto it = objects ? objects->find(path_) : none;
    if (objects && it == none) {
      Gone();
      it = objects->begin();
    }
    if (objects == nullptr || it == objects->end()) {
      Gone();
      wants_connection_ = false;
      return;
    }
    path_ = it->first;
    std::map<std::string, BusProperties> interfaces;
    if (const BusProperties* in = AsMap(it->second)) {
      for (const auto& [name, properties] : *in) {
        if (const BusProperties* p = AsMap(properties)) interfaces[name] = *p;
      }
    }
    state_ = ReadModem(interfaces);
    bearers_pending_ = 0;
    for (const std::string& bearer : state_.bearer_paths) {
      Message m = NewCall(bearer, kProperties, "GetAll");
      if (!m || sd_bus_message_append(m.get(), "s", kBearerInterface) < 0) continue;
      if (Call<&Bus::OnBearer>(std::move(m))) ++bearers_pending_;
    }
    reading_ = bearers_pending_ > 0;
    if (!reading_) Tell();
  }

  void OnBearer(sd_bus_message* reply, bool failed) {
    if (bearers_pending_ == 0) return;  // of a reading given up
    if (!failed) {
      const BusValue all = ReadValue(reply, 0);
      if (const BusProperties* p = AsMap(all)) {
        const CellularBearer bearer = ReadBearer(*p);
        if (!state_.bearer || bearer.connected) state_.bearer = bearer;
      }
    }
    if (--bearers_pending_ > 0) return;
    reading_ = false;
    Tell();
  }

  void Tell() {
    const bool enabled = state_.state >= ModemState::kEnabled;
    wants_connection_ =
        !state_.usable() && state_.state != ModemState::kFailed &&
        state_.state != ModemState::kLocked && state_.state != ModemState::kInitializing &&
        state_.state != ModemState::kConnecting && state_.state != ModemState::kDisconnecting;
    if (state_.usable()) retry_wait_ = kRetryFirst;
    if (enabled && !signal_asked_ && options_.signal_interval_s > 0) {
      Message m = NewCall(path_, "org.freedesktop.ModemManager1.Modem.Signal", "Setup");
      if (m && sd_bus_message_append(m.get(), "u",
                                     static_cast<std::uint32_t>(options_.signal_interval_s)) >= 0) {
        signal_asked_ = Call<&Bus::OnIgnored>(std::move(m));
      }
    }
    if (!enabled) signal_asked_ = false;
    on_change_(&state_);
  }

  void AskToConnect(Time now) {
    Message m = NewCall(path_, "org.freedesktop.ModemManager1.Modem.Simple", "Connect");
    if (!m || sd_bus_message_append(m.get(), "a{sv}", 1, "apn", "s", options_.apn.c_str()) < 0) {
      return;
    }
    connecting_ = Call<&Bus::OnConnected>(std::move(m), kConnectMicros);
    retry_at_ = now + retry_wait_;
    retry_wait_ = std::min(retry_wait_ * 2, kRetryMax);
  }
  void OnConnected(sd_bus_message*, bool) {  // the state tells whether it worked
    connecting_ = false;
    dirty_ = true;
  }
  void OnIgnored(sd_bus_message*, bool failed) {
    if (failed) signal_asked_ = false;
  }

  Reactor& reactor_;
  Options options_;
  OnChange on_change_;
  sd_bus* bus_ = nullptr;
  int fd_ = -1;
  Time deadline_ = TimeFromNanos(0);
  Time refresh_at_ = TimeFromNanos(0);
  Time retry_at_ = TimeFromNanos(0);
  Duration retry_wait_ = kRetryFirst;
  bool dirty_ = false, reading_ = false, connecting_ = false, wants_connection_ = false;
  bool signal_asked_ = false;
  int bearers_pending_ = 0;
  std::string path_;  // of the modem; empty: none
  CellularState state_;
};

ModemManager::ModemManager(Reactor& reactor, Options options, OnChange on_change)
    : bus_(std::make_unique<Bus>(reactor, std::move(options), std::move(on_change))) {}
ModemManager::~ModemManager() = default;
void ModemManager::OnTimeout(Time now) { bus_->OnTimeout(now); }
Time ModemManager::NextDeadline() const { return bus_->NextDeadline(); }

}  // namespace selvage
