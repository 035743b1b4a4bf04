// A small LoRaWAN network server inside the node: local gateways, its own devices, no cloud.
//
// Devices join over the air, their frames come out decrypted, frames to them go out in the receive
// windows after an uplink (class A) or at once (class C). A window opens 1 s after the uplink ended
// (5 s after a join request); a gateway that got the frame too late says so, and the second window,
// a second later, is tried with the same frame. The gateway's air time is kept by one duty ledger.
//
// Whatever moves a counter comes out as ServerPersist, to be made durable before the effects behind
// it. Effects are carried out in order. No clock, no socket. Not thread safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/link.h"
#include "core/random.h"
#include "core/store.h"
#include "core/time.h"
#include "transports/lorawan/adr.h"
#include "transports/lorawan/air/duty_ledger.h"
#include "transports/lorawan/air/modulation.h"
#include "transports/lorawan/gateway/semtech_udp.h"
#include "transports/lorawan/join.h"
#include "transports/lorawan/mac_command.h"
#include "transports/lorawan/session.h"

namespace selvage::lorawan {

struct ServerSend {  // a datagram to a gateway
  PeerAddress to;
  Bytes bytes;
};
struct ServerPersist {
  std::vector<StoreWrite> writes;
};
struct ServerJoined {
  std::uint64_t dev_eui = 0;
  std::uint32_t dev_addr = 0;
};
struct ServerReceived {
  std::uint64_t dev_eui = 0;
  int port = 0;
  Bytes payload;
  int rssi_dbm = 0;
  int snr_deci_db = 0;
  int data_rate = 0;
  std::uint32_t lost = 0;  // frames that never came, before this one
};
enum class DownOutcome {
  kOnAir,     // a gateway took it; for a confirmed frame kAnswered may follow
  kAnswered,  // the device confirmed it
  kUnknown,   // the gateway did not say whether it was on air
  kFailed,    // every window was missed, or none was legal; it was never on air
};
struct ServerDownResult {
  std::uint64_t token = 0;
  DownOutcome outcome = DownOutcome::kFailed;
};
using ServerEffect =
    std::variant<ServerSend, ServerPersist, ServerJoined, ServerReceived, ServerDownResult>;

struct ServerDevice {
  std::uint64_t dev_eui = 0;
  std::uint64_t join_eui = 0;
  RootKeys root;
  Version version = Version::kV10;
  bool class_c = false;
  // DevNonces only count up (1.0.4, 1.1). False for older devices, which draw them: then the last
  // kNoncesMax are remembered.
  bool counting_nonce = true;
};

struct ServerCounters {
  std::uint64_t uplinks = 0, duplicates_or_forged = 0, unknown_device = 0, malformed = 0;
  std::uint64_t bad_crc = 0, joins = 0, joins_refused = 0;
  std::uint64_t downlinks = 0, downlinks_failed = 0, too_late = 0, duty_limited = 0;
};

class NetworkServer {
 public:
  static constexpr std::size_t kDevicesMax = 256;
  static constexpr std::size_t kGatewaysMax = 16;
  static constexpr std::size_t kQueueMax = 8;     // frames that wait for one device
  static constexpr std::size_t kNoncesMax = 256;  // per device
  static constexpr int kDownTriesMax = 4;         // uplinks after which a frame is given up
  // A gateway asks for downlinks every few seconds; silent for longer, it gets none.
  static constexpr Duration kGatewaySilence = 60s;

  // `rx_delay_s` (1 to 15) is given to devices that join: the longer the way to the gateway, the
  // longer. `region` and `random` outlive this.
  // `key_prefix`: of all records.
  NetworkServer(const Region& region, Random* random, int rx_delay_s = 1,
                const std::string& key_prefix = "lorawan/");

  // False when the table is full or the device known. Reads back what the store has of it.
  bool AddDevice(const ServerDevice& device, Store& store);
  // The duty ledger's part of the store. Once, at start.
  void Restore(Time now, WallSeconds wall, Store& store) { ledger_.Restore(now, wall, store); }
  void SetWall(WallSeconds wall) { wall_ = wall; }

