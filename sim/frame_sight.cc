#include "sim/frame_sight.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/frame.h"

namespace selvage::sim {
namespace {

constexpr std::array<std::uint8_t, 8> kMarker = {0x9d, 0x53, 0x65, 0x6c, 0x76, 0x53, 0x69, 0x6d};
// How far into an end-to-end plaintext the payload may begin (port, lengths).
constexpr std::size_t kPayloadOffsetMax = 64;
constexpr std::size_t kFramesMax = 4096;

// The first eight bytes of a tag of `tag_bytes` that ends at `end`.
std::uint64_t TagWord(const std::uint8_t* end, std::size_t tag_bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, end - tag_bytes, sizeof word);
  return word;
}

std::optional<PacketLabel> SearchMarker(ByteSpan plain) {
  const ByteSpan head = plain.Sub(0, kPayloadOffsetMax + kMarker.size());
  const auto* at = std::search(head.begin(), head.end(), kMarker.begin(), kMarker.end());
  if (at == head.end()) return std::nullopt;
  return ReadMarker(plain.Sub(static_cast<std::size_t>(at - head.begin())));
}

}  // namespace

Bytes MarkedPayload(std::uint32_t flow, std::uint32_t sequence, std::size_t bytes) {
  Bytes payload(std::max(bytes, kMarkedBytesMin));
  ByteWriter out{MutableByteSpan(payload)};
  out.Put(kMarker);
  out.U32(flow);
  out.U32(sequence);
  return payload;
}

std::optional<PacketLabel> ReadMarker(ByteSpan payload) {
  ByteReader in(payload);
  if (in.Take(kMarker.size()) != ByteSpan(kMarker)) return std::nullopt;
  PacketLabel label;
  label.flow = in.U32();
  label.sequence = in.U32();
  if (!in.ok()) return std::nullopt;
  return label;
}

WatchedCrypto::WatchedCrypto(std::shared_ptr<Crypto> inner, std::shared_ptr<SealedPackets> packets)
    : inner_(std::move(inner)), packets_(std::move(packets)) {}

const PacketLabel* WatchedCrypto::FindFrame(ByteSpan frame) const {
  if (frame.size() < kTagBytes) return nullptr;
  const auto it = frames_.find(TagWord(frame.end(), kTagBytes));
  return it == frames_.end() ? nullptr : &it->second;
}

std::optional<PacketLabel> WatchedCrypto::LabelOfContent(ByteSpan content) const {
  ChunkReader reader(content);
  Chunk chunk;
  while (reader.Next(&chunk)) {
    DataHeader header;
    ByteSpan payload;
    if (chunk.type != ChunkType::kData) continue;
    if (!ReadDataHeader(chunk.body, &header, &payload) || payload.size() < kTagBytes) break;
    const PacketLabel* known = packets_->Find(TagWord(payload.end(), kTagBytes));
    if (known == nullptr) break;
    PacketLabel label = *known;
    label.walk = static_cast<std::uint16_t>(header.walk | header.copy << 2 | header.attempt << 3);
    // Other chunks ahead of the packet, and carried failures inside its header.
    const auto ahead = static_cast<std::size_t>(chunk.body.data() - content.data()) - 1;
    const auto header_bytes = static_cast<std::size_t>(payload.data() - chunk.body.data()) + 1;
    label.extra_bytes = static_cast<std::uint32_t>(ahead + header_bytes - kDataHeaderBytesMin);
    return label;
  }
  return std::nullopt;
}

void WatchedCrypto::Seal(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan plain,
                         std::size_t tag_bytes, std::uint8_t* out) {
  // Before sealing: `out` may be the plaintext itself.
  const std::optional<PacketLabel> packet = SearchMarker(plain);
  const std::optional<PacketLabel> frame = packet ? std::nullopt : LabelOfContent(plain);
  const std::size_t size = plain.size();
  inner_->Seal(key, nonce, ad, plain, tag_bytes, out);
  if (tag_bytes != kTagBytes) return;
  const std::uint64_t tag = TagWord(out + size + tag_bytes, tag_bytes);
  if (packet) packets_->Note(tag, *packet);
  if (!frame) return;
  if (frames_.size() >= kFramesMax) frames_.clear();  // long sent
  frames_[tag] = *frame;
}

}  // namespace selvage::sim
