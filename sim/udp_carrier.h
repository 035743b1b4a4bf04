// Frames as UDP datagrams over the node's ad hoc Wi-Fi device, as a device's agent sends them.
//
// To a neighbour by unicast (resolved by ARP, acknowledged and repeated by the MAC, which tells
// nobody), to everybody by broadcast.
#pragma once

#include <memory>

#include "sim/carrier.h"

namespace selvage::sim {

inline constexpr std::uint16_t kSelvagePort = 7700;
// An Ethernet-sized IPv4 packet less 20 bytes of IPv4 and 8 of UDP header.
inline constexpr std::uint32_t kSelvageMtuBytes = 1472;

std::unique_ptr<Carrier> NewUdpCarrier();

}  // namespace selvage::sim
