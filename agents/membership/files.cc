#include "agents/membership/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace selvage {
namespace {

absl::Status Failed(int error, const std::string& what) { return absl::ErrnoToStatus(error, what); }

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Close() { return close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, const std::string& content, const std::string& path) {
  for (std::size_t at = 0; at < content.size();) {
    const ssize_t n = write(fd, content.data() + at, content.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(errno, "cannot write " + path);
    at += static_cast<std::size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Read(const std::string& path, std::size_t bytes_max, bool secret) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return Failed(errno, "cannot open " + path);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Failed(errno, "cannot look at " + path);
  if (secret && (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        path + " holds a secret key and is open to others: run `chmod 600 " + path +
        "`, and think about who may have read it");
  }
  std::string content;
  char buffer[4096];
  for (;;) {
    const ssize_t n = read(file.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(errno, "cannot read " + path);
    if (n == 0) return content;
    if (content.size() + static_cast<std::size_t>(n) > bytes_max) {
      return absl::OutOfRangeError(path + " is larger than " + std::to_string(bytes_max) +
                                   " bytes: not a file of ours");
    }
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, std::size_t bytes_max) {
  return Read(path, bytes_max, false);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path, std::size_t bytes_max) {
  return Read(path, bytes_max, true);
}

absl::Status ReplaceFile(const std::string& dir, const std::string& name,
                         const std::string& content, unsigned mode) {
  const std::string path = dir + "/" + name;
  const std::string temporary = dir + "/." + name + ".new";
  unlink(temporary.c_str());  // left behind by a crash
  Descriptor file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return Failed(errno, "cannot create " + temporary);
  absl::Status status = WriteAll(file.get(), content, temporary);
  // fchmod rather than open's mode: the umask must not decide.
  if (status.ok() && fchmod(file.get(), mode) != 0) {
    status = Failed(errno, "cannot set the mode of " + temporary);
  }
  if (status.ok() && fsync(file.get()) != 0) status = Failed(errno, "cannot sync " + temporary);
  if (file.Close() != 0 && status.ok()) status = Failed(errno, "cannot close " + temporary);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = Failed(errno, "cannot rename " + temporary + " to " + path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  const Descriptor directory(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || fsync(directory.get()) != 0) {
    return Failed(errno, "cannot sync directory " + dir);
  }
  return absl::OkStatus();
}

absl::Status MakePrivateDirectory(const std::string& dir) {
  if (dir.empty()) return absl::InvalidArgumentError("the name of the directory is empty");
  for (std::size_t at = 1; at < dir.size(); ++at) {  // parents, from the root down
    if (dir[at] != '/') continue;
    const std::string parent = dir.substr(0, at);
    if (mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) {
      return Failed(errno, "cannot create directory " + parent);
    }
  }
  if (mkdir(dir.c_str(), 0700) == 0) return absl::OkStatus();
  if (errno != EEXIST) return Failed(errno, "cannot create directory " + dir);
  struct stat info;
  if (stat(dir.c_str(), &info) != 0) return Failed(errno, "cannot look at " + dir);
  if (!S_ISDIR(info.st_mode)) return Failed(ENOTDIR, "cannot use " + dir);
  if ((info.st_mode & S_IWOTH) != 0) {
    return absl::FailedPreconditionError(
        "everybody may write to " + dir +
        ", so keys are not safe there: use a directory of its own");
  }
  return absl::OkStatus();
}

bool FileExists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

absl::StatusOr<DirectoryLock> DirectoryLock::Acquire(const std::string& dir) {
  const std::string path = dir + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(errno, "cannot open " + path);
  DirectoryLock lock(fd);
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return Failed(errno, "cannot lock " + path);
  }
  return lock;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) close(fd_);  // lets go of the lock
}

}  // namespace selvage
