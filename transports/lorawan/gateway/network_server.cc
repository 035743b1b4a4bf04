#include "transports/lorawan/gateway/network_server.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "transports/lorawan/little_endian.h"

namespace selvage::lorawan {
namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr std::size_t kOnWayMax = 64;
constexpr Duration kOnWayAge = 10s;
constexpr int kJoinDelaySeconds = 5;
// DevAddr of NetID 0, the one for private networks: seven zero bits (LoRaWAN back-end interfaces).
constexpr std::uint32_t kAddressMask = 0x01ffffff;

DutyLedger::Options LedgerOptions(const std::string& key_prefix) {
  DutyLedger::Options o;
  o.key_prefix = key_prefix + "duty/";
  return o;
}

}  // namespace

NetworkServer::NetworkServer(const Region& region, Random* random, int rx_delay_s,
                             const std::string& key_prefix)
    : region_(region),
      random_(random),
      rx_delay_s_(rx_delay_s),
      key_prefix_(key_prefix),
      ledger_(region, LedgerOptions(key_prefix)) {
  assert(rx_delay_s >= 1 && rx_delay_s <= 15);
}

std::string NetworkServer::KeyOf(std::uint64_t dev_eui) const {
  Bytes eui(8);
  ByteWriter(eui).U64(dev_eui);
  return key_prefix_ + "device/" + ToHex(eui);
}

std::optional<ServerEffect> NetworkServer::PollEffect() {
  std::optional<ServerEffect> e;
  if (!effects_.empty()) {
    e = std::move(effects_.front());
    effects_.pop_front();
  }
  return e;
}

// Record: version, join nonce u32, count u16 of DevNonces and these, then the session if there is
// one.
StoreWrite NetworkServer::RecordOf(const Device& d) const {
  Bytes out(7 + 2 * d.nonces.size());
  ByteWriter w(out);
  w.U8(kRecordVersion);
  w.U32(d.join_nonce);
  w.U16(d.nonces.size());
  for (std::uint16_t n : d.nonces) w.U16(n);
  std::string text = ByteSpan(out).ToString();
  if (d.session) text += d.session->Record();
  return {KeyOf(d.config.dev_eui), text};
}

bool NetworkServer::AddDevice(const ServerDevice& config, Store& store) {
  if (devices_.size() >= kDevicesMax || devices_.count(config.dev_eui) != 0) return false;
  Device d;
  d.config = config;
  if (const std::optional<std::string> record = store.Get(KeyOf(config.dev_eui))) {
    ByteReader r(ByteSpan::Of(*record));
    const bool known = r.U8() == kRecordVersion;
    d.join_nonce = r.U32();
    const std::size_t count = r.U16();
    for (std::size_t i = 0; i < count && r.ok(); ++i) d.nonces.push_back(r.U16());
    if (!known || !r.ok()) return false;  // forgetting nonces would let old joins in
    d.session = Session::Restore(r.Rest());
  }
  if (d.session) by_address_[d.session->dev_addr()] = config.dev_eui;
  devices_.emplace(config.dev_eui, std::move(d));
  return true;
}

std::size_t NetworkServer::PayloadBytesMax(std::uint64_t dev_eui) const {
  const auto it = devices_.find(dev_eui);
  if (it == devices_.end() || !it->second.session) return 0;
  const DataRate* rate = region_.FindDataRate(it->second.data_rate);
  if (rate == nullptr) return 0;
  if (!it->second.config.class_c) return rate->payload_bytes_max;
  // It is sent to at once, in the second window's channel.
  return std::min(rate->payload_bytes_max,
                  region_.FindDataRate(region_.rx2_data_rate)->payload_bytes_max);
}

Time NetworkServer::NextDownlink(Time now, std::uint64_t dev_eui, std::size_t payload_bytes) {
  const auto it = devices_.find(dev_eui);
  if (it == devices_.end() || !it->second.config.class_c) return now;
  const DataRate& rx2 = *region_.FindDataRate(region_.rx2_data_rate);
  return ledger_.NextAdmission(now, region_.rx2_hz, rx2,
                               region_.TimeOnAir(rx2, payload_bytes + kDataOverheadBytes, true),
                               AirUse::kData);
}

