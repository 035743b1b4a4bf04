// Shared objects that extend the agent: what all kinds of plug-ins are checked for when loaded.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace selvage {

// The address of what the shared object at `path` exports as `symbol`; the object stays loaded for
// the life of the process. NotFound without the file, PermissionDenied when anybody may write to
// it, InvalidArgument when it cannot be loaded or exports no such symbol. Thread rule: any thread.
absl::StatusOr<void*> LoadSharedObject(const std::string& path, const char* symbol);

// "a-z0-9-", 1 to 31 of them.
bool IsPluginName(const std::string& name);

}  // namespace selvage
