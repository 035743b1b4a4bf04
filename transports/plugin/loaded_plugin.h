// Plug-ins in shared objects: found, looked at, and made into drivers in this process.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "transports/plugin/plugin_driver.h"

namespace selvage {

// A copy of the table, as long as ours: functions that the plug-in's table does not have are null.
// InvalidArgument when something obligatory is missing, the version is another, or the name is
// none. `from` is for the message.
absl::StatusOr<selvage_transport_api> CheckedApi(const selvage_transport_api* api,
                                                 const std::string& from);

// Loads a shared object and leaves it loaded for the life of the process. NotFound without the
// file, PermissionDenied when anybody may write to it, InvalidArgument when it is no plug-in.
absl::StatusOr<selvage_transport_api> LoadPlugin(const std::string& path);

// An instance in this process. InvalidArgument with the plug-in's own words when it refuses.
absl::StatusOr<std::unique_ptr<PluginDriver>> NewLocalDriver(const selvage_transport_api& api,
                                                             const PluginSettings& settings);

// "a-z0-9-", 1 to 31 of them.
bool IsPluginName(const std::string& name);

}  // namespace selvage
