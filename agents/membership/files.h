// Small whole files, read with a bound and replaced atomically; and a lock on a directory.
//
// Blocking. For tools and the runtime, never for protocol code.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace selvage {

// The content of `path`. Errors: OutOfRange (more than `bytes_max`), what the file system says.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, std::size_t bytes_max);

// The same for a secret. Also FailedPrecondition when others than its owner may read or write it.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path, std::size_t bytes_max);

// Writes DIR/NAME with permission bits `mode` by way of a temporary file, fsync, rename and fsync
// of the directory: after a crash the old content is there, or the new. One writer at a time.
absl::Status ReplaceFile(const std::string& dir, const std::string& name,
                         const std::string& content, unsigned mode);

// Makes `dir` with mode 0700, and missing parents. One that exists keeps its mode.
// Errors: FailedPrecondition (exists and everybody may write to it), what the file system says.
absl::Status MakePrivateDirectory(const std::string& dir);

bool FileExists(const std::string& path);

// Holds an exclusive lock on DIR/lock until destroyed. Move only.
class DirectoryLock {
 public:
  // Waits for the present holder. Errors: what the file system says.
  static absl::StatusOr<DirectoryLock> Acquire(const std::string& dir);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace selvage
