// The IP carrier behind a radio that has a say of its own: what wifi, redcap and satellite share.
//
// The carrier knows its interface; the radio knows whether it is any use (a modem that is not
// connected), what a byte costs and how it feels. The link is up while both agree. The carrier can
// be replaced at run time, for a modem may come back under another interface.
// See transport.h for the thread rule.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/link.h"
#include "transports/ip/ip_transport.h"
#include "transports/registry.h"
#include "transports/transport.h"

namespace selvage {

class IpRadio : public Transport, protected LinkListener {
 public:
  void Send(const PeerAddress& to, ByteSpan frame) override;
  void Flush() override;
  const TransportCounters& counters() const override;

 protected:
  IpRadio(const TransportContext& context, IpTransport::Options options);

  // Starts the carrier on `interface` (empty: as the section says) in place of the one there is.
  absl::Status StartCarrier(const std::string& interface);
  bool has_carrier() const { return carrier_ != nullptr; }
  // The radio's say. Allow takes the link up as soon as the carrier is; Forbid takes it down.
  void Allow();
  void Forbid(const std::string& reason);
  // What the radio adds to what is known of the link. Called before each report.
  virtual void Shape(LinkInfo* info) {}
  // Something that Shape would say has changed.
  void Reshape() { Report(); }

  const TransportContext context_;

 private:
  // ---- LinkListener, towards the carrier
  void OnLinkUp(LinkId link, const LinkInfo& info) override;
  void OnLinkDown(LinkId link, const std::string& reason) override;
  void OnConfiguredPeer(LinkId link, const PeerAddress& peer) override;
  void OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame) override;
  void Report();

  const IpTransport::Options options_;
  std::unique_ptr<Transport> carrier_;
  mutable TransportCounters counters_;
  TransportCounters before_;  // of carriers that are gone
  bool carrier_up_ = false;
  bool allowed_ = true;
  LinkInfo info_;
  std::string carrier_reason_ = "there is no interface yet";
  std::string forbidden_reason_;
  std::vector<PeerAddress> peers_;
  bool told_ = false;  // anything at all
  bool told_up_ = false;
  LinkInfo told_info_;
  std::string told_reason_;
};

// "free", "metered", "costly", "dear"; false for anything else.
bool ParseTariff(const std::string& text, Tariff* out);
// The option `tariff` of a section, or `otherwise`. InvalidArgument for another word.
absl::StatusOr<Tariff> TariffOption(const LinkConfig& config, Tariff otherwise);
// The option that every radio has.
TransportOption TariffOptionSpec();
// Hellos on an idle link whose bytes are paid for: 1 MB a day of control traffic and no more. A
// hello is 88 bytes on the wire with IPv6 and UDP and leaves after three quarters of what was
// promised, each way: 30 s make 0.68 MB, and leave the rest to keys, probes and the map.
inline constexpr Duration kMeteredIdleGap = 30s;

}  // namespace selvage
