#include "agents/delivery/carried_message.h"

#include <algorithm>

#include "agents/delivery/payload.h"

namespace selvage {
namespace {

constexpr std::size_t kNoteBytes = 1 + 4 + 4 + 4 + 2 + 6;

}  // namespace

Bytes EncodeCarried(const CarriedMessage& message) {
  std::size_t room = 10;
  for (const SealedPacket& p : message.packets) {
    room += 2 + kDataHeaderBytesMax + p.payload.size();
  }
  Bytes out(room);
  ByteWriter w(out);
  w.U8(message.generation);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(message.lifetime).count();
  w.U32(static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, UINT32_MAX)));
  w.U32(message.id.epoch.value);
  w.U8(message.packets.size());
  for (const SealedPacket& p : message.packets) {
    Bytes packet(kDataHeaderBytesMax + p.payload.size());
    ByteWriter pw(packet);
    DataHeader header = p.header;
    header.carried = CarriedFailures();  // of a walk that is over
    header.walk = 0;
    header.copy = 0;
    WriteDataHeader(header, &pw);
    pw.Put(p.payload);
    w.U16(pw.size());
    w.Put(pw.written());
  }
  out.resize(w.size());
  return out;
}

std::optional<CarriedMessage> DecodeCarried(ByteSpan body) {
  if (body.size() > CarriedMessage::kBytesMax) return std::nullopt;
  ByteReader in(body);
  CarriedMessage m;
  m.generation = in.U8();
  m.lifetime = std::chrono::seconds(in.U32());
  m.id.epoch = Epoch(in.U32());
  const std::size_t n = in.U8();
  if (!in.ok() || n == 0 || m.generation == 0) return std::nullopt;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t length = in.U16();
    const ByteSpan packet = in.Take(length);
    SealedPacket p;
    ByteSpan payload;
    if (!in.ok() || length < 1 || packet[0] != static_cast<std::uint8_t>(ChunkType::kData) ||
        !ReadDataHeader(packet.Sub(1), &p.header, &payload)) {
      return std::nullopt;
    }
    const DataHeader& h = p.header;
    if (i == 0) {
      m.id.origin = h.id.origin;
      m.id.destination = h.destination;
      m.id.flow = h.id.flow;
      m.id.sequence = h.id.sequence;
    }
    const bool whole = h.fragments == n && h.fragment == i && h.id.origin == m.id.origin &&
                       h.destination == m.id.destination && h.id.flow == m.id.flow &&
                       h.id.sequence == m.id.sequence + i &&
                       h.id.epoch == static_cast<std::uint16_t>(m.id.epoch.value);
    if (!whole || !WantsReceipt(h.traffic_class)) return std::nullopt;
    p.payload = payload.ToBytes();
    m.packets.push_back(std::move(p));
  }
  if (in.remaining() != 0) return std::nullopt;
  return m;
}

Bytes EncodeNotes(const std::vector<CustodyNote>& notes) {
  Bytes out(notes.size() * kNoteBytes);
  ByteWriter w(out);
  for (const CustodyNote& note : notes) {
    w.U8(static_cast<std::uint64_t>(note.what));
    w.U32(note.id.origin.value);
    w.U32(note.id.epoch.value);
    w.U32(note.id.destination.value);
    w.U16(note.id.flow);
    w.U48(note.id.sequence);
  }
  return out;
}

std::optional<std::vector<CustodyNote>> DecodeNotes(ByteSpan body) {
  if (body.size() % kNoteBytes != 0 || body.size() > kCustodyNotesMax * kNoteBytes) {
    return std::nullopt;
  }
  std::vector<CustodyNote> out;
  ByteReader in(body);
  while (in.remaining() > 0) {
    CustodyNote note;
    const std::uint8_t what = in.U8();
    if (what > 1) return std::nullopt;
    note.what = static_cast<CustodyNote::What>(what);
    note.id.origin = ShortId(in.U32());
    note.id.epoch = Epoch(in.U32());
    note.id.destination = ShortId(in.U32());
    note.id.flow = in.U16();
    note.id.sequence = in.U48();
    out.push_back(note);
  }
  return out;
}

}  // namespace selvage
