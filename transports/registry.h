// Transports by name: what `transport = "..."` in a configuration may say.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/ids.h"
#include "transports/reactor.h"
#include "transports/stream_keys.h"
#include "transports/transport.h"

namespace selvage {

// Everything a transport gets at its birth. Reactor and listener outlive it.
struct TransportContext {
  LinkConfig config;
  LinkId link;
  Reactor& reactor;
  LinkListener& listener;
  std::shared_ptr<const StreamKeys> stream_keys;  // null: stream endpoints are refused
  TransportStore* store = nullptr;                // null: budgets last as long as the process
};
using TransportFactory =
    std::function<absl::StatusOr<std::unique_ptr<Transport>>(const TransportContext&)>;

// A key of a [[link]] section that one transport alone understands.
struct TransportOption {
  enum class Kind { kText, kInteger, kBoolean };
  std::string key;
  Kind kind = Kind::kText;
  std::string example;     // as TOML: "\"internet\"", "868100000"
  std::int64_t least = 0;  // kInteger
  std::int64_t most = 0;
};
struct TransportSpec {
  std::vector<TransportOption> options;
  // Works without interface, listen and peers (a radio behind a serial port).
  bool stands_alone = false;
  // Takes `settings = { key = value }`, handed on as options "setting.KEY": a plug-in.
  bool takes_settings = false;
};

// Adds a transport under a name not taken yet; false when it is. Call before the first
// CreateTransport, from one thread (plug-ins are loaded at start).
bool RegisterTransport(const std::string& name, TransportFactory factory, TransportSpec spec = {});

// Who makes the transports of sections that name none of the above but have the option "plugin".
// One such factory; the last one set counts.
void SetPluginFactory(TransportFactory factory);

// What a section of this transport may hold besides the usual keys; nullptr for an unknown name.
const TransportSpec* FindTransportSpec(const std::string& name);

// Sorted; for messages and --help.
std::vector<std::string> KnownTransports();

// Makes, but does not start, the transport of one [[link]] section. InvalidArgument for an unknown
// name (the message lists the known ones) and for a section the transport cannot work with.
absl::StatusOr<std::unique_ptr<Transport>> CreateTransport(
    const std::string& name, const LinkConfig& config, LinkId link, Reactor& reactor,
    LinkListener& listener, std::shared_ptr<const StreamKeys> stream_keys = nullptr,
    TransportStore* store = nullptr);

}  // namespace selvage
