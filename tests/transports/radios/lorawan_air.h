// A LoRaWAN modem on a pseudo-terminal, a packet forwarder over UDP, and the air between them.
//
// The modem has a radio of its own: it joins, counts, encrypts (the session of transports/lorawan
// in the device's role) and hears a frame only in a window: right time, channel and rate. The
// forwarder keeps Semtech's timing: a frame that comes too late, too early or on top of another one
// is refused. Real time; call Turn every few milliseconds.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/time.h"
#include "transports/lorawan/air/region.h"
#include "transports/lorawan/gateway/semtech_udp.h"
#include "transports/lorawan/join.h"
#include "transports/lorawan/session.h"
#include "transports/modem/lora_dialect.h"
#include "transports/radios/lorawan_keys.h"

namespace selvage {

class LorawanAir {
 public:
  using Dialect = modem::LoraDialect;

  LorawanAir(Dialect dialect, const LorawanKeys& keys) : dialect_(dialect), class_c_(keys.class_c) {
    std::copy(keys.app_key.begin(), keys.app_key.end(), root_.nwk.begin());
    root_.app = root_.nwk;
    request_.dev_eui = ByteReader(ByteSpan(keys.dev_eui)).U64();
    request_.join_eui = ByteReader(ByteSpan(keys.join_eui)).U64();
    master_ = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) abort();
    keep_ = open(ptsname(master_), O_RDWR | O_NOCTTY);
    socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  }
  ~LorawanAir() {
    close(master_);
    close(keep_);
    close(socket_);
  }
  std::string terminal() const { return ptsname(master_); }
  // Where the network server listens.
  void SetServer(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) abort();
    served_ = true;
    pull_at_ = Time::min();
  }

  void Turn(Time now) {
    now_ = now;
    char buffer[4096];
    const ssize_t n = read(master_, buffer, sizeof buffer);
    if (n > 0) input_.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t end; (end = input_.find('\r')) != std::string::npos;) {
      const std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      if (!input_.empty() && input_[0] == '\n') input_.erase(0, 1);
      if (!line.empty()) OnCommand(line);
    }
    for (ssize_t got; (got = recv(socket_, buffer, sizeof buffer, 0)) > 0;) {
      OnDatagram(ByteSpan(reinterpret_cast<std::uint8_t*>(buffer), static_cast<std::size_t>(got)));
    }
    if (served_ && now >= pull_at_) {
      pull_at_ = now + 5s;
      Tell(2, "");
    }
    while (!events_.empty() && events_.begin()->first <= now) {
      const auto what = events_.begin()->second;
      events_.erase(events_.begin());
      what();
    }
  }

  // ---- faults
  std::deque<std::string> tx_errors;  // what the forwarder answers to the next frames
  int duty_refusals = 0;              // the modem's next answers to AT+SEND
  // ---- what happened
  int joins = 0, uplinks = 0, downlinks = 0, missed = 0;
  std::size_t longest_uplink = 0;
  std::vector<std::string> tx_acks;
  double up_air_s = 0, down_air_s = 0;

 private:
  struct Sending {
    Time begins, ends;
  };
  void Say(const std::string& line) {
    const std::string text = "\r\n" + line + "\r\n";
    if (write(master_, text.data(), text.size()) < 0) ++missed;
  }
  const lorawan::Region& region() const { return lorawan::Eu868(); }
  const lorawan::DataRate& rate() const { return *region().FindDataRate(data_rate_); }
  std::uint32_t Clock(Time t) const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(ToMicros(t - Time())));
  }

  void OnCommand(const std::string& line) {
    if (line.rfind("AT+DR=", 0) == 0) data_rate_ = std::atoi(line.c_str() + 6);
    if (line.rfind("AT+CLASS=", 0) == 0) class_c_ = line.back() == 'C';
    if (line.rfind("AT+JOIN=", 0) == 0) {
      Say("OK");
      session_.reset();
      ++request_.dev_nonce;
      Uplink(SealJoinRequest(request_, root_.nwk), 5s);
      return;
    }
    if (line.rfind("AT+SEND=", 0) == 0) return Send(line.substr(8));
    Say("OK");
  }

  void Send(const std::string& arguments) {
    const std::size_t last = arguments.rfind(':');
    Bytes payload;
    if (last == std::string::npos || !FromHex(arguments.substr(last + 1), &payload) ||
        payload.size() > rate().payload_bytes_max) {
      return Say("AT_PARAM_ERROR");
    }
    if (!session_) return Say("AT_NO_NETWORK_JOINED");
    if (duty_refusals > 0) {
      --duty_refusals;
      return Say("AT_DUTYCYCLE_RESTRICTED");
    }
    if (now_ < busy_until_) return Say("AT_BUSY_ERROR");
    lorawan::OutgoingFrame f;
    f.fport = static_cast<std::uint8_t>(std::atoi(arguments.c_str()));
    f.payload = payload;
    f.tx_data_rate = static_cast<std::uint8_t>(data_rate_);
    longest_uplink = std::max(longest_uplink, payload.size());
    Say("OK");
    Uplink(session_->Seal(f)->phy, 1s);
  }

  void Uplink(Bytes phy, Duration rx_delay) {
    const Duration air = region().TimeOnAir(rate(), phy.size(), false);
    up_air_s += ToSeconds(air);
    const std::int64_t channel = region().join_channels_hz[hop_++ % 3];
    const Time end = now_ + air;
    busy_until_ = end + rx_delay + 1s;  // class A: until the second window has begun
    heard_in_window_ = false;
    rx1_at_ = end + rx_delay;
    rx1_hz_ = channel;
    At(end, [this, phy, channel, end] {
      ++uplinks;
      if (dialect_ == Dialect::kRui3 && session_) Say("+EVT:TX_DONE");
      const nlohmann::json json = {
          {"rxpk",
           {{{"tmst", Clock(end)},
             {"freq", static_cast<double>(channel) / 1e6},
             {"stat", 1},
             {"modu", "LORA"},
             {"datr", "SF" + std::to_string(rate().spreading_factor) + "BW125"},
             {"codr", "4/5"},
             {"rssi", -71},
             {"lsnr", 8.5},
             {"size", phy.size()},
             {"data", lorawan::EncodeBase64(phy)}}}}};
      Tell(0, json.dump());
    });
    if (session_) return;
    At(end + 8s, [this] {
      if (session_) return;
      Say(dialect_ == Dialect::kRui3 ? "+EVT:JOIN_FAILED_RX_TIMEOUT" : "+EVT:JOIN FAILED");
    });
  }

  // ---- the forwarder
  void Tell(int type, const std::string& json, int token = -1) {
    Bytes out(12 + json.size());
    ByteWriter w(out);
    w.U8(2);
    w.U16(static_cast<std::uint16_t>(token >= 0 ? token : ++token_));
    w.U8(static_cast<std::uint8_t>(type));
    w.U64(0xaa555a0000000001);
    w.Put(ByteSpan::Of(json));
    if (send(socket_, out.data(), out.size(), 0) < 0) ++missed;
  }
  void OnDatagram(ByteSpan in) {
    if (in.size() < 4 || in[0] != 2 || in[3] != 3) return;  // PULL_RESP alone says what to do
    const int token = in[1] << 8 | in[2];
    const nlohmann::json tx = nlohmann::json::parse(in.Sub(4).ToString()).at("txpk");
    const auto phy = lorawan::DecodeBase64(tx.at("data").get<std::string>());
    const int sf = std::atoi(tx.at("datr").get<std::string>().c_str() + 2);
    const auto hz = static_cast<std::int64_t>(tx.at("freq").get<double>() * 1e6 + 0.5);
    const lorawan::DataRate* of = nullptr;
    for (const lorawan::DataRate& r : region().data_rates) {
      if (r.spreading_factor == sf && r.bandwidth_hz == 125000) of = &r;
    }
    const bool immediate = tx.value("imme", false);
    const auto ahead = static_cast<std::int32_t>(tx.value("tmst", 0u) - Clock(now_));
    const Time begins = immediate ? now_ : now_ + std::chrono::microseconds(ahead);
    std::string error = "NONE";
    if (!phy || of == nullptr) error = "TX_FREQ";
    if (!immediate && ahead < 1500) error = "TOO_LATE";
    if (!immediate && ahead > 20'000'000) error = "TOO_EARLY";
    const Duration air = of == nullptr ? Duration(0) : region().TimeOnAir(*of, phy->size(), true);
    for (const Sending& s : sending_) {
      if (begins < s.ends && begins + air > s.begins) error = "COLLISION_PACKET";
    }
    if (!tx_errors.empty()) {
      error = tx_errors.front();
      tx_errors.pop_front();
    }
    tx_acks.push_back(error);
    Tell(5, "{\"txpk_ack\":{\"error\":\"" + error + "\"}}", token);
    if (error != "NONE") return;
    down_air_s += ToSeconds(air);
    sending_.push_back({begins, begins + air});
    if (sending_.size() > 64) sending_.pop_front();
    At(begins, [=] { Downlink(*phy, hz, sf, begins, air); });
  }

  // ---- the modem hears it, or not
  void Downlink(const Bytes& phy, std::int64_t hz, int sf, Time begins, Duration air) {
    const auto near = [&](Time t) { return begins > t - 20ms && begins < t + 20ms; };
    const bool rx1 = near(rx1_at_) && hz == rx1_hz_ && sf == rate().spreading_factor;
    const bool rx2_channel = hz == region().rx2_hz && sf == 12;
    const bool rx2 = near(rx1_at_ + 1s) && rx2_channel && !heard_in_window_;
    const bool always = class_c_ && rx2_channel && session_;
    if (!rx1 && !rx2 && !always) {
      ++missed;
      return;
    }
    heard_in_window_ = true;
    busy_until_ = std::max(busy_until_, begins + air);
    At(begins + air, [this, phy, rx1] {
      if (!session_) {
        const auto accept = OpenJoinAccept(phy, request_, root_.nwk);
        if (!accept) return;
        session_.emplace(lorawan::Role::kDevice, accept->dev_addr,
                         DeriveSessionKeys(*accept, request_, root_));
        ++joins;
        return Say("+EVT:JOINED");
      }
      busy_until_ = now_;  // the windows are over with the first frame
      const auto opened = session_->Open(phy);
      if (!opened || !opened->frame.fport) return;
      ++downlinks;
      const std::string hex = ToHex(opened->frame.payload);
      const std::string port = std::to_string(*opened->frame.fport);
      const std::string slot = rx1 ? "1" : class_c_ ? "C" : "2";
      if (dialect_ == Dialect::kRui3) {
        return Say("+EVT:RX_" + slot + ":-80:7:UNICAST:" + port + ":" + hex);
      }
      char size[8];
      std::snprintf(size, sizeof size, "%zx", opened->frame.payload.size());
      Say("+EVT:" + port + ":" + size + ":" + hex);
      Say("+EVT:RX_" + slot + ", DR 5, RSSI -80, SNR 7");
    });
  }
  void At(Time when, std::function<void()> what) { events_.emplace(when, std::move(what)); }

  const Dialect dialect_;
  bool class_c_;
  lorawan::RootKeys root_;
  lorawan::JoinRequest request_;
  std::optional<lorawan::Session> session_;
  int master_ = -1, keep_ = -1, socket_ = -1;
  bool served_ = false;
  std::string input_;
  Time now_;
  int data_rate_ = 0;
  std::size_t hop_ = 0;
  Time busy_until_ = Time::min();
  Time rx1_at_ = Time::min();
  std::int64_t rx1_hz_ = 0;
  bool heard_in_window_ = false;
  Time pull_at_ = Time::min();
  std::uint16_t token_ = 0;
  std::deque<Sending> sending_;
  std::multimap<Time, std::function<void()>> events_;
};

}  // namespace selvage
