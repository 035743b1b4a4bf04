#include "transports/plugin/loaded_plugin.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "transports/plugin/shared_object.h"

namespace selvage {
namespace {

constexpr std::size_t kObligatoryBytes = offsetof(selvage_transport_api, describe);

// A text that a plug-in wrote into our buffer, whether it terminated it or not.
std::string TextOf(const std::array<char, 256>& error) {
  const std::string text(error.data(), strnlen(error.data(), error.size()));
  return text.empty() ? "the plug-in does not say why" : text;
}

class LocalDriver final : public PluginDriver {
 public:
  LocalDriver(const selvage_transport_api& api, selvage_transport* instance)
      : api_(api), instance_(instance) {}
  ~LocalDriver() override {
    if (started_) api_.stop(instance_, last_);
    api_.destroy(instance_);
  }

  absl::Status Start(Time now) override {
    last_ = ToNanos(now);
    std::array<char, 256> error{};
    if (api_.start(instance_, last_, error.data(), error.size()) != 0) {
      return absl::UnavailableError(TextOf(error));
    }
    started_ = true;
    return absl::OkStatus();
  }
  void Stop(Time now) override {
    last_ = ToNanos(now);
    if (std::exchange(started_, false)) api_.stop(instance_, last_);
  }
  selvage_transport_caps Caps(Time now) override {
    last_ = ToNanos(now);
    selvage_transport_caps caps{};
    caps.struct_size = sizeof(caps);
    api_.get_caps(instance_, last_, &caps);
    return caps;
  }
  int Send(Time now, const selvage_unit& unit, std::int64_t* retry_at_ns) override {
    last_ = ToNanos(now);
    return api_.send(instance_, last_, &unit, retry_at_ns);
  }
  int fd() override { return api_.get_fd(instance_); }
  std::int64_t NextDeadline() override { return api_.next_deadline(instance_); }
  bool NextEvent(Time now, selvage_event* event) override {
    last_ = ToNanos(now);
    *event = {};
    event->struct_size = sizeof(*event);
    return api_.next_event(instance_, last_, event) == 1;
  }
  std::vector<selvage_telemetry_field> Schema() override {
    if (api_.describe == nullptr) return {};
    const selvage_telemetry_field* fields = nullptr;
    const std::uint32_t count =
        std::min<std::uint32_t>(api_.describe(instance_, &fields), SELVAGE_TELEMETRY_MAX);
    if (fields == nullptr || count == 0) return {};
    // A plug-in built against a later header has longer fields: they are stepped over by its size.
    const std::size_t step = fields->struct_size;
    if (step < sizeof(selvage_telemetry_field) || step > 4096) return {};
    std::vector<selvage_telemetry_field> out(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      std::memcpy(&out[i], reinterpret_cast<const char*>(fields) + i * step, sizeof(out[i]));
    }
    return out;
  }
  bool InjectFault(Time now, selvage_fault fault, bool on) override {
    last_ = ToNanos(now);
    return api_.inject_fault != nullptr &&
           api_.inject_fault(instance_, last_, fault, on ? 1 : 0) == 0;
  }

 private:
  const selvage_transport_api api_;
  selvage_transport* const instance_;
  bool started_ = false;
  std::int64_t last_ = 0;
};

}  // namespace

absl::StatusOr<selvage_transport_api> CheckedApi(const selvage_transport_api* api,
                                                 const std::string& from) {
  if (api == nullptr) {
    return absl::InvalidArgumentError(from + " cannot work with version " +
                                      std::to_string(SELVAGE_TRANSPORT_ABI) +
                                      " of selvage/transport.h; build it against this one");
  }
  if (api->abi_version != SELVAGE_TRANSPORT_ABI) {
    return absl::InvalidArgumentError(
        from + " was built for version " + std::to_string(api->abi_version) +
        " of selvage/transport.h, this is " + std::to_string(SELVAGE_TRANSPORT_ABI));
  }
  if (api->struct_size < kObligatoryBytes) {
    return absl::InvalidArgumentError(from + " says that its table has " +
                                      std::to_string(api->struct_size) + " bytes; at least " +
                                      std::to_string(kObligatoryBytes) + " are obligatory");
  }
  selvage_transport_api out{};
  std::memcpy(&out, api, std::min<std::size_t>(api->struct_size, sizeof(out)));
  if (out.create == nullptr || out.destroy == nullptr || out.start == nullptr ||
      out.stop == nullptr || out.get_caps == nullptr || out.send == nullptr ||
      out.get_fd == nullptr || out.next_deadline == nullptr || out.next_event == nullptr) {
    return absl::InvalidArgumentError(from + " lacks a function that is not optional");
  }
  if (out.name == nullptr || !IsPluginName(out.name)) {
    return absl::InvalidArgumentError(from +
                                      " has no name of 1 to 31 characters out of a-z, 0-9 and -");
  }
  return out;
}

absl::StatusOr<selvage_transport_api> LoadPlugin(const std::string& path) {
  const auto symbol = LoadSharedObject(path, SELVAGE_TRANSPORT_SYMBOL);
  if (!symbol.ok()) return symbol.status();
  const auto plugin = reinterpret_cast<selvage_transport_plugin_fn>(*symbol);
  return CheckedApi(plugin(SELVAGE_TRANSPORT_ABI), path);
}

absl::StatusOr<std::unique_ptr<PluginDriver>> NewLocalDriver(const selvage_transport_api& api,
                                                             const PluginSettings& settings) {
  std::vector<selvage_setting> list;
  for (const auto& [key, value] : settings.settings) list.push_back({key.c_str(), value.c_str()});
  selvage_transport_config config{};
  config.struct_size = sizeof(config);
  config.setting_count = static_cast<std::uint32_t>(list.size());
  config.settings = list.data();
  config.interface_name = settings.interface.c_str();
  config.seed = settings.seed;
  selvage_transport* instance = nullptr;
  std::array<char, 256> error{};
  if (api.create(&config, &instance, error.data(), error.size()) != 0 || instance == nullptr) {
    return absl::InvalidArgumentError(TextOf(error));
  }
  return std::unique_ptr<PluginDriver>(std::make_unique<LocalDriver>(api, instance));
}

}  // namespace selvage
