#include <net/if.h>

#include <fstream>

#include "tools/cli/checks.h"
#include "tools/cli/cli.h"

namespace selvage {
namespace cli {
namespace {

constexpr std::uint64_t kDaySeconds = 86400;
constexpr std::uint64_t kExpiryWarningDays = 30;

// Why a link may have found nobody, most likely first, by what the kernel says of its interface.
// Links on fixed addresses have no interface of that name.
Check LonelyLink(const Json& link) {
  std::string name = Text(link, "name");
  std::string found = "link " + name + " has no neighbour";
  if (!Flag(link, "broadcast")) {
    return {"links", Level::kWarn, found + " and finds only configured peers",
            "check the peers of this [[link]], that they run, and that UDP or TCP gets through"};
  }
  std::string base = "/sys/class/net/" + name;
  std::ifstream flags_file(base + "/flags");
  unsigned flags = 0;
  if (!(flags_file >> std::hex >> flags)) {
    return {"links", Level::kWarn, found + "; no interface of that name is visible from here",
            "check the [[link]] section, and look from the agent's network namespace"};
  }
  if ((flags & IFF_UP) == 0) {
    return {"links", Level::kWarn, found + ": the interface is down",
            "ip link set " + name + " up"};
  }
  std::string carrier;
  std::ifstream(base + "/carrier") >> carrier;
  if (carrier == "0") {
    return {"links", Level::kWarn, found + ": no carrier", "plug the cable in, or join the radio"};
  }
  if ((flags & IFF_MULTICAST) == 0) {
    return {"links", Level::kWarn, found + ": the interface has no multicast",
            "ip link set " + name + " multicast on, or name peers in the configuration"};
  }
  bool link_local = false;
  std::ifstream addresses("/proc/net/if_inet6");
  std::string address, index, prefix, scope, bits, device;
  while (addresses >> address >> index >> prefix >> scope >> bits >> device) {
    link_local = link_local || (device == name && scope == "20");
  }
  if (!link_local) {
    return {"links", Level::kWarn, found + ": the interface has no IPv6 link-local address",
            "sysctl -w net.ipv6.conf." + name + ".disable_ipv6=0"};
  }
  return {"links", Level::kWarn, found + ", though the interface is up",
          "check that a node of this network runs at the other end and that no firewall drops "
          "IPv6 UDP between link-local addresses"};
}

}  // namespace

Check CheckVersion(const Json& answer, const std::string& own) {
  std::string version = Text(answer.value("status", Json::object()), "version");
  if (version != own) {
    return {"version", Level::kWarn, "the agent is " + version + ", this tool is " + own,
            "restart the agent after an upgrade"};
  }
  return {"version", Level::kOk, version, ""};
}

Check CheckCertificate(const Json& answer, std::uint64_t wall) {
  auto not_after = static_cast<std::uint64_t>(Number(answer, "certificate_not_after"));
  std::string advice = "admit the node again: selvage network admit";
  if (not_after == 0) return {"certificate", Level::kOk, "does not expire", ""};
  if (wall >= not_after) return {"certificate", Level::kFail, "has expired", advice};
  std::uint64_t days = (not_after - wall) / kDaySeconds;
  std::string text = "expires in " + std::to_string(days) + " days";
  if (days < kExpiryWarningDays) return {"certificate", Level::kWarn, text, advice};
  return {"certificate", Level::kOk, text, ""};
}

std::vector<Check> CheckNeighbors(const Json& answer) {
  std::vector<Check> out;
  int up = 0;
  const Json status = answer.value("status", Json::object());
  for (const Json& n : status.value("neighbors", Json::array())) {
    std::string state = Text(n, "state");
    std::string who = Text(n, "name") + " via " + Text(n, "link");
    if (state == "up") {
      ++up;
    } else if (state == "oneway") {
      out.push_back({"neighbours", Level::kWarn, who + " is oneway: only one direction works",
                     "check transmit power, antennas, and firewalls at both ends"});
    } else if (state == "quarantined") {
      out.push_back({"neighbours", Level::kWarn, who + " is quarantined", "see selvage events"});
    } else {
      out.push_back({"neighbours", Level::kWarn, who + " is " + state,
                     "selvage why " + Text(n, "name") + " tells more"});
    }
  }
  Check summary{"neighbours", Level::kOk, std::to_string(up) + " up", ""};
  if (up == 0) {
    summary = {"neighbours", Level::kFail, "none is up: this node is alone",
               "see the lines about links; is another node of this network running nearby?"};
  }
  out.insert(out.begin(), summary);
  return out;
}

std::vector<Check> CheckLinks(const Json& answer) {
  std::vector<Check> out;
  const Json links = answer.value("links", Json::array());
  std::size_t with_neighbor = 0;
  for (const Json& link : links) {
    if (Number(link, "neighbors") > 0) {
      ++with_neighbor;
    } else {
      out.push_back(LonelyLink(link));
    }
  }
  if (links.empty()) {
    out.push_back({"links", Level::kFail, "no link is up",
                   "check the [[link]] sections of the configuration and the agent's log"});
  } else if (with_neighbor > 0) {
    out.insert(out.begin(), {"links", Level::kOk,
                             std::to_string(with_neighbor) + " of " + std::to_string(links.size()) +
                                 " have neighbours",
                             ""});
  }
  return out;
}

Check CheckStore(const Json& answer) {
  std::string failure = Text(answer.value("status", Json::object()), "store_failure");
  if (failure.empty()) return {"store", Level::kOk, "takes writes", ""};
  return {"store", Level::kFail,
          "refuses writes, and so critical and reliable messages are refused: " + failure,
          "make room on the disk of " + Text(answer, "state_dir") +
              " or let the agent write there; it goes on by itself within a second"};
}

std::vector<Check> CheckModes(const Json& answer) {
  std::vector<Check> out;
  const Json status = answer.value("status", Json::object());
  if (Flag(status, "lab_active")) {
    out.push_back({"laboratory", Level::kWarn, "a fault is active: this node misbehaves on purpose",
                   "selvage lab off"});
  } else if (Flag(status, "lab")) {
    out.push_back({"laboratory", Level::kWarn, "faults are allowed on this node",
                   "take [lab] out of the configuration of a node in service"});
  }
  if (!Flag(status, "healing")) {
    out.push_back({"healing", Level::kWarn, "is switched off: failures are not routed around",
                   "switch it on in the configuration"});
  }
  if (Text(status, "api").empty()) {
    out.push_back({"applications", Level::kOk, "cannot attach: no [api] in the configuration", ""});
  }
  return out;
}

}  // namespace cli
}  // namespace selvage