bool NetworkServer::HasGateway(Time now) const {
  return std::any_of(gateways_.begin(), gateways_.end(), [&](const auto& g) {
    return now - g.second.seen <= kGatewaySilence;
  });
}

void NetworkServer::OnDatagram(Time now, const PeerAddress& from, ByteSpan datagram) {
  AgeOut(now);
  const std::optional<FromGateway> in = ParseFromGateway(datagram);
  if (!in) {
    ++counters_.malformed;
    return;
  }
  switch (in->type) {
    case GatewayMessage::kPullData: {
      if (gateways_.count(in->eui) == 0 && gateways_.size() >= kGatewaysMax) return;
      gateways_[in->eui] = {from, now};
      effects_.push_back(ServerSend{from, EncodeGatewayAck(GatewayMessage::kPullAck, in->token)});
      return;
    }
    case GatewayMessage::kPushData:
      effects_.push_back(ServerSend{from, EncodeGatewayAck(GatewayMessage::kPushAck, in->token)});
      for (const HeardFrame& heard : in->frames) {
        if (heard.crc_status != 1) {
          ++counters_.bad_crc;
          continue;
        }
        Uplink up{&heard, in->eui, nullptr, 0};
        for (const DataRate& rate : region_.data_rates) {
          if (rate.up && rate.spreading_factor == heard.spreading_factor &&
              rate.bandwidth_hz == heard.bandwidth_hz) {
            up.rate = &rate;
            break;
          }
        }
        for (std::size_t i = 0; i < region_.join_channels_hz.size(); ++i) {
          if (region_.join_channels_hz[i] == heard.frequency_hz) up.channel = static_cast<int>(i);
        }
        if (up.rate != nullptr) OnFrame(now, up);
      }
      return;
    case GatewayMessage::kTxAck:
      return OnTxAck(now, *in);
    default:
      return;
  }
}

void NetworkServer::OnFrame(Time now, const Uplink& up) {
  const std::optional<MessageType> type = TypeOf(up.heard->phy);
  if (type == MessageType::kJoinRequest) return OnJoin(now, up);
  if (type == MessageType::kUnconfirmedUp || type == MessageType::kConfirmedUp) {
    return OnData(now, up);
  }
  ++counters_.malformed;
}

void NetworkServer::OnJoin(Time now, const Uplink& up) {
  const std::optional<JoinRequest> request = ParseJoinRequest(up.heard->phy);
  const auto it = request ? devices_.find(request->dev_eui) : devices_.end();
  if (it == devices_.end() || it->second.config.join_eui != request->join_eui) {
    ++counters_.unknown_device;
    return;
  }
  Device& d = it->second;
  const bool seen =
      d.config.counting_nonce
          ? !d.nonces.empty() && request->dev_nonce <= d.nonces.back()
          : std::find(d.nonces.begin(), d.nonces.end(), request->dev_nonce) != d.nonces.end();
  if (seen || !CheckJoinRequestMic(up.heard->phy, d.config.root.nwk)) {
    ++counters_.joins_refused;
    return;
  }
  d.nonces.push_back(request->dev_nonce);
  while (d.nonces.size() > (d.config.counting_nonce ? 1 : kNoncesMax)) d.nonces.pop_front();
  JoinAccept accept;
  accept.join_nonce = ++d.join_nonce & 0xffffff;
  do {
    accept.dev_addr = static_cast<std::uint32_t>(random_->U64()) & kAddressMask;
  } while (by_address_.count(accept.dev_addr) != 0);
  accept.opt_neg = d.config.version == Version::kV11;
  accept.rx2_data_rate = static_cast<std::uint8_t>(region_.rx2_data_rate);
  accept.rx_delay_s = static_cast<std::uint8_t>(rx_delay_s_);
  if (d.session) by_address_.erase(d.session->dev_addr());
  by_address_[accept.dev_addr] = d.config.dev_eui;
  d.session.emplace(Role::kNetwork, accept.dev_addr,
                    DeriveSessionKeys(accept, *request, d.config.root));
  d.answers.clear();
  d.adr.reset();
  d.unanswered.reset();
  d.setting = {up.rate->index, 0};
  d.data_rate = up.rate->index;
  d.gateway = up.gateway;
  Persist(d);
  ++counters_.joins;
  effects_.push_back(ServerJoined{d.config.dev_eui, accept.dev_addr});
  Transmit(now, up.gateway, d.config.dev_eui,
           Windows(up, kJoinDelaySeconds, SealJoinAccept(accept, *request, d.config.root.nwk)),
           std::nullopt);
}

