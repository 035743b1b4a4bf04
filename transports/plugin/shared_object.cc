#include "transports/plugin/shared_object.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/status/status.h"

namespace selvage {

absl::StatusOr<void*> LoadSharedObject(const std::string& path, const char* symbol) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) {
    return absl::NotFoundError("there is no plug-in " + path);
  }
  // It runs with all that the agent may do.
  if ((file.st_mode & S_IWOTH) != 0) {
    return absl::PermissionDeniedError("anybody may write to " + path + ": chmod o-w it first");
  }
  // A path without a slash would be looked for where libraries are.
  const std::string name = path.find('/') == std::string::npos ? "./" + path : path;
  void* const object = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) {
    const char* why = dlerror();
    return absl::InvalidArgumentError(path + " cannot be loaded: " + (why ? why : "no reason"));
  }
  void* const found = dlsym(object, symbol);
  if (found == nullptr) {
    return absl::InvalidArgumentError(path + " is no plug-in: it does not export " + symbol);
  }
  return found;
}

bool IsPluginName(const std::string& name) {
  return !name.empty() && name.size() <= 31 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace selvage
