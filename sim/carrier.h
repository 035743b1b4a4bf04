// How frames leave and reach a simulated node: the seam between the node core and a medium.
//
// One carrier per node. Wi-Fi has one link with many neighbours behind it, abstract links have one
// neighbour each; the application does not know which it runs on.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/link.h"
#include "ns3/node.h"
#include "sim/ledger.h"

namespace selvage::sim {

class Carrier {
 public:
  // A frame came in; the receiver may change its bytes.
  using Receive = std::function<void(LinkId link, const PeerAddress& from, MutableByteSpan frame)>;

  virtual ~Carrier() = default;
  // Called when a link's LinkInfo changed, with the new one; null: the link is gone until the next
  // call. From the simulator's events or from inside Open() and Send().
  using Change = std::function<void(LinkId link, const LinkInfo* info)>;
  // Before Open(). Media whose links never change ignore it.
  virtual void Watch(Change /*change*/) {}
  // When the node starts. Afterwards `receive` is called for every frame, until Close().
  virtual void Open(ns3::Ptr<ns3::Node> node, Receive receive) = 0;
  virtual void Close() = 0;
  // The links that are there; LinkId i is the i-th. Their number does not change while open.
  virtual std::vector<LinkInfo> Links() const = 0;
  // Whom the configuration of a link names, where broadcasts do not reach.
  virtual std::vector<PeerAddress> Peers(LinkId /*link*/) const { return {}; }
  // What a radio says of the signal of `from`, who was just heard: dB over the least that works.
  // nullopt: there is no radio, or it says nothing.
  virtual std::optional<double> MarginDb(LinkId /*link*/, const PeerAddress& /*from*/) {
    return std::nullopt;
  }
  // How often the MAC repeated a frame to `to` since the last answer, on average, as drivers tell;
  // nullopt: nothing new, or there is no such MAC.
  virtual std::optional<double> RetryRatio(LinkId /*link*/, const PeerAddress& /*to*/) {
    return std::nullopt;
  }
  // `label` names the application packet inside for measuring; null: none. Never fails: what a
  // medium cannot carry is lost. The frame's memory may be taken over or left.
  virtual void Send(LinkId link, const PeerAddress& to, Bytes* frame, const PacketLabel* label) = 0;
  // As Send, for what is not traffic of applications. Narrow radios keep a budget for it.
  virtual void SendControl(LinkId link, const PeerAddress& to, Bytes* frame) {
    Send(link, to, frame, nullptr);
  }
};

}  // namespace selvage::sim
