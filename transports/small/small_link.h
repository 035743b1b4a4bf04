// A link over a narrow radio: frames above, units of a few dozen bytes below.
//
// What LoRa radios and plug-ins share: the queue, cutting and putting together, timers. The radio
// below says what it can do now and takes units; see unit_carrier.h. Thread rule: transport.h.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "transports/reactor_timer.h"
#include "transports/registry.h"
#include "transports/small/fragments.h"
#include "transports/small/frame_queue.h"
#include "transports/small/unit_carrier.h"
#include "transports/transport.h"

namespace selvage {

class SmallLink : public Transport, protected UnitCarrier {
 public:
  // As Ethernet: what else would not fit everywhere, and nothing larger is worth its parts.
  static constexpr std::size_t kFrameBytesMax = 1452;

  void Send(const PeerAddress& to, ByteSpan frame) override;
  void SendControl(const PeerAddress& to, ByteSpan frame) override;
  void Flush() override;
  const TransportCounters& counters() const override;

 protected:
  // `patience`: for the parts of a frame that comes. `late`: for a frame that waits to leave.
  SmallLink(const TransportContext& context, Duration patience,
            Duration late = FrameQueue::kLate)
      : context_(context), queue_(late), reassembler_(patience) {}

  absl::Status StartTimer();
  // ---- from the radio below
  void SetUp(const LinkInfo& info);
  void SetDown(const std::string& reason);
  void OnUnit(const PeerAddress& from, ByteSpan unit);
  // The radio can take units again, or takes others than before.
  void Wake();
  // Called when the timer is due, and the moment the radio itself wants to be woken.
  virtual void OnRadioTimeout(Time now) {}
  virtual Time RadioDeadline() const { return kNever; }

  bool up() const { return up_; }
  const LinkInfo& info() const { return info_; }
  Reassembler& reassembler() { return reassembler_; }
  const FrameQueue& queue() const { return queue_; }
  void Arm();

  const TransportContext context_;

 private:
  void OnDue();

  FrameQueue queue_;
  Reassembler reassembler_;
  std::unique_ptr<ReactorTimer> timer_;
  bool told_ = false;
  bool up_ = false;
  LinkInfo info_;
  std::string reason_;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t refused_ = 0;
  mutable TransportCounters counters_;
};

}  // namespace selvage
