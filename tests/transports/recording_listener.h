// A listener that keeps what a transport reports, and a reactor run until something has happened.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "transports/reactor.h"
#include "transports/transport.h"

namespace selvage {

struct RecordingListener final : LinkListener {
  struct Frame {
    LinkId link;
    PeerAddress from;
    Bytes bytes;
  };
  void OnLinkUp(LinkId link, const LinkInfo& i) override {
    up = true;
    ++ups;
    info = i;
  }
  void OnLinkDown(LinkId link, const std::string& r) override {
    up = false;
    reason = r;
  }
  void OnConfiguredPeer(LinkId link, const PeerAddress& peer) override { peers.push_back(peer); }
  void OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame) override {
    frames.push_back({link, from, ByteSpan(frame).ToBytes()});
  }

  bool up = false;
  int ups = 0;
  std::string reason;
  LinkInfo info;
  std::vector<PeerAddress> peers;
  std::vector<Frame> frames;
};

// Turns the reactor until `done()`; gives up after ten seconds and returns false. The limit only
// ends a test that has failed already.
inline bool RunUntil(Reactor& reactor, const std::function<bool()>& done) {
  const Time limit = reactor.ReadClock() + 10s;
  reactor.SetTurnEnd([&](Time) { return limit; });
  while (!done()) {
    if (reactor.ReadClock() >= limit) return false;
    reactor.RunOnce();
  }
  return true;
}

}  // namespace selvage
