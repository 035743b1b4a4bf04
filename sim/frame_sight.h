// Lets the simulator tell which of the frames that a node sends carry application packets, although
// everything is sealed: it looks over the shoulder of the node's crypto provider.
//
// A packet of a flow begins with a marker. When an origin seals it end to end, its tag is noted;
// when a node seals a frame for a hop, the plaintext is at hand, and if it ends in a data packet
// with a noted tag, the frame's own tag is noted with that packet's label. Works the same with real
// and with stand-in cryptography, and changes nothing that the node sees.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "core/bytes.h"
#include "core/crypto.h"
#include "sim/ledger.h"

namespace selvage::sim {

// Least payload of a numbered packet.
inline constexpr std::size_t kMarkedBytesMin = 16;

// A payload of `bytes` (at least kMarkedBytesMin) that carries flow and sequence; the rest is
// filler.
Bytes MarkedPayload(std::uint32_t flow, std::uint32_t sequence, std::size_t bytes);
// nullopt: not made by MarkedPayload.
std::optional<PacketLabel> ReadMarker(ByteSpan payload);

// End-to-end tags of all packets under way; one for all nodes. Grows by one entry per packet sent.
class SealedPackets {
 public:
  void Note(std::uint64_t tag, const PacketLabel& label) { labels_[tag] = label; }
  const PacketLabel* Find(std::uint64_t tag) const {
    const auto it = labels_.find(tag);
    return it == labels_.end() ? nullptr : &it->second;
  }

 private:
  std::unordered_map<std::uint64_t, PacketLabel> labels_;
};

// The crypto provider of one node, watched. Forwards every call.
class WatchedCrypto final : public Crypto {
 public:
  WatchedCrypto(std::shared_ptr<Crypto> inner, std::shared_ptr<SealedPackets> packets);

  // The packet inside a frame that this node sealed lately; null: none. Valid until the next Seal.
  const PacketLabel* FindFrame(ByteSpan frame) const;

  void RandomBytes(MutableByteSpan out) override { inner_->RandomBytes(out); }
  std::array<std::uint8_t, 32> Hash32(ByteSpan in) override { return inner_->Hash32(in); }
  std::array<std::uint8_t, 64> Hash64(ByteSpan in) override { return inner_->Hash64(in); }
  void GenerateSigningKey(SigningKey* secret, VerifyKey* pub) override {
    inner_->GenerateSigningKey(secret, pub);
  }
  Signature Sign(const SigningKey& key, ByteSpan message) override {
    return inner_->Sign(key, message);
  }
  bool Verify(const VerifyKey& key, ByteSpan message, const Signature& sig) override {
    return inner_->Verify(key, message, sig);
  }
  void GenerateKeyPair(PrivateKey* secret, PublicKey* pub) override {
    inner_->GenerateKeyPair(secret, pub);
  }
  PublicKey DerivePublic(const PrivateKey& secret) override { return inner_->DerivePublic(secret); }
  bool Dh(const PrivateKey& secret, const PublicKey& peer, SymmetricKey* out) override {
    return inner_->Dh(secret, peer, out);
  }
  void Seal(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan plain,
            std::size_t tag_bytes, std::uint8_t* out) override;
  bool Open(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan sealed,
            std::size_t tag_bytes, std::uint8_t* out) override {
    return inner_->Open(key, nonce, ad, sealed, tag_bytes, out);
  }

 private:
  // The label of the data packet that ends this frame content, if one of ours does.
  std::optional<PacketLabel> LabelOfContent(ByteSpan content) const;

  std::shared_ptr<Crypto> inner_;
  std::shared_ptr<SealedPackets> packets_;
  std::unordered_map<std::uint64_t, PacketLabel> frames_;  // by tag; emptied at kFramesMax
};

}  // namespace selvage::sim