void NetworkServer::OnData(Time now, const Uplink& up) {
  const std::optional<DataFrame> header = ParseData(up.heard->phy);
  const auto known = header ? by_address_.find(header->dev_addr) : by_address_.end();
  if (known == by_address_.end()) {
    ++(header ? counters_.unknown_device : counters_.malformed);
    return;
  }
  Device& d = devices_.at(known->second);
  std::optional<Session::Opened> opened =
      d.session->Open(up.heard->phy, static_cast<std::uint8_t>(up.rate->index),
                      static_cast<std::uint8_t>(up.channel));
  if (!opened) {  // heard by a second gateway, replayed or forged
    ++counters_.duplicates_or_forged;
    return;
  }
  ++counters_.uplinks;
  d.gateway = up.gateway;
  d.data_rate = up.rate->index;
  Persist(d);
  if (opened->acknowledges && d.unanswered) {
    effects_.push_back(ServerDownResult{*d.unanswered, DownOutcome::kAnswered});
    d.unanswered.reset();
  }
  const DataFrame& f = opened->frame;
  if (f.fport && *f.fport > 0 && *f.fport < 224) {
    effects_.push_back(ServerReceived{d.config.dev_eui, *f.fport, f.payload, up.heard->rssi_dbm,
                                      up.heard->snr_deci_db, up.rate->index, opened->lost});
  }
  OnMacCommands(now, up, f, &d);
  Answer(now, up, &d);
}

void NetworkServer::OnMacCommands(Time now, const Uplink& up, const DataFrame& frame, Device* d) {
  const Bytes& in = frame.fport == 0 ? frame.payload : frame.fopts;
  for (const MacCommand& c : ParseMacCommands(Direction::kUp, in).commands) {
    if (d->answers.size() >= kFOptsBytesMax) break;
    if (c.cid == Cid::kLinkCheck) {
      const int floor = RequiredSnrDeciDb(up.rate->spreading_factor);
      const int margin = std::clamp((up.heard->snr_deci_db - floor) / 10, 0, 254);
      d->answers.push_back(Encode(LinkCheckAnswer{static_cast<std::uint8_t>(margin), 1}));
    } else if (c.cid == Cid::kRekey) {  // a 1.1 device ends its join with it
      d->answers.push_back({Cid::kRekey, {1}});
    } else if (const auto answer = DecodeLinkAdrAnswer(c)) {
      const bool taken = answer->power_ok && answer->data_rate_ok && answer->channel_mask_ok;
      if (taken && d->adr) d->adr->OnChanged();
    }
  }
  // The mask below is EU868's three default channels; other regions have other masks.
  if (!frame.adr || &region_ != &Eu868()) return;
  if (!d->adr) d->adr.emplace(region_, 5, 7);
  d->adr->OnUplink(up.heard->snr_deci_db);
  d->setting.data_rate = up.rate->index;
  if (const auto wanted = d->adr->Recommend(d->setting)) {
    d->setting = *wanted;
    d->adr->OnChanged();  // asked once; 20 frames later again, if it did not help
    d->answers.push_back(
        Encode(LinkAdrRequest{static_cast<std::uint8_t>(wanted->data_rate),
                              static_cast<std::uint8_t>(wanted->tx_power), 7, 0, 1}));
  }
}

