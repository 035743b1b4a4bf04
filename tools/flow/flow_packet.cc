#include "tools/flow/flow_packet.h"

#include <algorithm>

#include "core/bytes.h"

namespace selvage {
namespace flow {
namespace {

constexpr std::uint32_t kMagic = 0x73666c77;  // "sflw"

}  // namespace

std::string FlowPacket::Encode(std::size_t size) const {
  Bytes bytes(std::max(size, kBytes), 0);
  ByteWriter out{MutableByteSpan(bytes)};
  out.U32(kMagic);
  out.U64(run);
  out.U64(sequence);
  out.U64(static_cast<std::uint64_t>(due_ns));
  out.U64(static_cast<std::uint64_t>(sent_ns));
  out.U64(interval_ns);
  out.U8(end ? 1 : 0);
  return std::string(bytes.begin(), bytes.end());
}

std::optional<FlowPacket> FlowPacket::Decode(std::string_view bytes) {
  ByteReader in(ByteSpan::Of(bytes));
  FlowPacket packet;
  std::uint32_t magic = in.U32();
  packet.run = in.U64();
  packet.sequence = in.U64();
  packet.due_ns = static_cast<std::int64_t>(in.U64());
  packet.sent_ns = static_cast<std::int64_t>(in.U64());
  packet.interval_ns = in.U64();
  packet.end = in.U8() == 1;
  if (!in.ok() || magic != kMagic) return std::nullopt;
  return packet;
}

}  // namespace flow
}  // namespace selvage
