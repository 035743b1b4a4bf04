#include "agents/runtime/config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <tuple>

#include "absl/status/status.h"
#include "agents/membership/certificate.h"
#include "agents/runtime/config_model.h"
#include "agents/runtime/config_reader.h"
#include "agents/runtime/stream_identity.h"
#include "transports/radios/plugin_link.h"
#include "transports/radios/radios.h"
#include "transports/registry.h"

namespace selvage {
namespace {

constexpr const char* kLogLevels[] = {"trace", "debug", "info", "warn", "error", "off"};
constexpr std::size_t kSocketPathMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kInterfaceMax = IFNAMSIZ - 1;
constexpr std::size_t kPeersMax = 64;  // of a link

// Empty when `text` is "host:port" with a port of 1..65535; otherwise what is wrong with it.
std::string HostPortProblem(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool bracketed = !text.empty() && text[0] == '[';
  if (colon == std::string_view::npos || (bracketed && text.find("]:") == std::string_view::npos)) {
    return "has no port";
  }
  if (colon == 0) return "has no address before the port";
  if (!bracketed && text.find(':') != colon) return "must have its IPv6 address in brackets";
  const std::string_view port = text.substr(colon + 1);
  long number = 0;
  for (const char c : port)
    number = c >= '0' && c <= '9' && number < 65536 ? number * 10 + c - '0' : -1;
  if (port.empty() || number < 1 || number > 65535) return "must end in a port of 1 to 65535";
  return "";
}

std::string SocketPathProblem(const std::string& path) {
  if (path.empty()) return "must not be empty; leave the section out to switch it off";
  if (path.find('\0') != std::string::npos) return "must not contain a zero byte";
  if (path.size() > kSocketPathMax) {
    return "is " + std::to_string(path.size()) + " bytes long; the system allows " +
           std::to_string(kSocketPathMax) + " for a socket, use a shorter path";
  }
  return "";
}

std::string InterfaceProblem(const std::string& name) {
  if (name.empty() || name.size() > kInterfaceMax ||
      name.find_first_of("/ \t\n:") != std::string::npos || name == "." || name == "..") {
    return "is not a name of a network interface: 1 to " + std::to_string(kInterfaceMax) +
           " characters without blanks, '/' and ':'";
  }
  return "";
}

// Splits and checks "10.99.0.1/16"; returns what is wrong, or empty and fills in `tun`.
std::string AddressProblem(const std::string& text, TunConfig* tun) {
  const char* kRight = "; write an address with the length of its network, like \"10.99.0.1/16\"";
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return "has no prefix length" + std::string(kRight);
  const std::string host = text.substr(0, slash);
  const std::string length = text.substr(slash + 1);
  std::array<std::uint8_t, 16> bytes{};
  const bool v4 = inet_pton(AF_INET, host.c_str(), bytes.data()) == 1;
  if (!v4 && inet_pton(AF_INET6, host.c_str(), bytes.data()) != 1) {
    return "is not an IP address" + std::string(kRight);
  }
  const int bits = v4 ? 32 : 128;
  int prefix = -1;
  if (!length.empty() && length.size() <= 3 &&
      length.find_first_not_of("0123456789") == std::string::npos) {
    prefix = std::stoi(length);
  }
  if (prefix < 1 || prefix > bits) {
    return "has a prefix length outside 1 to " + std::to_string(bits) + kRight;
  }
  // All host bits zero names the network itself (RFC 3021 and host routes excepted).
  bool host_bits = prefix >= bits - 1;
  for (int i = prefix; i < bits && !host_bits; ++i) {
    host_bits = ((bytes[static_cast<std::size_t>(i) / 8] >> (7 - i % 8)) & 1) != 0;
  }
  if (!host_bits) return "is the address of the network itself" + std::string(kRight);
  const bool multicast = v4 ? (bytes[0] & 0xf0) == 0xe0 : bytes[0] == 0xff;
  if (multicast) return "is a multicast address" + std::string(kRight);
  char canonical[INET6_ADDRSTRLEN] = {};
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data(), canonical, sizeof(canonical));
  tun->address = canonical;
  tun->prefix_length = prefix;
  return "";
}

void ReadNode(const toml::table& table, ConfigProblems* problems, AgentConfig* config) {
  Section node(table, "[node]", problems);
  node.Require("name", "\"gateway-1\"");
  node.Require("state_dir", "\"/var/lib/selvage\"");
  if (const auto name = node.Text("name", "\"gateway-1\"")) {
    config->node_name = *name;
    if (!IsValidName(*name)) node.Wrong("name", DescribeNameRule());
  }
  if (const auto dir = node.Text("state_dir", "\"/var/lib/selvage\"")) {
    config->state_dir = *dir;
    if (dir->empty()) node.Wrong("state_dir", "must not be empty");
  }
  config->healing = node.Boolean("healing", "true").value_or(true);
  config->quarantine = node.Boolean("quarantine", "true").value_or(true);
  node.Finish();
}

void ReadSockets(Section* top, ConfigProblems* problems, AgentConfig* config) {
  if (const toml::table* table = top->Table("control")) {
    Section control(*table, "[control]", problems);
    const char* kExample = "\"/run/selvage/control.sock\"";
    control.Require("socket", kExample);
    if (const auto socket = control.Text("socket", kExample)) {
      config->control_socket = *socket;
      if (const auto p = SocketPathProblem(*socket); !p.empty()) control.Wrong("socket", p);
    }
    control.Finish();
  }
  if (const toml::table* table = top->Table("http")) {
    Section http(*table, "[http]", problems);
    http.Require("listen", "\"127.0.0.1:8780\"");
    if (const auto listen = http.Text("listen", "\"127.0.0.1:8780\"")) {
      config->http_listen = *listen;
      if (const auto p = HostPortProblem(*listen); !p.empty()) {
        http.Wrong("listen", p + "; for example \"127.0.0.1:8780\"");
      }
    }
    http.Finish();
  }
  if (const toml::table* table = top->Table("api")) {
    Section api(*table, "[api]", problems);
    const char* kExample = "\"ipc:///run/selvage/api.sock\"";
    api.Require("endpoint", kExample);
    if (const auto endpoint = api.Text("endpoint", kExample)) {
      config->api_endpoint = *endpoint;
      if (endpoint->rfind("ipc://", 0) != 0) {
        api.Wrong("endpoint", "must begin with ipc://; for example " + std::string(kExample));
      } else if (const auto p = SocketPathProblem(endpoint->substr(6)); !p.empty()) {
        api.Wrong("endpoint", p);
      } else if (endpoint->substr(6) == config->control_socket) {
        api.Wrong("endpoint", "is the path of the control socket; each needs its own");
      }
    }
    api.Finish();
  }
}

void ReadTun(const toml::table& table, ConfigProblems* problems, AgentConfig* config) {
  Section section(table, "[tun]", problems);
  TunConfig tun;
  if (const auto name = section.Text("name", "\"selvage0\"")) {
    tun.name = *name;
    if (const auto p = InterfaceProblem(*name); !p.empty()) section.Wrong("name", p);
  }
  section.Require("address", "\"10.99.0.1/16\"");
  if (const auto address = section.Text("address", "\"10.99.0.1/16\"")) {
    if (const auto p = AddressProblem(*address, &tun); !p.empty()) section.Wrong("address", p);
  }
  if (const auto mtu = section.Integer("mtu", "1280")) {
    const bool v6 = tun.address.find(':') != std::string::npos;
    const int least = v6 ? 1280 : TunConfig::kMtuMin;
    if (*mtu < least || *mtu > TunConfig::kMtuMax) {
      section.Wrong("mtu", "is " + std::to_string(*mtu) + "; " + (v6 ? "IPv6" : "IPv4") +
                               " needs " + std::to_string(least) + " to " +
                               std::to_string(TunConfig::kMtuMax) +
                               "; 1280 fits one frame on Ethernet");
    } else {
      tun.mtu_bytes = static_cast<int>(*mtu);
    }
  }
  if (const auto c = section.Text("class", "\"telemetry\"")) {
    if (!ParseTrafficClass(*c, &tun.traffic_class)) {
      section.Wrong("class", "is \"" + *c + "\"; classes are: critical, reliable, telemetry, bulk");
    }
  }
  section.Finish();
  config->tun = tun;
}

// Where a peer is: the scheme decides how the rest is read, by the transport.
std::string PeerProblem(const std::string& peer) {
  const char* kRight = "; write \"udp://HOST:PORT\" or \"zmq+tcp://HOST:PORT?key=KEY\"";
  for (const std::string scheme : {"udp://", "zmq+tcp://"}) {
    if (peer.rfind(scheme, 0) != 0) continue;
    std::string rest = peer.substr(scheme.size());
    if (scheme != "udp://") rest = rest.substr(0, rest.find('?'));
    const std::string problem = HostPortProblem(rest);
    return problem.empty() ? "" : "\"" + peer + "\" " + problem + kRight;
  }
  return "\"" + peer + "\" has no known scheme" + kRight;
}

// The keys that this transport alone understands.
void ReadOptions(const TransportSpec& spec, Section* section, LinkConfig* link) {
  for (const TransportOption& o : spec.options) {
    if (o.kind == TransportOption::Kind::kText) {
      if (const auto v = section->Text(o.key, o.example)) link->options[o.key] = *v;
    } else if (o.kind == TransportOption::Kind::kBoolean) {
      if (const auto v = section->Boolean(o.key, o.example)) {
        link->options[o.key] = *v ? "true" : "false";
      }
    } else if (const auto v = section->Integer(o.key, o.example)) {
      link->options[o.key] = std::to_string(*v);
      if (*v < o.least || *v > o.most) {
        section->Wrong(o.key, "is " + std::to_string(*v) + "; must be " + std::to_string(o.least) +
                                  " to " + std::to_string(o.most));
      }
    }
  }
}

// A section of a transport that is not built in. Which file it is in is decided here, whether there
// is such a file when the link starts.
void ReadPlugin(const std::string& directory, Section* section, LinkConfig* link) {
  const std::string& name = link->transport;
  const bool plain = !name.empty() && name.size() <= 31 &&
                     name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
                         std::string::npos;
  if (!plain && !name.empty()) {
    section->Wrong("transport", "is \"" + name +
                                    "\"; names of transports have 1 to 31 characters out of a-z, "
                                    "0-9 and -");
  }
  link->options["plugin"] = directory + "/" + name + ".so";
  if (const auto plugin = section->Text("plugin", "\"/usr/lib/selvage/transports/pigeon.so\"")) {
    link->options["plugin"] = *plugin;
    if (plugin->empty() || plugin->front() != '/') {
      section->Wrong("plugin", "is \"" + *plugin + "\"; write the whole path, from /");
    }
  }
  if (section->Boolean("isolated", "true").value_or(false)) link->options["isolated"] = "true";
  if (const auto socket = section->Text("host_socket", "\"/run/selvage/pigeon.sock\"")) {
    link->options["host_socket"] = *socket;
    if (socket->empty() || socket->front() != '/') {
      section->Wrong("host_socket", "is \"" + *socket + "\"; write the whole path, from /");
    }
  }
  if (!link->listen.empty() || !link->peers.empty()) {
    section->WrongHere("names \"" + name +
                       "\", which is not built in; 'listen' and 'peers' are for ethernet, wifi, "
                       "redcap and satellite, plug-ins have 'settings'");
  }
}

void ReadLinks(const std::vector<const toml::table*>& tables, ConfigProblems* problems,
               AgentConfig* config) {
  std::map<std::tuple<std::string, std::string, std::string>, std::uint32_t> seen;
  for (const toml::table* table : tables) {
    Section section(*table, "[[link]]", problems);
    if (config->links.size() == AgentConfig::kLinksMax) {
      section.WrongHere("is one too many; a node has at most " +
                        std::to_string(AgentConfig::kLinksMax) + " links");
      return;
    }
    LinkConfig link;
    section.Require("transport", "\"ethernet\"");
    link.transport = section.Text("transport", "\"ethernet\"").value_or("");
    if (const auto interface = section.Text("interface", "\"eth0\"")) {
      link.interface = *interface;
      if (const auto p = InterfaceProblem(*interface); !p.empty()) section.Wrong("interface", p);
    }
    if (const auto listen = section.Text("listen", "\"127.0.0.1:7701\"")) {
      link.listen = *listen;
      const std::size_t scheme = listen->find("://");
      const std::string rest = scheme == std::string::npos ? *listen : listen->substr(scheme + 3);
      if (const auto p = HostPortProblem(rest); !p.empty()) {
        section.Wrong("listen", p + "; for example \"127.0.0.1:7701\"");
      }
    }
    link.peers = section.Texts("peers", "[\"udp://192.0.2.7:7700\"]");
    if (link.peers.size() > kPeersMax) {
      section.Wrong("peers", "has " + std::to_string(link.peers.size()) + " entries; at most " +
                                 std::to_string(kPeersMax));
    }
    for (std::size_t i = 0; i < std::min(link.peers.size(), kPeersMax); ++i) {
      const auto first = link.peers.begin();
      const auto p = PeerProblem(link.peers[i]);
      if (!p.empty()) {
        section.Wrong("peers", p);
      } else if (std::find(first, first + static_cast<std::ptrdiff_t>(i), link.peers[i]) !=
                 first + static_cast<std::ptrdiff_t>(i)) {
        section.Wrong("peers", "names \"" + link.peers[i] + "\" twice");
      }
    }
    for (const std::string& text : section.Texts("allow_keys", "[\"KEY\"]")) {
      CurveKey key{};
      if (!ParseStreamKey(text, &key)) {
        section.Wrong("allow_keys", "has \"" + text +
                                        "\", which is no key of 40 characters; `selvaged "
                                        "--stream-key` prints a node's");
      } else if (config->stream_keys_allowed.size() == AgentConfig::kStreamKeysMax) {
        section.Wrong("allow_keys",
                      "brings more than " + std::to_string(AgentConfig::kStreamKeysMax) + " keys");
        break;
      } else {
        config->stream_keys_allowed.push_back(text);
      }
    }
    const TransportSpec* spec = FindTransportSpec(link.transport);
    if (spec != nullptr) {
      ReadOptions(*spec, &section, &link);
    } else {
      ReadPlugin(config->plugin_directory, &section, &link);
    }
    if (spec == nullptr || spec->takes_settings) {
      for (const auto& [key, value] : section.Settings("settings")) {
        link.options["setting." + key] = value;
      }
    }
    section.Finish();
    const bool alone = spec == nullptr || spec->stands_alone;
    if (!alone && table->get("interface") == nullptr && table->get("listen") == nullptr &&
        link.peers.empty()) {
      section.WrongHere(
          "needs 'interface', 'listen' or 'peers'; for example: interface = \"eth0\"");
      continue;
    }
    const auto [first, fresh] = seen.emplace(
        std::make_tuple(link.transport, link.interface, link.listen), table->source().begin.line);
    // Sections with peers alone are told apart by them.
    if (!fresh && (!link.interface.empty() || !link.listen.empty())) {
      section.WrongHere("is the same link as the one in line " + std::to_string(first->second) +
                        "; give each interface or address one section");
    }
    config->links.push_back(std::move(link));
  }
}

void ReadOutbox(const toml::table& table, ConfigProblems* problems, OutboxConfig* outbox) {
  Section section(table, "[outbox]", problems);
  auto read = [&](const char* key, std::int64_t min, std::int64_t max, std::int64_t* out) {
    const auto value = section.Integer(key, std::to_string(*out));
    if (!value) return;
    if (*value < min || *value > max) {
      section.Wrong(key, "is " + std::to_string(*value) + "; must be " + std::to_string(min) +
                             " to " + std::to_string(max));
    }
    *out = *value;
  };
  read("messages", 1, OutboxConfig::kMessagesMax, &outbox->messages);
  read("megabytes", 1, OutboxConfig::kMegabytesMax, &outbox->megabytes);
  read("carried_messages", 0, OutboxConfig::kMessagesMax, &outbox->carried_messages);
  read("carried_megabytes", 0, OutboxConfig::kMegabytesMax, &outbox->carried_megabytes);
  section.Finish();
}

void ReadTop(const toml::table& table, ConfigProblems* problems, AgentConfig* config) {
  Section top(table, "", problems);
  if (const toml::table* node = top.Table("node")) {
    ReadNode(*node, problems, config);
  } else if (table.get("node") == nullptr) {
    problems->Add(table.source(),
                  "section [node] is missing; write [node] with name and state_dir");
  }
  ReadSockets(&top, problems, config);
  if (const toml::table* tun = top.Table("tun")) ReadTun(*tun, problems, config);
  if (const toml::table* outbox = top.Table("outbox")) {
    ReadOutbox(*outbox, problems, &config->outbox);
  }
  if (const toml::table* model = top.Table("model")) ReadModel(*model, problems, &config->model);
  if (const toml::table* healer = top.Table("healer")) {
    ReadHealer(*healer, problems, &config->model);
  }
  if (const toml::table* lab_table = top.Table("lab")) {
    Section lab(*lab_table, "[lab]", problems);
    config->lab = lab.Boolean("enabled", "true").value_or(false);
    lab.Finish();
  }
  if (const toml::table* log_table = top.Table("log")) {
    Section log(*log_table, "[log]", problems);
    if (const auto level = log.Text("level", "\"info\"")) {
      config->log_level = *level;
      if (std::find(std::begin(kLogLevels), std::end(kLogLevels), *level) == std::end(kLogLevels)) {
        log.Wrong("level",
                  "is \"" + *level + "\"; levels are: trace, debug, info, warn, error, off");
      }
    }
    log.Finish();
  }
  if (const toml::table* plugins_table = top.Table("plugins")) {
    Section plugins(*plugins_table, "[plugins]", problems);
    if (const auto d = plugins.Text("directory", "\"/usr/lib/selvage/transports\"")) {
      config->plugin_directory = *d;
      if (d->empty() || d->front() != '/') {
        plugins.Wrong("directory", "is \"" + *d + "\"; write the whole path, from /");
      }
    }
    plugins.Finish();
  }
  ReadLinks(top.Tables("link"), problems, config);
  top.Finish();
}

}  // namespace