std::optional<OutgoingFrame> NetworkServer::NextFrame(Device* d, std::optional<Down>* down,
                                                      std::size_t payload_max) {
  OutgoingFrame out;
  while (!d->answers.empty() &&
         out.fopts.size() + 1 + d->answers.front().body.size() <= kFOptsBytesMax) {
    const Bytes bytes = EncodeMacCommands(Direction::kDown, {d->answers.front()});
    out.fopts.insert(out.fopts.end(), bytes.begin(), bytes.end());
    d->answers.erase(d->answers.begin());
  }
  if (!d->queue.empty() && d->queue.front().payload.size() + out.fopts.size() <= payload_max) {
    *down = std::move(d->queue.front());
    d->queue.pop_front();
    out.confirmed = (*down)->confirmed;
    out.fport = static_cast<std::uint8_t>((*down)->port);
    out.payload = (*down)->payload;
  }
  out.pending = !d->queue.empty();
  out.adr = true;
  if (!*down && out.fopts.empty() && !d->session->owes_acknowledgement()) return std::nullopt;
  return out;
}

void NetworkServer::Answer(Time now, const Uplink& up, Device* d) {
  std::optional<Down> down;
  const std::optional<OutgoingFrame> frame = NextFrame(d, &down, up.rate->payload_bytes_max);
  if (!frame) return;
  const std::optional<Session::Sealed> sealed = d->session->Seal(*frame);
  if (!sealed) return PutBack(d->config.dev_eui, std::move(down));
  Persist(*d);
  Transmit(now, up.gateway, d->config.dev_eui, Windows(up, rx_delay_s_, sealed->phy),
           std::move(down));
}

std::vector<FrameToSend> NetworkServer::Windows(const Uplink& up, int delay_s,
                                                const Bytes& phy) const {
  std::vector<FrameToSend> out;
  // First window: the uplink's own channel and rate (EU868, offset 0). US915 answers on channels
  // and rates of its own: uplink channel modulo 8, 500 kHz, three rates up.
  FrameToSend first;
  first.timestamp_us = up.heard->timestamp_us + static_cast<std::uint32_t>(delay_s) * 1'000'000;
  first.phy = phy;
  FrameToSend second = first;
  second.timestamp_us += 1'000'000;
  const DataRate* rate = up.rate;
  first.frequency_hz = up.heard->frequency_hz;
  if (&region_ == &Us915()) {
    rate = region_.FindDataRate(std::min(13, 10 + up.rate->index));
    first.frequency_hz = 923'300'000 + 600'000 * (up.channel % 8);
  }
  first.spreading_factor = rate->spreading_factor;
  first.bandwidth_hz = rate->bandwidth_hz;
  const DataRate* rx2 = region_.FindDataRate(region_.rx2_data_rate);
  second.frequency_hz = region_.rx2_hz;
  second.spreading_factor = rx2->spreading_factor;
  second.bandwidth_hz = rx2->bandwidth_hz;
  out.push_back(std::move(first));
  if (phy.size() <= rx2->payload_bytes_max + kDataOverheadBytes) out.push_back(std::move(second));
  return out;
}

bool NetworkServer::Transmit(Time now, std::uint64_t gateway, std::uint64_t dev_eui,
                             std::vector<FrameToSend> windows, std::optional<Down> down) {
  const auto g = gateways_.find(gateway);
  if (g == gateways_.end() || now - g->second.seen > kGatewaySilence) windows.clear();
  while (!windows.empty()) {
    const FrameToSend frame = windows.front();
    windows.erase(windows.begin());
    DataRate rate;
    rate.spreading_factor = frame.spreading_factor;
    rate.bandwidth_hz = frame.bandwidth_hz;
    const Duration airtime = region_.TimeOnAir(rate, frame.phy.size(), true);
    // Counted from now on, which is a second or a few early: the windows of the ledger are hours.
    DutyLedger::Decision decision = ledger_.Admit(now, wall_, frame.frequency_hz, rate, airtime,
                                                  down ? AirUse::kData : AirUse::kAcknowledgement);
    if (!decision.admitted) {
      ++counters_.duty_limited;
      continue;
    }
    effects_.push_back(ServerPersist{std::move(decision.persist)});
    if (on_way_.size() >= kOnWayMax) break;
    ++token_;
    OnWay way{gateway, dev_eui, std::move(down), std::nullopt, now};
    if (!windows.empty()) way.second = windows.front();
    on_way_.insert_or_assign(token_, std::move(way));
    effects_.push_back(ServerSend{g->second.address, EncodePullResp(token_, frame)});
    return true;
  }
  ++counters_.downlinks_failed;
  PutBack(dev_eui, std::move(down));
  return false;
}

