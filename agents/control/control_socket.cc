#include "agents/control/control_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace selvage {
namespace {

std::string Why(int error) { return std::string(": ") + strerror(error); }

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("socket path " + path + " must have 1 to " +
                                      std::to_string(sizeof(address.sun_path) - 1) +
                                      " bytes; choose a shorter one");
  }
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes the file a dead process left. A live one keeps it.
absl::Status RemoveStale(const std::string& path) {
  absl::Status free = CheckSocketPathFree(path);
  if (!free.ok()) return free;
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return absl::UnavailableError("cannot remove the stale socket " + path + Why(errno));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSocketPathFree(const std::string& path) {
  auto address = AddressOf(path);
  if (!address.ok()) return address.status();
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::UnavailableError("cannot look at " + path + Why(errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(path +
                                         " exists and is not a socket; move it away or "
                                         "choose another path");
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::UnavailableError("cannot make a socket" + Why(errno));
  int result = connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address));
  int error = result == 0 ? 0 : errno;
  close(fd);
  // EAGAIN: a full backlog, so somebody listens. EACCES: cannot tell, so leave it alone.
  if (result == 0 || error == EAGAIN || error == EINPROGRESS) {
    return absl::AlreadyExistsError("another agent is listening on " + path +
                                    "; stop it or give this one another socket");
  }
  if (error == ECONNREFUSED || error == ENOENT) return absl::OkStatus();
  return absl::UnavailableError("cannot tell whether an agent is listening on " + path +
                                Why(error));
}

absl::StatusOr<int> ListenUnix(const std::string& path, int backlog) {
  auto address = AddressOf(path);
  if (!address.ok()) return address.status();
  absl::Status free = RemoveStale(path);
  if (!free.ok()) return free;
  std::string::size_type slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    mkdir(path.substr(0, slash).c_str(), 0755);  // may exist; bind says so when it helps nothing
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::UnavailableError("cannot make a socket" + Why(errno));
  // The mask closes the moment between bind and chmod in which anybody could connect.
  mode_t mask = umask(0117);
  int bound = bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof(*address));
  int error = errno;
  umask(mask);
  if (bound != 0) {
    close(fd);
    return absl::UnavailableError("cannot open the socket " + path + Why(error) +
                                  "; the directory must exist and be writable for the agent");
  }
  chmod(path.c_str(), 0660);
  if (listen(fd, backlog) != 0) {
    error = errno;
    close(fd);
    unlink(path.c_str());
    return absl::UnavailableError("cannot listen on " + path + Why(error));
  }
  return fd;
}

}  // namespace selvage
