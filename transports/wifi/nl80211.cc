#include "transports/wifi/nl80211.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/nl80211.h>

#include <algorithm>
#include <cstring>

namespace selvage::wifi {
namespace {

constexpr std::size_t kMessagesMax = 1024;  // of a datagram; each has at least 16 bytes
constexpr char kFamilyName[] = "nl80211";

template <typename T>
std::optional<T> ReadAs(ByteSpan value) {
  if (value.size() < sizeof(T)) return std::nullopt;
  T out;
  std::memcpy(&out, value.data(), sizeof(T));
  return out;
}

std::optional<int> ReadSigned8(ByteSpan value) {
  const auto v = ReadAs<std::int8_t>(value);
  return v ? std::optional<int>(*v) : std::nullopt;
}

// Calls visit(type, value) for each attribute until one is malformed.
template <typename Visit>
void ForEachAttribute(ByteSpan in, Visit visit) {
  std::size_t at = 0;
  while (in.size() - at >= sizeof(nlattr)) {
    nlattr header;
    std::memcpy(&header, in.data() + at, sizeof(header));
    if (header.nla_len < sizeof(header) || header.nla_len > in.size() - at) return;
    visit(header.nla_type & NLA_TYPE_MASK,
          ByteSpan(in.data() + at + sizeof(header), header.nla_len - sizeof(header)));
    at = std::min<std::size_t>(at + NLA_ALIGN(header.nla_len), in.size());
  }
}

// In kbit/s. The 16-bit form ends at 6.5 Gbit/s; the 32-bit form wins where both are there.
std::optional<std::uint32_t> ReadRate(ByteSpan nest) {
  std::optional<std::uint32_t> narrow, wide;
  ForEachAttribute(nest, [&](int type, ByteSpan v) {
    if (type == NL80211_RATE_INFO_BITRATE32) wide = ReadAs<std::uint32_t>(v);
    if (type == NL80211_RATE_INFO_BITRATE) {
      if (const auto n = ReadAs<std::uint16_t>(v)) narrow = *n;
    }
  });
  const auto hundred_kbps = wide ? wide : narrow;
  if (!hundred_kbps || *hundred_kbps == 0 || *hundred_kbps > 10'000'000) return std::nullopt;
  return *hundred_kbps * 100;
}

void ReadStationInfo(ByteSpan nest, Station* s) {
  ForEachAttribute(nest, [s](int type, ByteSpan v) {
    switch (type) {
      case NL80211_STA_INFO_SIGNAL:
        s->signal_dbm = ReadSigned8(v);
        break;
      case NL80211_STA_INFO_SIGNAL_AVG:
        s->signal_average_dbm = ReadSigned8(v);
        break;
      case NL80211_STA_INFO_TX_BITRATE:
        s->tx_rate_kbps = ReadRate(v);
        break;
      case NL80211_STA_INFO_RX_BITRATE:
        s->rx_rate_kbps = ReadRate(v);
        break;
      case NL80211_STA_INFO_EXPECTED_THROUGHPUT:
        s->expected_rate_kbps = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_TX_PACKETS:
        s->tx_packets = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_TX_RETRIES:
        s->tx_retries = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_TX_FAILED:
        s->tx_failed = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_RX_PACKETS:
        s->rx_packets = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_RX_MPDUS:
        s->rx_mpdus = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_FCS_ERROR_COUNT:
        s->fcs_errors = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_BEACON_LOSS:
        s->beacon_loss = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_INACTIVE_TIME:
        s->inactive_ms = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_CONNECTED_TIME:
        s->connected_s = ReadAs<std::uint32_t>(v);
        break;
      case NL80211_STA_INFO_ASSOC_AT_BOOTTIME:
        s->associated_at_ns = ReadAs<std::uint64_t>(v);
        break;
      default:
        break;
    }
  });
}

void ReadSurveyInfo(ByteSpan nest, Survey* s) {
  ForEachAttribute(nest, [s](int type, ByteSpan v) {
    switch (type) {
      case NL80211_SURVEY_INFO_IN_USE:
        s->in_use = true;
        break;
      case NL80211_SURVEY_INFO_FREQUENCY:
        s->frequency_mhz = ReadAs<std::uint32_t>(v).value_or(0);
        break;
      case NL80211_SURVEY_INFO_NOISE:
        s->noise_dbm = ReadSigned8(v);
        break;
      case NL80211_SURVEY_INFO_TIME:
        s->time_ms = ReadAs<std::uint64_t>(v);
        break;
      case NL80211_SURVEY_INFO_TIME_BUSY:
        s->busy_ms = ReadAs<std::uint64_t>(v);
        break;
      default:
        break;
    }
  });
}

void ReadWifi(std::uint8_t command, ByteSpan attributes, Message* m) {
  bool has_mac = false;
  bool has_info = false;
  ForEachAttribute(attributes, [&](int type, ByteSpan v) {
    if (type == NL80211_ATTR_IFINDEX) {
      m->interface_index = static_cast<int>(ReadAs<std::uint32_t>(v).value_or(0));
    } else if (type == NL80211_ATTR_MAC && v.size() >= m->station.mac.size()) {
      std::memcpy(m->station.mac.data(), v.data(), m->station.mac.size());
      has_mac = true;
    } else if (type == NL80211_ATTR_STA_INFO) {
      ReadStationInfo(v, &m->station);
    } else if (type == NL80211_ATTR_SURVEY_INFO) {
      ReadSurveyInfo(v, &m->survey);
      has_info = true;
    }
  });
  if (command == NL80211_CMD_NEW_STATION && has_mac) m->kind = Message::Kind::kStation;
  if (command == NL80211_CMD_NEW_SURVEY_RESULTS && has_info) m->kind = Message::Kind::kSurvey;
}

Message ReadMessage(const nlmsghdr& header, ByteSpan body, std::uint16_t family) {
  Message m;
  m.sequence = header.nlmsg_seq;
  if (header.nlmsg_type == NLMSG_DONE) {
    m.kind = Message::Kind::kDone;
  } else if (header.nlmsg_type == NLMSG_ERROR) {
    m.kind = Message::Kind::kError;
    const auto error = ReadAs<std::int32_t>(body);
    m.error = error && *error <= 0 && *error > -4096 ? -*error : EINVAL;
  } else if (body.size() >= GENL_HDRLEN &&
             (header.nlmsg_type == GENL_ID_CTRL || header.nlmsg_type == family)) {
    const std::uint8_t command = body.data()[0];
    const ByteSpan attributes(body.data() + GENL_HDRLEN, body.size() - GENL_HDRLEN);
    if (header.nlmsg_type == GENL_ID_CTRL) {
      ForEachAttribute(attributes, [&m](int type, ByteSpan v) {
        if (type == CTRL_ATTR_FAMILY_ID) m.family = ReadAs<std::uint16_t>(v).value_or(0);
      });
      if (command == CTRL_CMD_NEWFAMILY && m.family != 0) m.kind = Message::Kind::kFamily;
    } else {
      ReadWifi(command, attributes, &m);
    }
  }
  return m;
}

Bytes Request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
              std::uint8_t command, int attribute, ByteSpan value) {
  const auto attribute_bytes = static_cast<std::uint16_t>(sizeof(nlattr) + value.size());
  Bytes out(NLMSG_HDRLEN + GENL_HDRLEN + NLA_ALIGN(attribute_bytes));
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(out.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = sequence;
  genlmsghdr generic{};
  generic.cmd = command;
  generic.version = 1;
  nlattr head{};
  head.nla_len = attribute_bytes;
  head.nla_type = static_cast<std::uint16_t>(attribute);
  std::uint8_t* at = out.data();
  std::memcpy(at, &header, sizeof(header));
  std::memcpy(at + NLMSG_HDRLEN, &generic, sizeof(generic));
  std::memcpy(at + NLMSG_HDRLEN + GENL_HDRLEN, &head, sizeof(head));
  std::memcpy(at + NLMSG_HDRLEN + GENL_HDRLEN + sizeof(head), value.data(), value.size());
  return out;
}

Bytes Dump(std::uint16_t family, std::uint32_t sequence, std::uint8_t command, int index) {
  const auto number = static_cast<std::uint32_t>(index);
  std::array<std::uint8_t, sizeof(number)> bytes{};
  std::memcpy(bytes.data(), &number, sizeof(number));
  return Request(family, NLM_F_DUMP, sequence, command, NL80211_ATTR_IFINDEX,
                 {bytes.data(), bytes.size()});
}

}  // namespace

std::vector<Message> ParseMessages(ByteSpan datagram, std::uint16_t family) {
  std::vector<Message> out;
  std::size_t at = 0;
  while (datagram.size() - at >= NLMSG_HDRLEN && out.size() < kMessagesMax) {
    nlmsghdr header;
    std::memcpy(&header, datagram.data() + at, sizeof(header));
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > datagram.size() - at) break;
    out.push_back(ReadMessage(
        header, {datagram.data() + at + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN}, family));
    at = std::min<std::size_t>(at + NLMSG_ALIGN(header.nlmsg_len), datagram.size());
  }
  return out;
}

Bytes FamilyRequest(std::uint32_t sequence) {
  return Request(GENL_ID_CTRL, 0, sequence, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME,
                 {reinterpret_cast<const std::uint8_t*>(kFamilyName), sizeof(kFamilyName)});
}

Bytes StationDump(std::uint16_t family, std::uint32_t sequence, int interface_index) {
  return Dump(family, sequence, NL80211_CMD_GET_STATION, interface_index);
}

Bytes SurveyDump(std::uint16_t family, std::uint32_t sequence, int interface_index) {
  return Dump(family, sequence, NL80211_CMD_GET_SURVEY, interface_index);
}

}  // namespace selvage::wifi