// Frames whose TX_ACK never came.
void NetworkServer::AgeOut(Time now) {
  for (auto it = on_way_.begin(); it != on_way_.end();) {
    if (now - it->second.sent <= kOnWayAge) {
      ++it;
      continue;
    }
    if (it->second.down) {
      effects_.push_back(ServerDownResult{it->second.down->token, DownOutcome::kUnknown});
    }
    it = on_way_.erase(it);
  }
}

// What was not on air waits for the next uplink, a few times.
void NetworkServer::PutBack(std::uint64_t dev_eui, std::optional<Down> down) {
  if (!down) return;
  Device& d = devices_.at(dev_eui);
  if (++down->tries >= kDownTriesMax || d.queue.size() >= kQueueMax) {
    effects_.push_back(ServerDownResult{down->token, DownOutcome::kFailed});
    return;
  }
  d.queue.push_front(std::move(*down));
}

void NetworkServer::OnTxAck(Time now, const FromGateway& in) {
  const auto it = on_way_.find(in.token);
  if (it == on_way_.end() || it->second.gateway != in.eui) {
    ++counters_.malformed;
    return;
  }
  OnWay way = std::move(it->second);
  on_way_.erase(it);
  if (in.error == "NONE") {
    ++counters_.downlinks;
    if (!way.down) return;
    Device& d = devices_.at(way.dev_eui);
    if (way.down->confirmed) d.unanswered = way.down->token;
    effects_.push_back(ServerDownResult{way.down->token, DownOutcome::kOnAir});
    return;
  }
  ++counters_.too_late;  // or taken, or forbidden: this window is gone
  std::vector<FrameToSend> windows;
  if (way.second) windows.push_back(std::move(*way.second));
  Transmit(now, way.gateway, way.dev_eui, std::move(windows), std::move(way.down));
}

bool NetworkServer::Send(Time now, std::uint64_t dev_eui, std::uint64_t token, int port,
                         bool confirmed, ByteSpan payload) {
  const auto it = devices_.find(dev_eui);
  if (it == devices_.end() || !it->second.session || port < 1 || port > 223 || payload.empty() ||
      it->second.queue.size() >= kQueueMax || payload.size() > PayloadBytesMax(dev_eui)) {
    return false;
  }
  it->second.queue.push_back({token, port, confirmed, payload.ToBytes()});
  if (it->second.config.class_c) SendImmediately(now, &it->second);
  return true;
}

// Class C listens on the second window's channel whenever it does not send.
void NetworkServer::SendImmediately(Time now, Device* d) {
  const DataRate* rx2 = region_.FindDataRate(region_.rx2_data_rate);
  std::optional<Down> down;
  const std::optional<OutgoingFrame> frame = NextFrame(d, &down, rx2->payload_bytes_max);
  if (!frame) return;
  const std::optional<Session::Sealed> sealed = d->session->Seal(*frame);
  if (!sealed) return PutBack(d->config.dev_eui, std::move(down));
  Persist(*d);
  FrameToSend out;
  out.immediate = true;
  out.frequency_hz = region_.rx2_hz;
  out.spreading_factor = rx2->spreading_factor;
  out.bandwidth_hz = rx2->bandwidth_hz;
  out.phy = sealed->phy;
  Transmit(now, d->gateway, d->config.dev_eui, {out}, std::move(down));
}

}  // namespace selvage::lorawan
