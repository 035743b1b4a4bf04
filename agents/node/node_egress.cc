// NodeCore: data packets on their way out: held back while the link is full, then sealed and held.
#include "agents/node/node_impl.h"

namespace selvage {
namespace {
// Packets wait for a tenth of a second at most: longer is late for most uses, and senders that
// adapt would learn of the full link no sooner.
constexpr std::uint64_t kWaitsPerSecond = 10;
// On a shared channel, where what a link carries is the others' doing and no room can be set by it,
// the same by age. What is promised may wait longer, but not until it is sent again.
constexpr Duration kStale = 300ms;
constexpr Duration kStalePromised = 300ms;

bool Stale(Time now, const WaitingPacket& p) {
  const bool promised = p.header.traffic_class == TrafficClass::kCritical ||
                        p.header.traffic_class == TrafficClass::kReliable;
  return now - p.since > (promised ? kStalePromised : kStale);
}
}  // namespace

void NodeCore::Impl::Transmit(Time now, Adjacency* a, const DataHeader& header, ByteSpan payload,
                              AdjacencyIndex in, std::uint8_t attempts) {
  if (!a->pacer().on()) {
    SendData(now, a, header, payload, in, attempts);
    return;
  }
  const bool critical = header.traffic_class == TrafficClass::kCritical;
  const Adjacency* next = NextInTurn(a);
  const bool overtakes = next == nullptr || header.traffic_class < next->egress.first_class();
  if (overtakes && a->pacer().MaySend(now, critical)) {
    SendData(now, a, header, payload, in, attempts);
    return;
  }
  for (WaitingPacket& shed : a->egress.Push({header, payload.ToBytes(), in, attempts, now})) {
    CountDrop(&counters_.dropped_shed[static_cast<std::size_t>(shed.header.traffic_class)]);
  }
  DrainEgress(now, a);
}

Adjacency* NodeCore::Impl::NextInTurn(Adjacency* a) {
  if (!a->channel) return a->egress.empty() ? nullptr : a;
  Adjacency* next = nullptr;
  for (Adjacency* other : present_) {
    if (other->channel != a->channel || other->egress.empty()) continue;
    if (next == nullptr || other->egress.Before(next->egress)) next = other;
  }
  return next;
}

void NodeCore::Impl::DrainEgress(Time now, Adjacency* a) {
  // As many as the pace allows: the queue bounds it.
  while (Adjacency* next = NextInTurn(a)) {
    const TrafficClass first = next->egress.first_class();
    if (!a->pacer().MaySend(now, first == TrafficClass::kCritical)) break;
    const WaitingPacket p = next->egress.Pop();
    if (a->channel && Stale(now, p)) {
      CountDrop(&counters_.dropped_shed[static_cast<std::size_t>(first)]);
    } else {
      SendData(now, next, p.header, p.payload, p.came_in, p.attempts);
    }
    Refresh(next);
  }
  Refresh(a);
}

void NodeCore::Impl::FollowPace(Time now, Adjacency* a, const FeedbackOutcome& outcome) {
  const LinkInfo& info = links_[a->link].info;
  if (info.slow) return;  // slow radios have their own budget
  Pacer& pacer = a->pacer();
  std::size_t flight = a->monitor.held().flight_bytes();
  if (a->channel) {
    if (outcome.has_rtt) a->channel->queue.OnRtt(now, outcome.rtt);
    flight = 0;  // what neighbours out of reach hold up is no queue
  }
  pacer.OnFeedback(now, a->queue(),
                   {outcome.acknowledged, outcome.acknowledged_bytes, flight,
                    NextInTurn(a) != nullptr});
  if (pacer.on() && !a->channel) {
    a->egress.SetRoom(static_cast<std::size_t>(pacer.bytes_per_second() / kWaitsPerSecond));
  }
  if (pacer.TakeChanged()) {
    const std::string rate = std::to_string(pacer.bytes_per_second() * 8 / 1000);
    const std::string wait = std::to_string(ToMicros(a->queue().standing()));
    Tell(now, pacer.on() ? "link-full" : "link-relieved",
         info.name + " to " + a->certificate.name +
             (pacer.on() ? " is full: frames wait for " + wait + " us; sending " + rate +
                                  " kbit/s by class from now on"
                            : " is not full any more"),
         {{"neighbor", a->certificate.name},
          {"link", info.name},
          {"evidence", "every frame waited for " + wait + " us at least"},
          {"rate_kbps", rate}});
  }
  if (NextInTurn(a) != nullptr) DrainEgress(now, a);
}

std::vector<HeldFrame> NodeCore::Impl::TakeUnsent(Adjacency* a) {
  std::vector<HeldFrame> out = a->monitor.held().TakeAll();
  for (WaitingPacket& p : a->egress.TakeAll()) {
    HeldFrame f;
    f.kind = HeldFrame::Kind::kData;
    f.header = p.header;
    f.payload = std::move(p.payload);
    f.came_in = p.came_in;
    f.attempts = p.attempts;
    out.push_back(std::move(f));
  }
  return out;
}

void NodeCore::Impl::SendData(Time now, Adjacency* a, const DataHeader& header, ByteSpan payload,
                              AdjacencyIndex in, std::uint8_t attempts) {
  SessionCipher& cipher = *a->cipher;
  constexpr std::size_t kExtraMax = 32;  // feedback and hello that may ride along
  const std::size_t room = cipher.header_bytes() + kExtraMax + kDataHeaderBytesMax + payload.size();
  Bytes frame = TakeBuffer(room + kTagBytes);
  ByteWriter w(MutableByteSpan(frame.data() + cipher.header_bytes(), room - cipher.header_bytes()));
  const std::size_t mtu = links_[a->link].info.mtu_bytes;
  if (room + cipher.overhead_bytes() - cipher.header_bytes() <= mtu) {
    if (a->monitor.received().pending()) {
      if (auto f = a->monitor.TakeFeedback(now)) WriteFeedback(*f, &w);
    }
    if (auto h = a->monitor.TakeHello(now, false, map_.Digest())) {
      h->index = a->index;
      WriteHello(*h, &w);
    }
  }
  WriteDataHeader(header, &w);
  w.Put(payload);
  std::uint64_t counter = 0;
  if (w.size() + cipher.overhead_bytes() > mtu) {
    CountDrop(&counters_.dropped_mtu);
    return;
  }
  frame.resize(cipher.Seal(w.written(), frame, &counter));
  HeldFrame held;
  held.counter = counter;
  held.sent = now;
  held.kind = HeldFrame::Kind::kData;
  held.bytes = static_cast<std::uint32_t>(frame.size());
  held.header = header;
  held.payload = a->monitor.held().NewPayload(payload);
  held.came_in = in;
  held.attempts = attempts;
  a->pacer().OnSent(now, held.bytes);
  a->monitor.OnSent(now, std::move(held));
  Refresh(a);
  if (in.value != 0 && lab_.replays()) lab_.RememberFrame(now, a->link, a->address, frame);
  EmitFrame(a, std::move(frame), std::nullopt);
}

}  // namespace selvage
