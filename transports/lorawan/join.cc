#include "transports/lorawan/join.h"

#include <algorithm>

#include "transports/lorawan/little_endian.h"

namespace selvage::lorawan {
namespace {

constexpr std::size_t kRequestBytes = 1 + 8 + 8 + 2 + kMicBytes;
constexpr std::uint8_t kRequestHeader = 0x00;
constexpr std::uint8_t kAcceptHeader = 0x20;
constexpr std::uint8_t kJoinRequestType = 0xff;  // JoinReqType of an ordinary join in the 1.1 MIC

AesBlock Block(ByteSpan in) {
  AesBlock b{};
  std::copy(in.begin(),
            in.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(16, in.size())),
            b.begin());
  return b;
}

bool SameMic(const AesBlock& mac, ByteSpan mic) {
  std::uint8_t different = 0;
  for (std::size_t i = 0; i < kMicBytes; ++i) different |= mac[i] ^ mic[i];
  return different == 0;
}

// MIC over `clear`, the accept from MHDR to before the MIC.
AesBlock AcceptMac(ByteSpan clear, bool opt_neg, const JoinRequest& request,
                   const Aes128Key& nwk_key) {
  if (!opt_neg) return AesCmac(nwk_key, clear);
  Bytes head{kJoinRequestType};
  PutLittle(&head, request.join_eui, 8);
  PutLittle(&head, request.dev_nonce, 2);
  return AesCmac(DeriveJoinIntegrityKey(nwk_key, request.dev_eui), head, clear);
}

Aes128Key DeriveKey(const Aes128Key& root, std::uint8_t purpose, const JoinAccept& accept,
                    const JoinRequest& request) {
  Bytes in{purpose};
  PutLittle(&in, accept.join_nonce, 3);
  if (accept.opt_neg) {
    PutLittle(&in, request.join_eui, 8);
  } else {
    PutLittle(&in, accept.net_id, 3);
  }
  PutLittle(&in, request.dev_nonce, 2);
  return AesEncrypt(root, Block(in));
}

}  // namespace

Aes128Key DeriveJoinIntegrityKey(const Aes128Key& nwk_key, std::uint64_t dev_eui) {
  Bytes in{0x06};
  PutLittle(&in, dev_eui, 8);
  return AesEncrypt(nwk_key, Block(in));
}

Bytes SealJoinRequest(const JoinRequest& request, const Aes128Key& nwk_key) {
  Bytes phy{kRequestHeader};
  PutLittle(&phy, request.join_eui, 8);
  PutLittle(&phy, request.dev_eui, 8);
  PutLittle(&phy, request.dev_nonce, 2);
  const AesBlock mac = AesCmac(nwk_key, phy);
  PutBytes(&phy, ByteSpan(mac).Sub(0, kMicBytes));
  return phy;
}

std::optional<JoinRequest> ParseJoinRequest(ByteSpan phy) {
  if (phy.size() != kRequestBytes || phy[0] != kRequestHeader) return std::nullopt;
  ByteReader r(phy.Sub(1));
  JoinRequest request;
  request.join_eui = TakeLittle(r, 8);
  request.dev_eui = TakeLittle(r, 8);
  request.dev_nonce = static_cast<std::uint16_t>(TakeLittle(r, 2));
  return request;
}

bool CheckJoinRequestMic(ByteSpan phy, const Aes128Key& nwk_key) {
  if (phy.size() != kRequestBytes) return false;
  const ByteSpan message = phy.Sub(0, phy.size() - kMicBytes);
  return SameMic(AesCmac(nwk_key, message), phy.Sub(message.size()));
}

Bytes SealJoinAccept(const JoinAccept& accept, const JoinRequest& request,
                     const Aes128Key& nwk_key) {
  Bytes clear{kAcceptHeader};
  PutLittle(&clear, accept.join_nonce, 3);
  PutLittle(&clear, accept.net_id, 3);
  PutLittle(&clear, accept.dev_addr, 4);
  clear.push_back(static_cast<std::uint8_t>((accept.opt_neg ? 0x80 : 0) |
                                            ((accept.rx1_data_rate_offset & 0x07) << 4) |
                                            (accept.rx2_data_rate & 0x0f)));
  clear.push_back(accept.rx_delay_s & 0x0f);
  if (accept.cf_list) PutBytes(&clear, *accept.cf_list);
  const AesBlock mac = AcceptMac(clear, accept.opt_neg, request, nwk_key);
  PutBytes(&clear, ByteSpan(mac).Sub(0, kMicBytes));
  Bytes phy{kAcceptHeader};
  for (std::size_t at = 1; at < clear.size(); at += 16) {
    PutBytes(&phy, AesDecrypt(nwk_key, Block(ByteSpan(clear).Sub(at, 16))));
  }
  return phy;
}

std::optional<JoinAccept> OpenJoinAccept(ByteSpan phy, const JoinRequest& request,
                                         const Aes128Key& nwk_key) {
  if ((phy.size() != 17 && phy.size() != 33) || phy[0] != kAcceptHeader) return std::nullopt;
  Bytes clear{kAcceptHeader};
  for (std::size_t at = 1; at < phy.size(); at += 16) {
    PutBytes(&clear, AesEncrypt(nwk_key, Block(phy.Sub(at, 16))));
  }
  ByteReader r(ByteSpan(clear).Sub(1));
  JoinAccept accept;
  accept.join_nonce = static_cast<std::uint32_t>(TakeLittle(r, 3));
  accept.net_id = static_cast<std::uint32_t>(TakeLittle(r, 3));
  accept.dev_addr = static_cast<std::uint32_t>(TakeLittle(r, 4));
  const std::uint8_t settings = r.U8();
  accept.opt_neg = (settings & 0x80) != 0;
  accept.rx1_data_rate_offset = (settings >> 4) & 0x07;
  accept.rx2_data_rate = settings & 0x0f;
  accept.rx_delay_s = r.U8() & 0x0f;
  if (phy.size() == 33) accept.cf_list = r.Array<16>();
  const ByteSpan message = ByteSpan(clear).Sub(0, clear.size() - kMicBytes);
  const AesBlock mac = AcceptMac(message, accept.opt_neg, request, nwk_key);
  if (!SameMic(mac, ByteSpan(clear).Sub(message.size()))) return std::nullopt;
  return accept;
}

SessionKeys DeriveSessionKeys(const JoinAccept& accept, const JoinRequest& request,
                              const RootKeys& root) {
  if (!accept.opt_neg) {  // all from the one key, which a 1.1 device uses for the network
    return SessionKeys::V10(DeriveKey(root.nwk, 0x01, accept, request),
                            DeriveKey(root.nwk, 0x02, accept, request));
  }
  SessionKeys keys;
  keys.version = Version::kV11;
  keys.fnwk_s_int = DeriveKey(root.nwk, 0x01, accept, request);
  keys.snwk_s_int = DeriveKey(root.nwk, 0x03, accept, request);
  keys.nwk_s_enc = DeriveKey(root.nwk, 0x04, accept, request);
  keys.app_s = DeriveKey(root.app, 0x02, accept, request);
  return keys;
}

}  // namespace selvage::lorawan
