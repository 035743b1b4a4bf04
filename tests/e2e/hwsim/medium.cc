// hwsim_medium: the air between radios of mac80211_hwsim, with a signal of its own for each pair.
//
//   hwsim_medium CONTROL [SEED] > report.json
//
// The kernel's own medium gives one strength to all and loses nothing. A program that registers on
// the driver's generic netlink family gets each frame instead, and says who hears it how well and
// whether it was acknowledged. Here a frame is lost by chance, as its signal and its rate have it,
// and the sender tries the rates that its rate control asked for, as a card does.
//
// CONTROL is a FIFO; a line "signal FROM TO DBM [DB_PER_S]" sets what radio TO hears of FROM, at
// once or moving there at that speed. Radios count from 0. The report has a JSON line a second for
// each pair with unicast data (frames, attempts, frames that never arrived, signal), and one for
// the first frame that was lost after each command. Air time and collisions are left out.
//
// Needs CAP_NET_ADMIN, in the namespace in which the radios were made. Ends on SIGTERM. One thread.
// Source of numbers: drivers/net/wireless/mac80211_hwsim.h of Linux 6.1 (no uapi header has them).
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <random>
#include <string>

namespace {

constexpr char kFamily[] = "MAC80211_HWSIM";
enum Command : std::uint8_t { kRegister = 1, kFrame = 2, kTxInfo = 3 };
enum Attribute : std::uint16_t {
  kReceiver = 1,
  kTransmitter = 2,
  kFrameBytes = 3,
  kFlags = 4,
  kRxRate = 5,
  kSignal = 6,
  kRates = 7,
  kCookie = 8,
  kFrequency = 19,
  kRateFlags = 21,
};
constexpr std::uint32_t kNoAck = 1 << 1;
constexpr std::uint32_t kAcked = 1 << 2;
constexpr std::uint16_t kIsMcs = 1 << 3;

constexpr int kRadios = 8;
constexpr int kTries = 4;  // rates of a frame
constexpr double kDefaultDbm = -50;
constexpr double kSpreadDb = 1;  // from frame to frame, standard deviation
constexpr int kAckBytes = 14;

// dBm at which one frame of 1,000 bytes in ten is lost: IEEE 802.11-2016, tables 17-18 (OFDM), 15.4
// and 16.3 (DSSS, CCK), in the order in which the driver numbers its rates: 1, 2, 5.5, 11, 6, 9,
// 12, 18, 24, 36, 48, 54 Mb/s. These are the least that is allowed; good cards hear 5 to 10 dB
// more.
constexpr std::array<double, 12> kSensitivityDbm = {-80, -80, -76, -76, -82, -81,
                                                    -79, -77, -74, -70, -66, -65};
constexpr double kSteepnessDb = 0.7;  // from 10 % to 90 % of losses in some 3 dB

// A logistic curve through the sensitivity of the rate. Far above it losses are proportional to
// the length, as bit errors are.
double LossProbability(double dbm, int rate, std::size_t bytes) {
  const double over = (dbm - kSensitivityDbm[static_cast<std::size_t>(rate)]) / kSteepnessDb;
  return 1 / (1 + 9 * (1000.0 / static_cast<double>(bytes)) * std::exp(over));
}

volatile std::sig_atomic_t g_stop = 0;
void OnSignal(int) { g_stop = 1; }

double Now() {  // seconds; the clock of the agents' events too
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// One generic netlink message in the making.
class Request {
 public:
  Request(std::uint16_t family, std::uint8_t command) : bytes_(NLMSG_HDRLEN + GENL_HDRLEN, '\0') {
    header_.nlmsg_type = family;
    header_.nlmsg_flags = NLM_F_REQUEST;
    bytes_[NLMSG_HDRLEN] = static_cast<char>(command);
    bytes_[NLMSG_HDRLEN + 1] = 1;  // version
  }
  Request& Put(std::uint16_t type, const void* data, std::size_t size) {
    const nlattr attribute{static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
    bytes_.append(reinterpret_cast<const char*>(&attribute), sizeof(attribute));
    bytes_.append(static_cast<const char*>(data), size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()), '\0');
    return *this;
  }
  Request& Put(std::uint16_t type, std::uint32_t value) { return Put(type, &value, sizeof(value)); }
  Request& Put(std::uint16_t type, const std::string& value) {
    return Put(type, value.data(), value.size());
  }
  bool Send(int fd, bool acknowledge = false) {
    header_.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    if (acknowledge) header_.nlmsg_flags |= NLM_F_ACK;
    std::memcpy(bytes_.data(), &header_, sizeof(header_));
    return send(fd, bytes_.data(), bytes_.size(), 0) == static_cast<ssize_t>(bytes_.size());
  }

 private:
  nlmsghdr header_{};
  std::string bytes_;
};

using Attributes = std::map<std::uint16_t, std::string>;

Attributes ReadAttributes(const char* at, std::size_t left) {
  Attributes out;
  while (left >= sizeof(nlattr)) {
    nlattr header;
    std::memcpy(&header, at, sizeof(header));
    if (header.nla_len < sizeof(header) || header.nla_len > left) break;
    out[header.nla_type & NLA_TYPE_MASK].assign(at + NLA_HDRLEN, header.nla_len - NLA_HDRLEN);
    const std::size_t step = std::min<std::size_t>(NLA_ALIGN(header.nla_len), left);
    at += step;
    left -= step;
  }
  return out;
}

template <typename T>
T Read(const Attributes& attributes, std::uint16_t type, T otherwise) {
  const auto found = attributes.find(type);
  if (found == attributes.end() || found->second.size() < sizeof(T)) return otherwise;
  T out;
  std::memcpy(&out, found->second.data(), sizeof(T));
  return out;
}

// Whether rate control asked for a rate that is none of the twelve.
bool UsesHt(const Attributes& in) {
  const auto found = in.find(kRateFlags);
  if (found == in.end()) return false;
  const std::string& each = found->second;  // a byte and 16 bits, packed
  for (std::size_t at = 0; at + 3 <= each.size(); at += 3) {
    std::uint16_t flags;
    std::memcpy(&flags, each.data() + at + 1, sizeof(flags));
    if (each[at] >= 0 && (flags & kIsMcs) != 0) return true;
  }
  return false;
}

// What one radio hears of another.
struct Path {
  double dbm = kDefaultDbm;  // at since_s
  double target_dbm = kDefaultDbm;
  double db_per_s = 0;
  double since_s = 0;
  bool lost_told = true;
  // Unicast data, since the last line of the report.
  unsigned frames = 0, attempts = 0, lost = 0;

  double At(double now_s) const {
    const double moved = db_per_s * (now_s - since_s);
    return target_dbm < dbm ? std::max(target_dbm, dbm - moved) : std::min(target_dbm, dbm + moved);
  }
};

class Medium {
 public:
  Medium(int fd, unsigned seed) : fd_(fd), random_(seed) {}

  bool Register();
  void OnDatagram(const std::string& datagram);
  void OnCommand(const std::string& line);
  void Report();

 private:
  bool Ask(Request request, const char* what);
  void OnFrame(const Attributes& in);
  // Tries until `to` has it and says so; the tries made replace those asked for.
  bool SendUnicast(int from, int to, std::size_t bytes, std::string* rates, double* dbm, int* rate,
                   bool* arrived);
  bool Passes(int from, int to, int rate, std::size_t bytes, double* dbm);
  void Deliver(const Attributes& in, int to, int rate, double dbm);
  void Answer(const Attributes& in, std::uint32_t flags, const std::string& rates, double dbm);

  const int fd_;
  std::uint16_t family_ = 0;
  std::mt19937 random_;
  std::array<std::array<Path, kRadios>, kRadios> paths_;
  std::array<std::string, kRadios> ids_;     // as the driver calls the radios; empty: never seen
  std::map<std::string, int> radio_of_mac_;  // as seen in what they send
  unsigned refused_ = 0;
};

bool Medium::Ask(Request request, const char* what) {
  if (!request.Send(fd_, true)) return false;
  for (;;) {
    char buffer[16384];
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    if (got < static_cast<ssize_t>(NLMSG_HDRLEN)) return false;
    nlmsghdr header;
    std::memcpy(&header, buffer, sizeof(header));
    if (header.nlmsg_type == NLMSG_ERROR) {
      nlmsgerr error;
      std::memcpy(&error, buffer + NLMSG_HDRLEN, sizeof(error));
      if (error.error != 0) std::fprintf(stderr, "%s: %s\n", what, std::strerror(-error.error));
      return error.error == 0;
    }
    if (header.nlmsg_type == GENL_ID_CTRL) {
      const std::size_t skip = NLMSG_HDRLEN + GENL_HDRLEN;
      family_ = Read<std::uint16_t>(ReadAttributes(buffer + skip, header.nlmsg_len - skip),
                                    CTRL_ATTR_FAMILY_ID, 0);
    }
  }
}

bool Medium::Register() {
  Request who(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
  who.Put(CTRL_ATTR_FAMILY_NAME, kFamily, sizeof(kFamily));
  return Ask(std::move(who), "no mac80211_hwsim") && family_ != 0 &&
         Ask(Request(family_, kRegister), "cannot become the medium");
}

bool Medium::Passes(int from, int to, int rate, std::size_t bytes, double* dbm) {
  const Path& path = paths_[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
  *dbm = path.At(Now()) + std::normal_distribution<>(0, kSpreadDb)(random_);
  return std::uniform_real_distribution<>(0, 1)(random_) >= LossProbability(*dbm, rate, bytes);
}

bool Medium::SendUnicast(int from, int to, std::size_t bytes, std::string* rates, double* dbm,
                         int* rate, bool* arrived) {
  Path& path = paths_[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
  for (std::size_t i = 0; i < kTries; ++i) {
    const int idx = static_cast<signed char>((*rates)[2 * i]);
    if (idx < 0 || idx >= static_cast<int>(kSensitivityDbm.size())) break;
    const auto count = static_cast<unsigned char>((*rates)[2 * i + 1]);
    for (unsigned char made = 1; made <= count; ++made) {
      ++path.attempts;
      double heard_dbm = 0;
      if (!Passes(from, to, idx, bytes, &heard_dbm)) continue;
      if (!*arrived) {  // what comes again is thrown away there
        *arrived = true;
        *dbm = heard_dbm;
        *rate = idx;
      }
      double ack_dbm = 0;
      if (!Passes(to, from, idx, kAckBytes, &ack_dbm)) continue;
      (*rates)[2 * i + 1] = static_cast<char>(made);
      for (std::size_t rest = i + 1; rest < kTries; ++rest) (*rates)[2 * rest] = -1;
      return true;
    }
  }
  return false;
}

void Medium::Deliver(const Attributes& in, int to, int rate, double dbm) {
  Request out(family_, kFrame);
  out.Put(kReceiver, ids_[static_cast<std::size_t>(to)]).Put(kFrameBytes, in.at(kFrameBytes));
  out.Put(kRxRate, static_cast<std::uint32_t>(rate));
  out.Put(kSignal, static_cast<std::uint32_t>(static_cast<std::int32_t>(std::lround(dbm))));
  const auto frequency = in.find(kFrequency);
  if (frequency != in.end()) out.Put(kFrequency, frequency->second);
  out.Send(fd_);
}

void Medium::Answer(const Attributes& in, std::uint32_t flags, const std::string& rates,
                    double dbm) {
  Request out(family_, kTxInfo);
  out.Put(kTransmitter, in.at(kTransmitter)).Put(kFlags, flags).Put(kRates, rates);
  out.Put(kSignal, static_cast<std::uint32_t>(static_cast<std::int32_t>(std::lround(dbm))));
  out.Put(kCookie, in.at(kCookie));
  out.Send(fd_);
}

void Medium::OnFrame(const Attributes& in) {
  if (in.count(kTransmitter) == 0 || in.count(kFrameBytes) == 0 || in.count(kCookie) == 0) return;
  const std::string& id = in.at(kTransmitter);
  const std::string& frame = in.at(kFrameBytes);
  const auto asked = in.find(kRates);
  std::string rates = asked == in.end() ? std::string() : asked->second;
  if (UsesHt(in)) {
    std::fprintf(stderr, "rates of HT are not known here: join without\n");
    g_stop = 1;
    return;
  }
  // An 802.11 header: frame control, duration, to whom, from whom.
  if (id.size() != 6 || frame.size() < 24 || rates.size() < 2 * kTries) return;
  const int from = static_cast<unsigned char>(id[4]);  // 42:00:00:00:N:00
  if (from >= kRadios) return;
  ids_[static_cast<std::size_t>(from)] = id;
  radio_of_mac_[frame.substr(10, 6)] = from;
  const std::string to_mac = frame.substr(4, 6);
  const bool data = (frame[0] & 0x0c) == 0x08;
  std::uint32_t flags = Read<std::uint32_t>(in, kFlags, 0);
  double dbm = kDefaultDbm;
  int rate = 0;
  if ((to_mac[0] & 1) != 0) {
    const int idx = std::clamp<int>(static_cast<signed char>(rates[0]), 0,
                                    static_cast<int>(kSensitivityDbm.size()) - 1);
    for (int to = 0; to < kRadios; ++to) {
      if (to == from || ids_[static_cast<std::size_t>(to)].empty()) continue;
      if (Passes(from, to, idx, frame.size(), &dbm)) Deliver(in, to, idx, dbm);
    }
  } else {
    const auto known = radio_of_mac_.find(to_mac);
    bool arrived = false;
    bool acked = false;
    if (known != radio_of_mac_.end() && known->second != from) {
      const int to = known->second;
      acked = SendUnicast(from, to, frame.size(), &rates, &dbm, &rate, &arrived);
      if (arrived) Deliver(in, to, rate, dbm);
      Path& path = paths_[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
      path.frames += data ? 1 : 0;
      if (data && !arrived) {
        ++path.lost;
        if (!path.lost_told) {
          path.lost_told = true;
          std::printf(
              "{\"event\":\"first_lost\",\"monotonic_s\":%.3f,\"from\":%d,\"to\":%d,"
              "\"dbm\":%.1f,\"bytes\":%zu}\n",
              Now(), from, to, path.At(Now()), frame.size());
        }
      }
    }
    if (acked && (flags & kNoAck) == 0) flags |= kAcked;
  }
  Answer(in, flags, rates, dbm);
}

void Medium::OnDatagram(const std::string& datagram) {
  std::size_t at = 0;
  while (datagram.size() - at >= NLMSG_HDRLEN + GENL_HDRLEN) {
    nlmsghdr header;
    std::memcpy(&header, datagram.data() + at, sizeof(header));
    if (header.nlmsg_len < NLMSG_HDRLEN + GENL_HDRLEN || header.nlmsg_len > datagram.size() - at) {
      return;
    }
    const char* body = datagram.data() + at + NLMSG_HDRLEN;
    if (header.nlmsg_type == NLMSG_ERROR) {
      ++refused_;  // a radio that is switched off, or a frame that is no longer waited for
    } else if (header.nlmsg_type == family_ && body[0] == kFrame) {
      OnFrame(ReadAttributes(body + GENL_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN));
    }
    at = std::min<std::size_t>(at + NLMSG_ALIGN(header.nlmsg_len), datagram.size());
  }
}

void Medium::OnCommand(const std::string& line) {
  int from = -1;
  int to = -1;
  double dbm = 0;
  double db_per_s = 0;
  const int read = std::sscanf(line.c_str(), "signal %d %d %lf %lf", &from, &to, &dbm, &db_per_s);
  if (read < 3 || from < 0 || to < 0 || from >= kRadios || to >= kRadios || db_per_s < 0) {
    std::fprintf(stderr, "not understood: %s\n", line.c_str());
    return;
  }
  Path& path = paths_[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
  const double now = Now();
  path.dbm = db_per_s > 0 ? path.At(now) : dbm;
  path.target_dbm = dbm;
  path.db_per_s = db_per_s;
  path.since_s = now;
  path.lost_told = false;
}

void Medium::Report() {
  for (int from = 0; from < kRadios; ++from) {
    for (int to = 0; to < kRadios; ++to) {
      Path& path = paths_[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)];
      if (path.attempts == 0) continue;
      std::printf(
          "{\"event\":\"second\",\"monotonic_s\":%.3f,\"from\":%d,\"to\":%d,\"dbm\":%.1f,"
          "\"frames\":%u,\"attempts\":%u,\"lost\":%u,\"refused\":%u}\n",
          Now(), from, to, path.At(Now()), path.frames, path.attempts, path.lost, refused_);
      path.frames = path.attempts = path.lost = 0;
    }
  }
  std::fflush(stdout);
}

int Run(const char* control_path, unsigned seed) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
  const int buffer_bytes = 4 << 20;
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0) return 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes));
  // Open for writing too, so that it does not end when a writer closes it.
  const int control = open(control_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (control < 0) {
    std::perror(control_path);
    return 1;
  }
  Medium medium(fd, seed);
  if (!medium.Register()) return 1;
  std::string commands;
  double report_at = Now() + 1;
  while (g_stop == 0) {
    pollfd waiting[2] = {{fd, POLLIN, 0}, {control, POLLIN, 0}};
    const double left_s = std::max(report_at - Now(), 0.0);
    if (poll(waiting, 2, static_cast<int>(left_s * 1000) + 1) < 0 && errno != EINTR) return 1;
    char buffer[65536];
    if ((waiting[0].revents & (POLLIN | POLLERR)) != 0) {
      const ssize_t got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (got > 0) medium.OnDatagram(std::string(buffer, static_cast<std::size_t>(got)));
      if (got < 0 && errno == ENOBUFS) std::fprintf(stderr, "frames came faster than were read\n");
    }
    if ((waiting[1].revents & POLLIN) != 0) {
      const ssize_t got = read(control, buffer, 4096);
      if (got > 0) commands.append(buffer, static_cast<std::size_t>(got));
      for (auto end = commands.find('\n'); end != std::string::npos; end = commands.find('\n')) {
        medium.OnCommand(commands.substr(0, end));
        commands.erase(0, end + 1);
      }
    }
    if (Now() < report_at) continue;
    medium.Report();
    report_at += 1;
  }
  medium.Report();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "hwsim_medium CONTROL [SEED]\n");
    return 2;
  }
  std::signal(SIGTERM, OnSignal);
  std::signal(SIGINT, OnSignal);
  return Run(argv[1], argc > 2 ? static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10)) : 1U);
}