  void OnDatagram(Time now, const PeerAddress& from, ByteSpan datagram);
  // Queues a frame for a device; false: unknown or not joined, queue full, or too large for its
  // present data rate. Port 1 to 223.
  bool Send(Time now, std::uint64_t dev_eui, std::uint64_t token, int port, bool confirmed,
            ByteSpan payload);
  std::optional<ServerEffect> PollEffect();
  // Largest payload for a device at its present data rate; 0 when it has not joined.
  std::size_t PayloadBytesMax(std::uint64_t dev_eui) const;
  // When a payload could leave for a device at the earliest, as far as the law goes: for class C at
  // once in the second window's channel; class A waits for the device, so that `now` is the answer.
  Time NextDownlink(Time now, std::uint64_t dev_eui, std::size_t payload_bytes);
  // A gateway asked for downlinks not long ago.
  bool HasGateway(Time now) const;
  const DutyLedger& ledger() const { return ledger_; }
  const ServerCounters& counters() const { return counters_; }

 private:
  struct Down {
    std::uint64_t token;
    int port;
    bool confirmed;
    Bytes payload;
    int tries = 0;
  };
  struct Device {
    ServerDevice config;
    std::optional<Session> session;
    std::uint32_t join_nonce = 0;
    std::deque<std::uint16_t> nonces;  // used, the last one last
    std::deque<Down> queue;
    std::vector<MacCommand> answers;
    std::optional<AdrNetwork> adr;
    AdrNetwork::Setting setting;
    int data_rate = 0;
    std::optional<std::uint64_t> unanswered;  // token of the confirmed frame on air
    std::uint64_t gateway = 0;
  };
  struct Gateway {
    PeerAddress address;
    Time seen;
  };
  // A frame given to a gateway, whose TX_ACK is awaited.
  struct OnWay {
    std::uint64_t gateway;
    std::uint64_t dev_eui;
    std::optional<Down> down;
    std::optional<FrameToSend> second;  // the next window, if there is one
    Time sent;
  };
  struct Uplink {
    const HeardFrame* heard;
    std::uint64_t gateway;
    const DataRate* rate;
    int channel;
  };
  void OnFrame(Time now, const Uplink& up);
  void OnJoin(Time now, const Uplink& up);
  void OnData(Time now, const Uplink& up);
  void OnMacCommands(Time now, const Uplink& up, const DataFrame& frame, Device* d);
  void Answer(Time now, const Uplink& up, Device* d);
  void OnTxAck(Time now, const FromGateway& in);
  std::optional<OutgoingFrame> NextFrame(Device* d, std::optional<Down>* down,
                                         std::size_t payload_max);
  // The windows after an uplink, first one first; those that the duty cycle forbids are left out.
  std::vector<FrameToSend> Windows(const Uplink& up, int delay_s, const Bytes& phy) const;
  bool Transmit(Time now, std::uint64_t gateway, std::uint64_t dev_eui,
                std::vector<FrameToSend> windows, std::optional<Down> down);
  void SendImmediately(Time now, Device* d);
  void AgeOut(Time now);
  void PutBack(std::uint64_t dev_eui, std::optional<Down> down);
  std::string KeyOf(std::uint64_t dev_eui) const;
  StoreWrite RecordOf(const Device& d) const;
  void Persist(const Device& d) { effects_.push_back(ServerPersist{{RecordOf(d)}}); }

  const Region& region_;
  Random* random_;
  int rx_delay_s_;
  const std::string key_prefix_;
  DutyLedger ledger_;
  WallSeconds wall_ = 0;
  std::map<std::uint64_t, Device> devices_;  // by DevEUI
  std::map<std::uint32_t, std::uint64_t> by_address_;
  std::map<std::uint64_t, Gateway> gateways_;  // by EUI
  std::map<std::uint16_t, OnWay> on_way_;      // by token
  std::uint16_t token_ = 0;
  std::deque<ServerEffect> effects_;
  ServerCounters counters_;
};

}  // namespace selvage::lorawan
