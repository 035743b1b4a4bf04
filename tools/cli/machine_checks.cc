#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <fstream>

#include "tools/cli/checks.h"
#include "tools/cli/cli.h"

namespace selvage {
namespace cli {
namespace {

// A half-second stall of a 60 Mbit/s link fits; see the reasoning about buffers in the docs.
constexpr long kSocketBufferBytes = 4 * 1024 * 1024;
// 2026-01-01: no certificate of this software is older.
constexpr time_t kClockFloor = 1767225600;

}  // namespace

const char* ToString(Level level) {
  return level == Level::kOk ? "ok" : level == Level::kWarn ? "warn" : "fail";
}

Check CheckControlSocket(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return {"control socket", Level::kFail, path + ": " + strerror(errno),
            errno == ENOENT ? "start selvaged, or name its socket with --control"
                            : "be root or a member of the agent's group"};
  }
  if (!S_ISSOCK(info.st_mode)) {
    return {"control socket", Level::kFail, path + " is not a socket",
            "name the agent's socket with --control"};
  }
  if (access(path.c_str(), R_OK | W_OK) != 0) {
    return {"control socket", Level::kFail, "no right to use " + path,
            "be root or a member of the agent's group"};
  }
  if ((info.st_mode & 0007) != 0) {
    return {"control socket", Level::kWarn, path + " is open to everybody on this machine",
            "chmod 0660 " + path};
  }
  return {"control socket", Level::kOk, path, ""};
}

std::vector<Check> CheckSocketBuffers(bool forced) {
  std::vector<Check> out;
  for (const char* name : {"rmem_max", "wmem_max"}) {
    long limit = 0;
    std::ifstream("/proc/sys/net/core/" + std::string(name)) >> limit;
    std::string text = "net.core." + std::string(name) + " is " + std::to_string(limit) + " bytes";
    if (limit >= kSocketBufferBytes) {
      out.push_back({"socket buffers", Level::kOk, text, ""});
    } else if (forced) {
      out.push_back(
          {"socket buffers", Level::kOk, text + "; the agent is root and may exceed it", ""});
    } else {
      out.push_back(
          {"socket buffers", Level::kWarn,
           text + ": packets are lost when the machine stalls for a moment",
           "sysctl -w net.core." + std::string(name) + "=" + std::to_string(kSocketBufferBytes)});
    }
  }
  return out;
}

Check CheckTunDevice(const std::string& tun_name) {
  if (access("/dev/net/tun", F_OK) != 0) {
    return {"TUN device", tun_name.empty() ? Level::kWarn : Level::kFail,
            "/dev/net/tun is not there: unmodified IP programs cannot use the mesh",
            "modprobe tun, or give the container --device /dev/net/tun"};
  }
  if (tun_name.empty()) {
    return {"TUN device", Level::kOk, "available, not used: no [tun] in the configuration", ""};
  }
  if (access(("/sys/class/net/" + tun_name).c_str(), F_OK) != 0) {
    return {"TUN device", Level::kWarn, tun_name + " is not visible from here",
            "look from the agent's network namespace; else see the agent's log"};
  }
  return {"TUN device", Level::kOk, tun_name + " is there", ""};
}

Check CheckClock() {
  time_t now = time(nullptr);
  if (now < kClockFloor) {
    return {"clock", Level::kFail, "the clock is before 2026: certificates seem not yet valid",
            "set the clock, or let a time service do it"};
  }
  timex state{};
  if (adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
    return {"clock", Level::kWarn, "no time service keeps the clock right",
            "run one (systemd-timesyncd, chrony): expiry of certificates goes by the clock"};
  }
  return {"clock", Level::kOk, "kept right by a time service", ""};
}

Check CheckStateDir(const std::string& path) {
  struct stat info;
  if (path.empty()) return {"state directory", Level::kOk, "none: the node keeps nothing", ""};
  if (stat(path.c_str(), &info) != 0) {
    return {"state directory", errno == EACCES ? Level::kWarn : Level::kFail,
            path + ": " + strerror(errno),
            errno == EACCES ? "run doctor as root to look inside"
                            : "selvage network admit makes it; see state_dir in the configuration"};
  }
  if ((info.st_mode & 0077) != 0) {
    return {"state directory", Level::kFail,
            path + " is open to others, and the node's secret keys are in it",
            "chmod 0700 " + path};
  }
  return {"state directory", Level::kOk, path, ""};
}

}  // namespace cli
}  // namespace selvage
