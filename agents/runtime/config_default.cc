#include "agents/runtime/config.h"

namespace selvage {

std::string PrintDefaultConfig() {
  return R"(# Configuration of selvaged. Lines that begin with '#' show what else there is.
# Check a file with: selvaged --check-config --config FILE

[node]
name = "node-1"                          # as admitted: selvage network admit DIR --name NAME ...
state_dir = "/var/lib/selvage"           # keys, certificate, trust anchor, store
# healing = true                         # false: nothing is routed around, for comparison only
# quarantine = true                      # false: relays that drop packets are nobody's business

[control]                                # absent: off, and `selvage` cannot ask this agent
socket = "/run/selvage/control.sock"     # AF_UNIX, mode 0660

[api]                                    # absent: off. Applications attach here
endpoint = "ipc:///run/selvage/api.sock"

# [http]                                 # absent: off
# listen = "127.0.0.1:8780"

# [tun]                                  # absent: off. Unmodified IP programs run over the mesh
# name = "selvage0"
# address = "10.99.0.1/16"               # this host is announced; the network is reached through it
# mtu = 1280                             # bytes, 576 (IPv6: 1280) to 65535
# class = "reliable"                     # critical | reliable | telemetry | bulk

# [outbox]                               # what may wait for a path, in memory and on the disk
# messages = 16384                       # this node's own, until their receipts
# megabytes = 32
# carried_messages = 8192                # for others, see ARCHITECTURE.md; 0: carries nothing
# carried_megabytes = 16

# [model]                                # watches links and this machine, see docs/anomaly.md
# enabled = true
# alarm_decades = 5.8                    # one false alarm in 10^5.8 samples of a link (1/s in use)
# advise_only = []                       # told and not done: "detour", "duplicate", "announce"
# actions_per_hour = 60
# share = true                           # learn together with neighbours; no levels are told
# thresholds_only = false                # fixed limits instead of the model, for comparison
# onnx = "/etc/selvage/model.onnx"       # a model of your own beside it, see docs/own-model.md
# onnx_output = "by-shape"               # by-shape | reconstruction | scores
#   scorer = "/usr/lib/selvage/scorers/opencv.so"   or one in a shared object, instead of onnx
#   scorer_settings = { model = "/etc/selvage/model.onnx", samples = 8 }
# scorer_budget_us = 50                  # for one window; a slower model is refused

# [[healer.rule]]                        # rules of your own, see docs/anomaly.md; up to 32
# name = "rain"
# scope = "link"                         # or "machine"
# link = "wlan0"                         # on this link alone
# when = [{ feature = "snr", below = 6.0 }, { feature = "loss", above = 0.02 }]   # all of them
# hold_s = 5                             # ... for so long
# action = "detour"                      # detour | duplicate | announce (of a machine: announce)
# advise_only = false                    # true: told, not done

# [plugins]                              # transports that are not built in, see docs/plugins.md
# directory = "/usr/lib/selvage/transports"   # transport = "NAME" is NAME.so there

# [lab]                                  # absent: off. Fault injection, loud in `selvage status`
# enabled = true

[log]
level = "info"                           # trace | debug | info | warn | error | off

[[link]]                                 # one for each radio or interface
transport = "ethernet"                   # or wifi, redcap, satellite, lorawan, a plug-in's name
interface = "eth0"                       # neighbours on it are found by IPv6 multicast
# listen = "192.0.2.1:7700"              # a fixed address instead of the interface's own
# peers = ["udp://192.0.2.7:7700"]       # where multicast cannot reach
# lorawan has at_port, region, frequency_hz, spreading_factor, power_dbm instead of an interface.
# The radios have more keys: tariff, bytes_per_day, cents_per_month with cents_per_gigabyte; of
# redcap apn, at_port, baud, bus; of satellite slot_offset_s
# A plug-in (docs/plugins.md) has these instead of listen and peers:
#   plugin = "/path/NAME.so"             # in place of NAME.so in the directory of [plugins]
#   isolated = true                      # in a process of its own; host_socket: which is there
#   settings = { key = "value" }
# A hub for nodes that can only dial out listens on a stream (ZeroMQ over TCP) and names their keys,
# which `selvaged --stream-key` prints; they dial it as a peer:
#   listen = "zmq+tcp://192.0.2.1:7701"
#   allow_keys = ["KEY OF A NODE"]
#   peers = ["zmq+tcp://hub.example:7701?key=KEY OF THE HUB"]
)";
}

}  // namespace selvage
