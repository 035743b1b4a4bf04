// Frames as UDP datagrams over the node's ad hoc Wi-Fi device, as a device's agent sends them.
//
// To a neighbour by unicast (resolved by ARP, acknowledged and repeated by the MAC), to everybody
// by broadcast. Like a driver it tells how often the MAC repeated frames, and on request the signal
// of what arrives.
#pragma once

#include <memory>

#include "sim/carrier.h"

namespace selvage::sim {

inline constexpr std::uint16_t kSelvagePort = 7700;
// An Ethernet-sized IPv4 packet less 20 bytes of IPv4 and 8 of UDP header.
inline constexpr std::uint32_t kSelvageMtuBytes = 1472;

// `signal`: tells the signal of the last frame of each neighbour. REQUIRES then: the node's first
// Wi-Fi device is the one that is used.
std::unique_ptr<Carrier> NewUdpCarrier(bool signal);

}  // namespace selvage::sim
