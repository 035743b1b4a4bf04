#include "transports/registry.h"

#include <map>
#include <utility>

#include "absl/status/status.h"
#include "transports/ethernet/ethernet.h"

namespace selvage {
namespace {

// Built-in transports are named here, not by static objects in their own files, which a linker
// leaves out of a static library.
struct Entry {
  TransportFactory factory;
  TransportSpec spec;
};
std::map<std::string, Entry>& Factories() {
  static auto* factories = new std::map<std::string, Entry>{
      {"ethernet", {CreateEthernet, {}}},
  };
  return *factories;
}

TransportFactory& PluginFactory() {
  static auto* factory = new TransportFactory;
  return *factory;
}

}  // namespace

void SetPluginFactory(TransportFactory factory) { PluginFactory() = std::move(factory); }

bool RegisterTransport(const std::string& name, TransportFactory factory, TransportSpec spec) {
  return Factories().emplace(name, Entry{std::move(factory), std::move(spec)}).second;
}

const TransportSpec* FindTransportSpec(const std::string& name) {
  const auto it = Factories().find(name);
  return it == Factories().end() ? nullptr : &it->second.spec;
}

std::vector<std::string> KnownTransports() {
  std::vector<std::string> names;
  for (const auto& [name, entry] : Factories()) names.push_back(name);
  return names;
}

absl::StatusOr<std::unique_ptr<Transport>> CreateTransport(
    const std::string& name, const LinkConfig& config, LinkId link, Reactor& reactor,
    LinkListener& listener, std::shared_ptr<const StreamKeys> stream_keys, TransportStore* store) {
  const auto it = Factories().find(name);
  if (it == Factories().end() && PluginFactory() && config.options.count("plugin") != 0) {
    return PluginFactory()(
        TransportContext{config, link, reactor, listener, std::move(stream_keys), store});
  }
  if (it == Factories().end()) {
    std::string known;
    for (const std::string& n : KnownTransports()) known += (known.empty() ? "" : ", ") + n;
    return absl::InvalidArgumentError("unknown transport \"" + name + "\"; known are: " + known);
  }
  return it->second.factory(
      TransportContext{config, link, reactor, listener, std::move(stream_keys), store});
}

}  // namespace selvage
