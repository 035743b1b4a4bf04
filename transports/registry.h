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
};
using TransportFactory =
    std::function<absl::StatusOr<std::unique_ptr<Transport>>(const TransportContext&)>;

// Adds a transport under a name not taken yet; false when it is. Call before the first
// CreateTransport, from one thread (plug-ins are loaded at start).
bool RegisterTransport(const std::string& name, TransportFactory factory);

// Sorted; for messages and --help.
std::vector<std::string> KnownTransports();

// Makes, but does not start, the transport of one [[link]] section. InvalidArgument for an unknown
// name (the message lists the known ones) and for a section the transport cannot work with.
absl::StatusOr<std::unique_ptr<Transport>> CreateTransport(
    const std::string& name, const LinkConfig& config, LinkId link, Reactor& reactor,
    LinkListener& listener, std::shared_ptr<const StreamKeys> stream_keys = nullptr);

}  // namespace selvage
