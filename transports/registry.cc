#include "transports/registry.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "transports/ethernet/ethernet.h"

namespace selvage {
namespace {

// Built-in transports are named here, not by static objects in their own files, which a linker
// leaves out of a static library.
std::map<std::string, TransportFactory>& Factories() {
  static auto* factories = new std::map<std::string, TransportFactory>{
      {"ethernet", CreateEthernet},
  };
  return *factories;
}

}  // namespace

bool RegisterTransport(const std::string& name, TransportFactory factory) {
  return Factories().emplace(name, std::move(factory)).second;
}

std::vector<std::string> KnownTransports() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : Factories()) names.push_back(name);
  return names;
}

absl::StatusOr<std::unique_ptr<Transport>> CreateTransport(
    const std::string& name, const LinkConfig& config, LinkId link, Reactor& reactor,
    LinkListener& listener, std::shared_ptr<const StreamKeys> stream_keys) {
  const auto it = Factories().find(name);
  if (it == Factories().end()) {
    std::string known;
    for (const std::string& n : KnownTransports()) known += (known.empty() ? "" : ", ") + n;
    return absl::InvalidArgumentError("unknown transport \"" + name + "\"; known are: " + known);
  }
  return it->second(TransportContext{config, link, reactor, listener, std::move(stream_keys)});
}

}  // namespace selvage