absl::StatusOr<AgentConfig> ParseConfig(std::string_view text, const std::string& source) {
  const std::string name = source.empty() ? "configuration" : source;
  ConfigProblems problems(name);
  RegisterRadios();
  RegisterPlugins();
  AgentConfig config;
  config.source = source;
  try {
    const toml::table table = toml::parse(text, name);
    ReadTop(table, &problems, &config);
  } catch (const toml::parse_error& e) {
    problems.Add(e.source(), "not TOML: " + std::string(e.description()));
  }
  if (!problems.empty()) return absl::InvalidArgumentError(problems.Text());
  return config;
}

absl::StatusOr<AgentConfig> LoadConfig(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    const std::string what = "cannot open " + path + ": " + std::strerror(error);
    if (error == ENOENT) {
      return absl::NotFoundError(what +
                                 "; `selvaged --print-default-config` prints one to start with");
    }
    if (error == EACCES)
      return absl::PermissionDeniedError(what + "; make it readable for this user");
    return absl::UnavailableError(what);
  }
  std::string text(AgentConfig::kFileBytesMax + 1, '\0');
  std::size_t size = 0;
  ssize_t n = 0;
  do {
    n = read(fd, text.data() + size, text.size() - size);
    if (n > 0) size += static_cast<std::size_t>(n);
  } while ((n > 0 && size < text.size()) || (n < 0 && errno == EINTR));
  const int error = errno;
  close(fd);
  if (n < 0) return absl::UnavailableError("cannot read " + path + ": " + std::strerror(error));
  if (size > AgentConfig::kFileBytesMax) {
    return absl::InvalidArgumentError(path + " is larger than " +
                                      std::to_string(AgentConfig::kFileBytesMax) +
                                      " bytes: that is no configuration");
  }
  text.resize(size);
  return ParseConfig(text, path);
}

}  // namespace selvage
