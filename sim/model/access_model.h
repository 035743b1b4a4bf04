// How an access network (a cell, a satellite, a cable) delays and loses what goes through it.
//
// Rates and queues are the device's (access_net_device.h); a model says, for one packet at one
// moment, whether it gets through and how long the way takes. Direction "up": from the terminal to
// the Internet exchange where all access networks meet. Time never goes back.
#pragma once

#include <cstdint>

#include "core/time.h"
#include "ns3/nstime.h"
#include "ns3/object.h"

namespace selvage::sim {

class AccessModel : public ns3::Object {
 public:
  struct Passage {
    bool lost = false;
    Duration delay{0};
  };
  static ns3::TypeId GetTypeId();

  virtual Passage Up(Time now) = 0;
  virtual Passage Down(Time now) = 0;
  // Carries nothing at this moment, as a modem would know (no cell, no satellite in sight).
  virtual bool Available(Time /*now*/) { return true; }
  // Seeds what the model draws. Call before the first packet. Returns the streams used.
  virtual std::int64_t AssignStreams(std::int64_t stream);

 protected:
  std::uint64_t seed_ = 1;
};

// A cable: always the same delay (attribute OneWay), no loss.
class FixedAccess final : public AccessModel {
 public:
  static ns3::TypeId GetTypeId();
  Passage Up(Time now) override;
  Passage Down(Time now) override;

 private:
  ns3::Time one_way_;
};

}  // namespace selvage::sim
