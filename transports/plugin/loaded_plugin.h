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

// Loads a shared object (shared_object.h says which errors); InvalidArgument too when its table is
// not one that CheckedApi takes.
absl::StatusOr<selvage_transport_api> LoadPlugin(const std::string& path);

// An instance in this process. InvalidArgument with the plug-in's own words when it refuses.
absl::StatusOr<std::unique_ptr<PluginDriver>> NewLocalDriver(const selvage_transport_api& api,
                                                             const PluginSettings& settings);

}  // namespace selvage
