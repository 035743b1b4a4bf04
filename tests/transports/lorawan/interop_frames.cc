// Makes random LoRaWAN frames for other implementations, and checks those that others made.
//
//   interop_frames make SEED COUNT      one JSON object a line: the fields, the keys, and our frame
//   interop_frames session SEED COUNT   the same, data frames of one 1.0 session alone
//   interop_frames check                reads such lines; each `phy` must open to the fields beside
//
// interop_test.py drives it. `check` exits 1 on the first frame that does not.
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "core/random.h"
#include "transports/lorawan/frame.h"
#include "transports/lorawan/join.h"

namespace selvage::lorawan {
namespace {

using Json = nlohmann::json;

Bytes RandomBytes(Random* random, std::size_t n) {
  Bytes out(n);
  for (auto& b : out) b = static_cast<std::uint8_t>(random->Below(256));
  return out;
}

Aes128Key RandomKey(Random* random) {
  const Bytes bytes = RandomBytes(random, 16);
  Aes128Key key;
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

Bytes FromField(const Json& line, const char* name) {
  Bytes out;
  if (!FromHex(line.at(name).get<std::string>(), &out)) std::abort();
  return out;
}

template <typename Array = Aes128Key>
Array KeyField(const Json& line, const char* name) {
  const Bytes bytes = FromField(line, name);
  Array key{};
  if (bytes.size() != key.size()) std::abort();
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

std::string HexNumber(std::uint64_t v, int bytes) {
  Bytes out(8);
  ByteWriter(out).U64(v);
  return ToHex(ByteSpan(out).Sub(static_cast<std::size_t>(8 - bytes)));
}

std::uint64_t NumberField(const Json& line, const char* name) {
  return std::stoull(line.at(name).get<std::string>(), nullptr, 16);
}

SessionKeys RandomKeys(Random* random, Version version) {
  if (version == Version::kV10) return SessionKeys::V10(RandomKey(random), RandomKey(random));
  SessionKeys keys;
  keys.version = version;
  for (Aes128Key* k : {&keys.fnwk_s_int, &keys.snwk_s_int, &keys.nwk_s_enc, &keys.app_s}) {
    *k = RandomKey(random);
  }
  return keys;
}

Json MakeData(Random* random, const SessionKeys& keys, std::uint32_t dev_addr,
              bool real_commands = false) {
  DataFrame f;
  f.direction = static_cast<Direction>(random->Below(2));
  f.confirmed = random->Below(2) != 0;
  f.dev_addr = dev_addr;
  f.adr = random->Below(2) != 0;
  f.adr_ack_request = f.direction == Direction::kUp && random->Below(2) != 0;
  f.ack = random->Below(2) != 0;
  f.pending = f.direction == Direction::kDown && random->Below(2) != 0;
  // Some readers take the upper 16 bits as zero; every second frame has more.
  f.fcnt = static_cast<std::uint32_t>(random->U64()) & (random->Below(2) ? 0xffffffff : 0xffff);
  f.fport = static_cast<std::uint8_t>(random->Below(8) == 0 ? 0 : 1 + random->Below(223));
  f.payload = RandomBytes(random, 1 + random->Below(200));
  if (f.fport != 0) f.fopts = RandomBytes(random, random->Below(16));
  // Readers that look into MAC commands want real ones: LinkCheckReq up, DevStatusReq down.
  const std::uint8_t command = f.direction == Direction::kUp ? 0x02 : 0x06;
  if (real_commands) {
    f.fopts.assign(f.fopts.size(), command);
    if (f.fport == 0) f.payload.assign(f.payload.size(), command);
  }
  MicContext context;
  if (f.ack) context.confirmed_fcnt = static_cast<std::uint16_t>(random->U64());
  context.tx_data_rate = static_cast<std::uint8_t>(random->Below(8));
  context.tx_channel = static_cast<std::uint8_t>(random->Below(16));
  return {{"kind", "data"},
          {"version", keys.version == Version::kV11 ? "1.1" : "1.0"},
          {"fnwk_s_int", ToHex(keys.fnwk_s_int)},
          {"snwk_s_int", ToHex(keys.snwk_s_int)},
          {"nwk_s_enc", ToHex(keys.nwk_s_enc)},
          {"app_s", ToHex(keys.app_s)},
          {"up", f.direction == Direction::kUp},
          {"confirmed", f.confirmed},
          {"dev_addr", HexNumber(f.dev_addr, 4)},
          {"adr", f.adr},
          {"adr_ack_request", f.adr_ack_request},
          {"ack", f.ack},
          {"pending", f.pending},
          {"fcnt", f.fcnt},
          {"fport", *f.fport},
          {"fopts", ToHex(f.fopts)},
          {"payload", ToHex(f.payload)},
          {"confirmed_fcnt", context.confirmed_fcnt},
          {"tx_data_rate", context.tx_data_rate},
          {"tx_channel", context.tx_channel},
          {"phy", ToHex(*SealData(f, keys, context))}};
}

JoinRequest RandomRequest(Random* random) {
  return {random->U64(), random->U64(), static_cast<std::uint16_t>(random->U64())};
}

Json MakeJoinRequest(Random* random) {
  const JoinRequest request = RandomRequest(random);
  const Aes128Key key = RandomKey(random);
  return {{"kind", "join_request"},
          {"nwk_key", ToHex(key)},
          {"join_eui", HexNumber(request.join_eui, 8)},
          {"dev_eui", HexNumber(request.dev_eui, 8)},
          {"dev_nonce", HexNumber(request.dev_nonce, 2)},
          {"phy", ToHex(SealJoinRequest(request, key))}};
}

Json MakeJoinAccept(Random* random, Version version) {
  const JoinRequest request = RandomRequest(random);
  const Aes128Key key = RandomKey(random), app_key = RandomKey(random);
  JoinAccept accept;
  accept.join_nonce = static_cast<std::uint32_t>(random->Below(1 << 24));
  accept.net_id = static_cast<std::uint32_t>(random->Below(1 << 24));
  accept.dev_addr = static_cast<std::uint32_t>(random->U64());
  accept.opt_neg = version == Version::kV11;
  accept.rx1_data_rate_offset = static_cast<std::uint8_t>(random->Below(8));
  accept.rx2_data_rate = static_cast<std::uint8_t>(random->Below(16));
  accept.rx_delay_s = static_cast<std::uint8_t>(random->Below(16));
  if (random->Below(2) != 0) accept.cf_list = RandomKey(random);
  const SessionKeys keys =
      DeriveSessionKeys(accept, request, {key, accept.opt_neg ? app_key : key});
  return {{"kind", "join_accept"},
          {"version", accept.opt_neg ? "1.1" : "1.0"},
          {"nwk_key", ToHex(key)},
          {"app_key", ToHex(app_key)},
          {"join_eui", HexNumber(request.join_eui, 8)},
          {"dev_eui", HexNumber(request.dev_eui, 8)},
          {"dev_nonce", HexNumber(request.dev_nonce, 2)},
          {"join_nonce", HexNumber(accept.join_nonce, 3)},
          {"net_id", HexNumber(accept.net_id, 3)},
          {"dev_addr", HexNumber(accept.dev_addr, 4)},
          {"dl_settings", HexNumber(static_cast<std::uint64_t>(accept.opt_neg) << 7 |
                                        accept.rx1_data_rate_offset << 4 | accept.rx2_data_rate,
                                    1)},
          {"rx_delay", HexNumber(accept.rx_delay_s, 1)},
          {"cf_list", accept.cf_list ? ToHex(*accept.cf_list) : ""},
          {"fnwk_s_int", ToHex(keys.fnwk_s_int)},
          {"snwk_s_int", ToHex(keys.snwk_s_int)},
          {"nwk_s_enc", ToHex(keys.nwk_s_enc)},
          {"app_s", ToHex(keys.app_s)},
          {"phy", ToHex(SealJoinAccept(accept, request, key))}};
}

void Make(std::uint64_t seed, int count) {
  Random random(seed);
  for (int i = 0; i < count; ++i) {
    const Version version = static_cast<Version>(random.Below(2));
    switch (random.Below(8)) {
      case 0:
        std::cout << MakeJoinRequest(&random) << "\n";
        break;
      case 1:
        std::cout << MakeJoinAccept(&random, version) << "\n";
        break;
      default: {
        const SessionKeys keys = RandomKeys(&random, version);
        std::cout << MakeData(&random, keys, static_cast<std::uint32_t>(random.U64())) << "\n";
      }
    }
  }
}

void MakeSession(std::uint64_t seed, int count) {
  Random random(seed);
  const SessionKeys keys = RandomKeys(&random, Version::kV10);
  const auto dev_addr = static_cast<std::uint32_t>(random.U64());
  for (int i = 0; i < count; ++i) std::cout << MakeData(&random, keys, dev_addr, true) << "\n";
}

bool CheckData(const Json& line) {
  SessionKeys keys;
  keys.version = line.at("version") == "1.1" ? Version::kV11 : Version::kV10;
  keys.fnwk_s_int = KeyField(line, "fnwk_s_int");
  keys.snwk_s_int = KeyField(line, "snwk_s_int");
  keys.nwk_s_enc = KeyField(line, "nwk_s_enc");
  keys.app_s = KeyField(line, "app_s");
  const MicContext context{line.at("confirmed_fcnt"), line.at("tx_data_rate"),
                           line.at("tx_channel")};
  const auto f = OpenData(FromField(line, "phy"), line.at("fcnt"), keys, context);
  return f && (f->direction == Direction::kUp) == line.at("up").get<bool>() &&
         f->confirmed == line.at("confirmed").get<bool>() &&
         f->dev_addr == NumberField(line, "dev_addr") && f->adr == line.at("adr").get<bool>() &&
         f->adr_ack_request == line.at("adr_ack_request").get<bool>() &&
         f->ack == line.at("ack").get<bool>() && f->pending == line.at("pending").get<bool>() &&
         f->fport == line.at("fport").get<std::uint8_t>() && f->fopts == FromField(line, "fopts") &&
         f->payload == FromField(line, "payload");
}

bool CheckJoinRequest(const Json& line) {
  const Bytes phy = FromField(line, "phy");
  const auto request = ParseJoinRequest(phy);
  return request && CheckJoinRequestMic(phy, KeyField(line, "nwk_key")) &&
         request->join_eui == NumberField(line, "join_eui") &&
         request->dev_eui == NumberField(line, "dev_eui") &&
         request->dev_nonce == NumberField(line, "dev_nonce");
}

bool CheckJoinAccept(const Json& line) {
  const JoinRequest request{NumberField(line, "join_eui"), NumberField(line, "dev_eui"),
                            static_cast<std::uint16_t>(NumberField(line, "dev_nonce"))};
  const auto accept = OpenJoinAccept(FromField(line, "phy"), request, KeyField(line, "nwk_key"));
  return accept && accept->opt_neg == (line.at("version") == "1.1") &&
         accept->join_nonce == NumberField(line, "join_nonce") &&
         accept->net_id == NumberField(line, "net_id") &&
         accept->dev_addr == NumberField(line, "dev_addr") &&
         (accept->cf_list ? ToHex(*accept->cf_list) : "") == line.at("cf_list");
}

int Check() {
  std::string text;
  int count = 0;
  while (std::getline(std::cin, text)) {
    const Json line = Json::parse(text);
    const std::string kind = line.at("kind");
    const bool good = kind == "data"           ? CheckData(line)
                      : kind == "join_request" ? CheckJoinRequest(line)
                                               : CheckJoinAccept(line);
    if (!good) {
      std::cout << "not accepted: " << text << "\n";
      return 1;
    }
    ++count;
  }
  std::cout << count << "\n";
  return 0;
}

}  // namespace
}  // namespace selvage::lorawan

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "make" && argc == 4) {
    selvage::lorawan::Make(std::strtoull(argv[2], nullptr, 10), std::atoi(argv[3]));
    return 0;
  }
  if (what == "session" && argc == 4) {
    selvage::lorawan::MakeSession(std::strtoull(argv[2], nullptr, 10), std::atoi(argv[3]));
    return 0;
  }
  if (what == "check" && argc == 2) return selvage::lorawan::Check();
  std::cerr << "interop_frames make|session SEED COUNT, or check\n";
  return 2;
}
