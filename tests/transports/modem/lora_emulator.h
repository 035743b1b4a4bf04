// A LoRa modem that speaks either AT dialect, for tests: takes commands, answers with lines.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "transports/modem/lora_dialect.h"

namespace selvage::modem {

class LoraEmulator {
 public:
  explicit LoraEmulator(LoraDialect dialect) : dialect_(dialect) {}

  // Answers to what the host wrote; empty until a command is whole.
  std::string OnBytes(ByteSpan bytes) {
    std::string out;
    for (std::uint8_t b : bytes) {
      if (b == '\n') continue;
      if (b != '\r') {
        line_.push_back(static_cast<char>(b));
        continue;
      }
      std::string line;
      line.swap(line_);
      out += OnCommand(line);
    }
    return out;
  }
  // What comes down from the network, in this dialect's words.
  std::string Downlink(int port, ByteSpan payload) {
    const std::string hex = ToHex(payload);
    char size[8];
    std::snprintf(size, sizeof size, "%zx", payload.size());
    if (dialect_ == LoraDialect::kStAtSlave) {
      return "\r\n+EVT:" + std::to_string(port) + ":" + size + ":" + hex +
             "\r\n\r\n+EVT:RX_1, DR 5, RSSI -60, SNR 11\r\n";
    }
    return "+EVT:RX_1:-60:11:UNICAST:" + std::to_string(port) + ":" + hex + "\r\n";
  }

  std::vector<std::string> commands;
  std::vector<std::string> uplinks;  // "port:hex"; P2P: "hex"
  // Answers that replace the usual one for commands that start so, each used once.
  std::multimap<std::string, std::string> scripted;
  bool silent = false;
  bool joined = false;

 private:
  std::string OnCommand(const std::string& line) {
    if (silent || line.empty()) return "";
    commands.push_back(line);
    for (auto it = scripted.begin(); it != scripted.end(); ++it) {
      if (line.rfind(it->first, 0) == 0) {
        const std::string answer = it->second;
        scripted.erase(it);
        return answer;
      }
    }
    const std::string ok = "\r\nOK\r\n";
    if (line.rfind("AT+JOIN=", 0) == 0) {
      joined = true;
      return ok + "+EVT:JOINED\r\n";
    }
    if (line.rfind("AT+CFM=", 0) == 0) confirmed_ = line.back() == '1';
    if (line.rfind("AT+SEND=", 0) == 0) return Send(line.substr(8), ok);
    if (line.rfind("AT+PSEND=", 0) == 0) {
      if (listening_) return "\r\nAT_BUSY_ERROR\r\n";
      uplinks.push_back(line.substr(9));
      return ok + "+EVT:TXP2P DONE\r\n";
    }
    if (line.rfind("AT+PRECV=", 0) == 0) listening_ = line != "AT+PRECV=0";
    return ok;
  }
  std::string Send(const std::string& arguments, const std::string& ok) {
    if (!joined) return "\r\nAT_NO_NETWORK_JOINED\r\n";
    if (dialect_ == LoraDialect::kRui3) {
      uplinks.push_back(arguments);
      return ok + (confirmed_ ? "+EVT:TX_DONE\r\n+EVT:SEND_CONFIRMED_OK\r\n" : "+EVT:TX_DONE\r\n");
    }
    const std::size_t colon = arguments.find(':');
    const bool confirmed = arguments[colon + 1] == '1';
    uplinks.push_back(arguments.substr(0, colon) + arguments.substr(colon + 2));
    return ok + (confirmed ? "+EVT:SEND_CONFIRMED\r\n" : "");
  }

  LoraDialect dialect_;
  std::string line_;
  bool confirmed_ = false;
  bool listening_ = false;
};

}  // namespace selvage::modem
