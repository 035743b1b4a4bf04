#include "agents/node/direct_datagram.h"

#include "agents/delivery/payload.h"
#include "agents/node/node_impl.h"

namespace selvage {

void WriteDirect(const DirectDatagram& d, ByteWriter* out) {
  out->U8(static_cast<std::uint64_t>(ChunkType::kDirect));
  out->U8(static_cast<std::uint64_t>(d.traffic_class));
  out->Varint(d.port);
  out->Put(d.payload);
}

bool ReadDirect(ByteSpan body, DirectDatagram* out) {
  ByteReader in(body);
  const std::uint8_t traffic_class = in.U8();
  const std::uint64_t port = in.Varint(3);
  if (!in.ok() || traffic_class >= kTrafficClasses || port >= kReceiptPort) return false;
  out->traffic_class = static_cast<TrafficClass>(traffic_class);
  if (WantsReceipt(out->traffic_class)) return false;
  out->port = static_cast<std::uint16_t>(port);
  out->payload = in.Rest();
  return true;
}

bool NodeCore::Impl::SubmitDirect(Time now, const OutgoingMessage& m) {
  if (WantsReceipt(m.traffic_class)) return false;
  const SpfEntry route = forwarder_.CurrentRoute(m.traffic_class, m.to);
  Adjacency* a = route.first.value == 0 ? nullptr : FindAdjacency(route.first);
  if (a == nullptr || !a->slow || !Usable(*a) || a->neighbor() != m.to) return false;
  Bytes chunk(kDirectHeaderBytesMax + m.body.size());
  ByteWriter w(chunk);
  WriteDirect({m.traffic_class, m.port, m.body}, &w);
  chunk.resize(w.size());
  if (chunk.size() + a->cipher->overhead_bytes() > links_[a->link].info.mtu_bytes) return false;
  ++counters_.frames_originated;
  SendDirect(now, a, chunk, 1);
  return true;
}

void NodeCore::Impl::SendDirect(Time now, Adjacency* a, ByteSpan chunk, std::uint8_t attempts) {
  SessionCipher& cipher = *a->cipher;
  constexpr std::size_t kExtraMax = 32;  // feedback and hello that may ride along
  Bytes frame = TakeBuffer(cipher.overhead_bytes() + kExtraMax + chunk.size());
  ByteWriter w(MutableByteSpan(frame.data() + cipher.header_bytes(), kExtraMax + chunk.size()));
  if (chunk.size() + cipher.overhead_bytes() + kExtraMax <= links_[a->link].info.mtu_bytes) {
    if (a->monitor.received().pending()) {
      if (auto f = a->monitor.TakeFeedback(now)) WriteFeedback(*f, &w);
    }
    if (auto h = a->monitor.TakeHello(now, false, map_.Digest())) {
      h->index = a->index;
      WriteHello(*h, &w);
    }
  }
  w.Put(chunk);
  HeldFrame held;
  frame.resize(cipher.Seal(w.written(), frame, &held.counter));
  held.sent = now;
  held.kind = HeldFrame::Kind::kDirect;
  held.bytes = static_cast<std::uint32_t>(frame.size());
  held.payload = a->monitor.held().NewPayload(chunk);
  held.attempts = attempts;
  a->monitor.OnSent(now, std::move(held));
  Refresh(a);
  EmitFrame(a, std::move(frame), std::nullopt);
}

void NodeCore::Impl::OnDirect(Adjacency* a, ByteSpan body) {
  DirectDatagram d;
  if (!ReadDirect(body, &d)) {
    ++counters_.malformed;
    return;
  }
  ++counters_.frames_delivered;
  Emit(Deliver{a->certificate.id, d.traffic_class, d.port, d.payload.ToBytes()});
}

}  // namespace selvage
