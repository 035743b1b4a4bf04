#include "agents/delivery/end_to_end_cipher.h"

namespace selvage {
namespace {

constexpr char kContext[] = "selvage end to end 1";

std::array<std::uint8_t, 21> AssociatedData(const DataHeader& h) {
  std::array<std::uint8_t, 21> ad{};
  ByteWriter w(MutableByteSpan(ad.data(), ad.size()));
  w.U8(static_cast<std::uint64_t>(h.traffic_class));
  w.U32(h.destination.value);
  w.U32(h.id.origin.value);
  w.U16(h.id.epoch);
  w.U16(h.id.flow);
  w.U48(h.id.sequence);
  w.U8(h.fragment);
  w.U8(h.fragments);
  return ad;
}

std::uint64_t Nonce(const PacketId& id) { return (std::uint64_t{id.flow} << 48) | id.sequence; }

}  // namespace

const SymmetricKey* EndToEndCipher::KeyFor(ShortId origin, ShortId destination, Epoch epoch) {
  const auto key = std::make_tuple(origin.value, destination.value, epoch.value);
  auto it = keys_.find(key);
  if (it != keys_.end()) return &it->second;
  const ShortId self = identity_->certificate.id.Short();
  const Certificate* peer = book_->FindCertificate(origin == self ? destination : origin);
  SymmetricKey shared;
  if (peer == nullptr || !crypto_->Dh(identity_->agreement_key, peer->agreement_key, &shared)) {
    return nullptr;
  }
  const NodeId& own_id = identity_->certificate.id;
  Bytes in(sizeof kContext - 1 + shared.size() + 16 + 16 + 4);
  ByteWriter w(in);
  w.Put(ByteSpan::Of(kContext));
  w.Put(shared);
  w.Put(origin == self ? own_id.bytes : peer->id.bytes);
  w.Put(origin == self ? peer->id.bytes : own_id.bytes);
  w.U32(epoch.value);
  if (keys_.size() >= kKeysMax) keys_.clear();  // derived anew when needed
  return &(keys_[key] = crypto_->Hash32(in));
}

std::optional<Bytes> EndToEndCipher::Seal(const DataHeader& header, Epoch epoch, ByteSpan plain) {
  const SymmetricKey* key = KeyFor(header.id.origin, header.destination, epoch);
  if (key == nullptr) return std::nullopt;
  Bytes out(plain.size() + kTagBytes);
  crypto_->Seal(*key, Nonce(header.id), AssociatedData(header), plain, kTagBytes, out.data());
  return out;
}

std::optional<Bytes> EndToEndCipher::Open(const DataHeader& header, Epoch epoch, ByteSpan sealed) {
  const SymmetricKey* key = KeyFor(header.id.origin, header.destination, epoch);
  if (key == nullptr || sealed.size() < kTagBytes) return std::nullopt;
  Bytes out(sealed.size() - kTagBytes);
  if (!crypto_->Open(*key, Nonce(header.id), AssociatedData(header), sealed, kTagBytes,
                     out.data())) {
    return std::nullopt;
  }
  return out;
}

}  // namespace selvage
