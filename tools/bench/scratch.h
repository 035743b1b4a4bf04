// A directory of our own under the system's temporary one, gone with its owner.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace selvage::bench {

class ScratchDirectory {
 public:
  // `parent` empty: TMPDIR or /tmp. Errors: Unavailable with what the file system says.
  static absl::StatusOr<ScratchDirectory> Create(const std::string& parent = "") {
    std::error_code error;
    std::string path =
        parent.empty() ? std::filesystem::temp_directory_path(error).string() : parent;
    path += "/selvage-bench-XXXXXX";
    if (error || mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError("cannot make a directory like " + path);
    }
    return ScratchDirectory(path);
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(ScratchDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  ScratchDirectory& operator=(ScratchDirectory&&) = delete;
  const std::string& path() const { return path_; }

 private:
  explicit ScratchDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace selvage::bench
