// NodeCore: data packets on their way out: held back while the link is full, then sealed and held.
#include "agents/node/node_impl.h"

namespace selvage {
namespace {
// Packets wait for a tenth of a second at most: longer is late for most uses, and senders that
// adapt would learn of the full link no sooner.
constexpr std::uint64_t kWaitsPerSecond = 10;
}  // namespace

void NodeCore::Impl::Transmit(Time now, Adjacency* a, const DataHeader& header, ByteSpan payload,
                              AdjacencyIndex in, std::uint8_t attempts) {
  if (!a->pacer.on()) {
    SendData(now, a, header, payload, in, attempts);
    return;
  }
  const bool critical = header.traffic_class == TrafficClass::kCritical;
  const bool overtakes = a->egress.empty() || header.traffic_class < a->egress.first_class();
  if (overtakes && a->pacer.MaySend(now, critical)) {
    SendData(now, a, header, payload, in, attempts);
    return;
  }
  for (WaitingPacket& shed : a->egress.Push({header, payload.ToBytes(), in, attempts})) {
    CountDrop(&counters_.dropped_shed[static_cast<std::size_t>(shed.header.traffic_class)]);
  }
  DrainEgress(now, a);
}

void NodeCore::Impl::DrainEgress(Time now, Adjacency* a) {
  // As many as the pace allows: the queue bounds it.
  while (!a->egress.empty() &&
         a->pacer.MaySend(now, a->egress.first_class() == TrafficClass::kCritical)) {
    const WaitingPacket p = a->egress.Pop();
    SendData(now, a, p.header, p.payload, p.came_in, p.attempts);
  }
  Refresh(a);
}

void NodeCore::Impl::FollowPace(Time now, Adjacency* a, const FeedbackOutcome& outcome) {
  // Where all share the channel, waiting is the others' traffic as much as ours; slow radios have
  // their own budget.
  const LinkInfo& info = links_[a->link].info;
  if (info.shared || info.slow) return;
  a->pacer.OnFeedback(now, a->monitor.queue(),
                      {outcome.acknowledged, outcome.acknowledged_bytes,
                       a->monitor.held().flight_bytes(), !a->egress.empty()});
  if (a->pacer.on()) {
    a->egress.SetRoom(static_cast<std::size_t>(a->pacer.bytes_per_second() / kWaitsPerSecond));
  }
  if (a->pacer.TakeChanged()) {
    const std::string rate = std::to_string(a->pacer.bytes_per_second() * 8 / 1000);
    const std::string wait = std::to_string(ToMicros(a->monitor.queue().standing()));
    Tell(now, a->pacer.on() ? "link-full" : "link-relieved",
         info.name + " to " + a->certificate.name +
             (a->pacer.on() ? " is full: frames wait for " + wait + " us; sending " + rate +
                                  " kbit/s by class from now on"
                            : " is not full any more"),
         {{"neighbor", a->certificate.name},
          {"link", info.name},
          {"evidence", "every frame waited for " + wait + " us at least"},
          {"rate_kbps", rate}});
  }
  if (!a->egress.empty()) DrainEgress(now, a);
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
    if (auto h = a->monitor.TakeHello(now, false, map_.database().Digest())) {
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
  a->pacer.OnSent(now, held.bytes);
  a->monitor.OnSent(now, std::move(held));
  Refresh(a);
  if (in.value != 0 && lab_.replays()) lab_.RememberFrame(now, a->link, a->address, frame);
  EmitFrame(a, std::move(frame), true);
}

}  // namespace selvage
