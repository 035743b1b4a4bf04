// A link with a hard budget around it: bytes a day, money a month.
//
// It stands between a radio and the node, so that no radio has to know of it and none can forget
// it. What is sent and what arrives counts, with IP and UDP headers. When the budget is used up the
// link is down, with the reason, until the next day or month: traffic goes another way at once, and
// what has none waits. Kept over restarts. See transport.h for the thread rule.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transports/radios/byte_budget.h"
#include "transports/reactor_timer.h"
#include "transports/registry.h"

namespace selvage {

// The options of a section: bytes_per_day, cents_per_month with cents_per_gigabyte.
std::vector<TransportOption> BudgetOptions();

// A factory whose transports keep to the budget that their section sets, if it sets one.
// InvalidArgument when there is a limit in cents and no price.
TransportFactory WithBudget(TransportFactory factory);

class PaidLink final : public Transport, private LinkListener {
 public:
  static constexpr std::uint64_t kHeaderBytes = 48;  // IPv6 and UDP
  // With less than that left the budget counts as used up.
  static constexpr std::uint64_t kFrameBytesMax = 1500;
  static constexpr Duration kRollInterval = 10s;
  static constexpr std::size_t kPeersMax = 256;

  PaidLink(const TransportContext& context, ByteBudget::Limits limits);
  // Before Start, once: what it stands in front of, made with listener().
  void SetRadio(std::unique_ptr<Transport> radio) { radio_ = std::move(radio); }
  LinkListener& listener() { return *this; }

  absl::Status Start() override;
  void Send(const PeerAddress& to, ByteSpan frame) override;
  void SendControl(const PeerAddress& to, ByteSpan frame) override;
  void Flush() override { radio_->Flush(); }
  const TransportCounters& counters() const override;
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override;
  std::string RadioState() const override;
  const ByteBudget& budget() const { return budget_; }

 private:
  void OnLinkUp(LinkId link, const LinkInfo& info) override;
  void OnLinkDown(LinkId link, const std::string& reason) override;
  void OnConfiguredPeer(LinkId link, const PeerAddress& peer) override;
  void OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame) override;
  bool Take(ByteSpan frame);
  void Persist();
  void OnDue();
  void Judge();  // tells the node what follows from radio and budget
  std::string Key() const;
  WallSeconds wall() const;

  const TransportContext context_;
  ByteBudget budget_;
  std::unique_ptr<Transport> radio_;
  std::unique_ptr<ReactorTimer> timer_;
  bool writing_ = false;
  bool exhausted_ = false;
  bool up_ = false;    // the radio
  bool told_ = false;  // the node, that it is up
  LinkInfo info_;
  std::vector<PeerAddress> peers_;
  std::uint64_t refused_ = 0;
  mutable TransportCounters counters_;
};

}  // namespace selvage
