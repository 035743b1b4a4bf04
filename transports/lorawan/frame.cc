#include "transports/lorawan/frame.h"

#include "transports/lorawan/little_endian.h"

namespace selvage::lorawan {
namespace {

constexpr std::uint8_t kMajorMask = 0x03;
constexpr std::uint8_t kMajorR1 = 0;

// The block that the MIC starts with (first byte 0x49) and that makes key stream (0x01). `varying`
// is bytes 1 to 4, `last` byte 15.
AesBlock CipherBlock(std::uint8_t first, const std::array<std::uint8_t, 4>& varying,
                     Direction direction, std::uint32_t dev_addr, std::uint32_t fcnt,
                     std::uint8_t last) {
  AesBlock b{};
  b[0] = first;
  for (std::size_t i = 0; i < 4; ++i) {
    b[1 + i] = varying[i];
    b[6 + i] = static_cast<std::uint8_t>(dev_addr >> (8 * i));
    b[10 + i] = static_cast<std::uint8_t>(fcnt >> (8 * i));
  }
  b[5] = static_cast<std::uint8_t>(direction);
  b[15] = last;
  return b;
}

// Encrypts or decrypts FRMPayload in place.
void CryptPayload(const Aes128Key& key, const DataFrame& f, Bytes* payload) {
  for (std::size_t at = 0, i = 1; at < payload->size(); at += 16, ++i) {
    const AesBlock s = AesEncrypt(
        key, CipherBlock(0x01, {}, f.direction, f.dev_addr, f.fcnt, static_cast<std::uint8_t>(i)));
    for (std::size_t j = at; j < payload->size() && j < at + 16; ++j) (*payload)[j] ^= s[j - at];
  }
}

// Encrypts or decrypts FOpts in place (1.1). The counters of downlinks with and without an
// application payload are two, and byte 4 keeps their key streams apart.
void CryptFopts(const Aes128Key& key, const DataFrame& f, Bytes* fopts) {
  const bool application_counter =
      f.direction == Direction::kDown && f.fport.has_value() && *f.fport > 0;
  const std::uint8_t which = application_counter ? 2 : 1;
  const AesBlock s =
      AesEncrypt(key, CipherBlock(0x01, {0, 0, 0, which}, f.direction, f.dev_addr, f.fcnt, 1));
  for (std::size_t i = 0; i < fopts->size(); ++i) (*fopts)[i] ^= s[i];
}

std::array<std::uint8_t, kMicBytes> Mic(const DataFrame& f, ByteSpan message,
                                        const SessionKeys& keys, const MicContext& context) {
  const std::uint8_t length = static_cast<std::uint8_t>(message.size());
  const std::uint16_t confirmed = f.ack ? context.confirmed_fcnt : 0;
  const std::uint8_t confirmed_low = static_cast<std::uint8_t>(confirmed);
  const std::uint8_t confirmed_high = static_cast<std::uint8_t>(confirmed >> 8);
  const auto cmac = [&](const Aes128Key& key, const std::array<std::uint8_t, 4>& varying) {
    return AesCmac(key, CipherBlock(0x49, varying, f.direction, f.dev_addr, f.fcnt, length),
                   message);
  };
  if (keys.version == Version::kV10) {
    const AesBlock mac = cmac(keys.fnwk_s_int, {});
    return {mac[0], mac[1], mac[2], mac[3]};
  }
  if (f.direction == Direction::kDown) {
    const AesBlock mac = cmac(keys.snwk_s_int, {confirmed_low, confirmed_high, 0, 0});
    return {mac[0], mac[1], mac[2], mac[3]};
  }
  const AesBlock s = cmac(
      keys.snwk_s_int, {confirmed_low, confirmed_high, context.tx_data_rate, context.tx_channel});
  const AesBlock forwarding = cmac(keys.fnwk_s_int, {});
  return {s[0], s[1], forwarding[0], forwarding[1]};
}

MessageType TypeFor(const DataFrame& f) {
  if (f.direction == Direction::kUp) {
    return f.confirmed ? MessageType::kConfirmedUp : MessageType::kUnconfirmedUp;
  }
  return f.confirmed ? MessageType::kConfirmedDown : MessageType::kUnconfirmedDown;
}

bool IsLegal(const DataFrame& f) {
  if (f.fopts.size() > kFOptsBytesMax) return false;
  if (!f.fport) return f.payload.empty();
  return *f.fport != 0 || f.fopts.empty();
}

const Aes128Key& PayloadKey(const DataFrame& f, const SessionKeys& keys) {
  return f.fport == 0 ? keys.nwk_s_enc : keys.app_s;
}

}  // namespace

std::optional<MessageType> TypeOf(ByteSpan phy) {
  if (phy.empty() || (phy[0] & kMajorMask) != kMajorR1) return std::nullopt;
  return static_cast<MessageType>(phy[0] >> 5);
}

std::optional<DataFrame> ParseData(ByteSpan phy) {
  const std::optional<MessageType> type = TypeOf(phy);
  if (!type || *type < MessageType::kUnconfirmedUp || *type > MessageType::kConfirmedDown ||
      phy.size() > kPhyBytesMax) {
    return std::nullopt;
  }
  DataFrame f;
  f.direction = *type == MessageType::kUnconfirmedUp || *type == MessageType::kConfirmedUp
                    ? Direction::kUp
                    : Direction::kDown;
  f.confirmed = *type == MessageType::kConfirmedUp || *type == MessageType::kConfirmedDown;
  ByteReader r(phy.Sub(1));
  f.dev_addr = static_cast<std::uint32_t>(TakeLittle(r, 4));
  const std::uint8_t control = r.U8();
  f.adr = (control & 0x80) != 0;
  f.adr_ack_request = f.direction == Direction::kUp && (control & 0x40) != 0;
  f.ack = (control & 0x20) != 0;
  f.pending = (control & 0x10) != 0;
  f.fcnt = static_cast<std::uint32_t>(TakeLittle(r, 2));
  f.fopts = r.Take(control & 0x0f).ToBytes();
  if (!r.ok() || r.remaining() < kMicBytes) return std::nullopt;
  if (r.remaining() > kMicBytes) {
    f.fport = r.U8();
    f.payload = r.Take(r.remaining() - kMicBytes).ToBytes();
  }
  if (!IsLegal(f)) return std::nullopt;
  return f;
}

std::optional<Bytes> SealData(const DataFrame& frame, const SessionKeys& keys,
                              const MicContext& context) {
  if (!IsLegal(frame)) return std::nullopt;
  DataFrame f = frame;
  CryptPayload(PayloadKey(f, keys), f, &f.payload);
  if (keys.version == Version::kV11) CryptFopts(keys.nwk_s_enc, f, &f.fopts);
  Bytes phy;
  phy.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(TypeFor(f)) << 5));
  PutLittle(&phy, f.dev_addr, 4);
  phy.push_back(static_cast<std::uint8_t>((f.adr ? 0x80 : 0) | (f.adr_ack_request ? 0x40 : 0) |
                                          (f.ack ? 0x20 : 0) | (f.pending ? 0x10 : 0) |
                                          f.fopts.size()));
  PutLittle(&phy, f.fcnt, 2);
  PutBytes(&phy, f.fopts);
  if (f.fport) {
    phy.push_back(*f.fport);
    PutBytes(&phy, f.payload);
  }
  if (phy.size() + kMicBytes > kPhyBytesMax) return std::nullopt;
  PutBytes(&phy, Mic(f, phy, keys, context));
  return phy;
}

std::optional<DataFrame> OpenData(ByteSpan phy, std::uint32_t fcnt, const SessionKeys& keys,
                                  const MicContext& context) {
  std::optional<DataFrame> f = ParseData(phy);
  if (!f || (fcnt & 0xffff) != f->fcnt) return std::nullopt;
  f->fcnt = fcnt;
  const ByteSpan message = phy.Sub(0, phy.size() - kMicBytes);
  const auto mic = Mic(*f, message, keys, context);
  std::uint8_t different = 0;  // without an early exit: the time does not tell how much was right
  for (std::size_t i = 0; i < kMicBytes; ++i) different |= mic[i] ^ phy[message.size() + i];
  if (different != 0) return std::nullopt;
  if (keys.version == Version::kV11) CryptFopts(keys.nwk_s_enc, *f, &f->fopts);
  CryptPayload(PayloadKey(*f, keys), *f, &f->payload);
  return f;
}

}  // namespace selvage::lorawan
