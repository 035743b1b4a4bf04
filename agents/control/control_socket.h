// Opens the agent's listening AF_UNIX socket: takes over a dead agent's file, refuses a live one's.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace selvage {

// OK when nobody answers at `path`: no file, or the socket file of a process that is gone.
// Errors: AlreadyExists (somebody accepts connections there), FailedPrecondition (something that
// is no socket is in the way), InvalidArgument (longer than a socket address holds, 107 bytes),
// Unavailable (the file cannot be looked at).
absl::Status CheckSocketPathFree(const std::string& path);

// A non-blocking, close-on-exec listening stream socket at `path`, mode 0660. A missing last
// directory is made (mode 0755). Errors as above, and Unavailable for bind and listen with what to
// do. The caller closes the descriptor and unlinks the path.
absl::StatusOr<int> ListenUnix(const std::string& path, int backlog);

}  // namespace selvage
