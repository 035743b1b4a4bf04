#include "tools/bench/relay_bench.h"

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <ctime>
#include <memory>
#include <string>
#include <thread>

#include "agents/delivery/payload.h"
#include "agents/membership/state_files.h"
#include "core/frame.h"
#include "tools/bench/bare_relay.h"
#include "tools/bench/bench_node.h"
#include "tools/bench/loopback.h"
#include "tools/bench/pacer.h"
#include "tools/bench/sample.h"
#include "tools/bench/scratch.h"

namespace selvage::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::uint16_t kPort = 7;
constexpr std::chrono::seconds kJoinTimeout{20};
// After a change of sides: queues fill, caches and hellos settle.
constexpr std::chrono::milliseconds kSettle{60};
// Sealed frame (7 + 16), data chunk and header, end-to-end tag, payload header.
constexpr std::size_t kFrameOverhead =
    7 + kTagBytes + kDataHeaderBytesMin + kTagBytes + kPayloadHeaderBytes;

// What one side did between two readings.
struct Reading {
  std::uint64_t offered = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t arrived = 0;
  std::uint64_t system_calls = 0;
  std::int64_t cpu_ns = 0;
  steady_clock::time_point at;

  Reading operator-(const Reading& o) const {
    return {offered - o.offered, forwarded - o.forwarded,
            arrived - o.arrived, system_calls - o.system_calls,
            cpu_ns - o.cpu_ns,   steady_clock::time_point() + (at - o.at)};
  }
  double seconds() const { return std::chrono::duration<double>(at.time_since_epoch()).count(); }
};

// The three nodes, with a paced source at A and a counter at B.
class RealRelay {
 public:
  ~RealRelay() {
    if (a_ == nullptr) return;
    a_->Call([this] { a_->runtime().reactor().RemoveFd(pacer_.fd()); });
  }

  // `batch` bounds what R moves a system call; A and B are as shipped.
  absl::Status Start(int size, int batch, const std::string& directory) {
    if (absl::Status s = CreateNetwork(directory + "/net", "bench"); !s.ok()) return s;
    const std::uint16_t ports[] = {FreePort(), FreePort(), FreePort()};
    auto udp = [](std::uint16_t port) { return "udp://127.0.0.1:" + std::to_string(port); };
    const std::vector<std::vector<std::string>> peers = {
        {udp(ports[1])}, {udp(ports[0]), udp(ports[2])}, {udp(ports[1])}};
    std::unique_ptr<BenchNode>* const nodes[] = {&a_, &r_, &b_};
    const char* const names[] = {"source", "relay", "sink"};
    NodeId ids[3];
    for (int i = 0; i < 3; ++i) {
      AdmitOptions admit;
      admit.now = static_cast<WallSeconds>(std::time(nullptr));
      BenchNode::Options o;
      o.name = names[i];
      o.state_dir = directory + "/" + names[i];
      auto certificate = AdmitNode(directory + "/net", names[i], o.state_dir, admit);
      if (!certificate.ok()) return certificate.status();
      ids[i] = certificate->id;
      o.listen = "127.0.0.1:" + std::to_string(ports[i]);
      o.peers = peers[static_cast<std::size_t>(i)];
      if (i == 1) o.batch_max = batch;
      o.thread_name = std::string("real-") + names[i];
      auto node = BenchNode::Create(o);
      if (!node.ok()) return node.status();
      *nodes[i] = *std::move(node);
    }
    message_.to = ids[2];
    message_.traffic_class = TrafficClass::kTelemetry;
    message_.port = kPort;
    message_.payload.assign(static_cast<std::size_t>(size) - kFrameOverhead, 0x5a);
    b_->runtime().SetDeliverHandler(kPort, [this](const Deliver&) {
      arrived_.store(arrived_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    });
    a_->runtime().reactor().AddFd(pacer_.fd(), [this] { Offer(pacer_.Take()); });
    for (auto* node : nodes) {
      if (absl::Status s = (*node)->Start(); !s.ok()) return s;
    }
    return Join();
  }

  void SetRate(double rate, int burst) {
    a_->Call([&] { rate > 0 ? pacer_.Start(rate, burst) : pacer_.Stop(); });
  }

  Reading Read() {
    Reading reading;
    a_->Call([&] { reading.offered = offered_; });
    r_->Call([&] {
      const auto counters = r_->runtime().core().Counters();
      reading.forwarded = counters.at("frames_forwarded_total");
      reading.system_calls = r_->transport_counters().system_calls;
      reading.cpu_ns = r_->CpuNanos();
      reading.at = steady_clock::now();
    });
    reading.arrived = arrived_.load(std::memory_order_relaxed);
    return reading;
  }

  // Bytes of a data frame that R sent, as its counters have it: includes what rode along.
  double FrameBytes() {
    double bytes = 0;
    r_->Call([&] {
      const auto c = r_->runtime().core().Counters();
      const auto frames = c.at("data_frames_sent_total");
      if (frames > 0) {
        bytes = static_cast<double>(c.at("data_bytes_sent_total")) / static_cast<double>(frames);
      }
    });
    return bytes;
  }

 private:
  void Offer(std::uint64_t count) {
    std::string reason;
    for (; count > 0; --count) {
      if (a_->runtime().Submit(message_, &reason) != 0) ++offered_;
    }
  }

  // Until a first message has come through.
  absl::Status Join() {
    const auto deadline = steady_clock::now() + kJoinTimeout;
    while (arrived_.load() == 0) {
      if (steady_clock::now() > deadline) {
        return absl::DeadlineExceededError("the three nodes on 127.0.0.1 did not join within 20 s");
      }
      a_->Call([this] { Offer(1); });
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return absl::OkStatus();
  }

  Pacer pacer_;
  Message message_;
  std::uint64_t offered_ = 0;  // thread of A
  std::atomic<std::uint64_t> arrived_{0};
  std::unique_ptr<BenchNode> a_;
  std::unique_ptr<BenchNode> r_;
  std::unique_ptr<BenchNode> b_;
};

Reading ReadBare(const BareRelay& bare) {
  const BareRelay::Counters c = bare.Read();
  return {0, c.forwarded, c.received_at_sink, c.system_calls, c.cpu_ns, steady_clock::now()};
}

// All slices of one side.
struct Side {
  Sample cpu_ns_per_packet;
  Sample core_share;
  Sample packets_per_second;
  Sample system_calls_per_packet;

  // False when nothing came through.
  bool Add(const Reading& d) {
    if (d.forwarded == 0) return false;
    const auto packets = static_cast<double>(d.forwarded);
    cpu_ns_per_packet.Add(static_cast<double>(d.cpu_ns) / packets);
    core_share.Add(static_cast<double>(d.cpu_ns) / 1e9 / d.seconds());
    packets_per_second.Add(packets / d.seconds());
    system_calls_per_packet.Add(static_cast<double>(d.system_calls) / packets);
    return true;
  }
};

absl::StatusOr<nlohmann::json> RunBatch(const RelayOptions& options, int batch) {
  auto directory = ScratchDirectory::Create();
  if (!directory.ok()) return directory.status();
  RealRelay relay;
  RealRelay* const real = &relay;
  if (absl::Status s = relay.Start(options.size, batch, directory->path()); !s.ok()) return s;
  auto bare = BareRelay::Create({options.size, batch});
  if (!bare.ok()) return bare.status();
  const auto slice = std::chrono::duration_cast<steady_clock::duration>(
      std::chrono::duration<double>(options.slice_seconds));
  const int pairs =
      std::max(1, static_cast<int>(std::lround(options.seconds / 2 / options.slice_seconds)));
  Side real_side;
  Side bare_side;
  Sample ratio;
  std::uint64_t offered = 0;
  std::uint64_t arrived = 0;
  for (int i = 0; i < pairs; ++i) {
    real->SetRate(options.rate, batch);
    std::this_thread::sleep_for(kSettle);
    const Reading real_before = real->Read();
    std::this_thread::sleep_for(slice);
    const Reading real_done = real->Read() - real_before;
    real->SetRate(0, batch);
    offered += real_done.offered;
    arrived += real_done.arrived;

    (*bare)->SetRate(options.rate);
    std::this_thread::sleep_for(kSettle);
    const Reading bare_before = ReadBare(**bare);
    std::this_thread::sleep_for(slice);
    const Reading bare_done = ReadBare(**bare) - bare_before;
    (*bare)->SetRate(0);
    if (!real_side.Add(real_done) || !bare_side.Add(bare_done)) continue;
    ratio.Add(static_cast<double>(real_done.cpu_ns) / static_cast<double>(real_done.forwarded) /
              (static_cast<double>(bare_done.cpu_ns) / static_cast<double>(bare_done.forwarded)));
  }
  if (ratio.size() == 0) return absl::UnavailableError("no packet came through in any slice");
  auto side = [](const Side& s) {
    return nlohmann::json{{"cpu_ns_per_packet", s.cpu_ns_per_packet.ToJson()},
                          {"core_share", s.core_share.ToJson()},
                          {"packets_per_second", s.packets_per_second.ToJson()},
                          {"system_calls_per_packet", s.system_calls_per_packet.ToJson()}};
  };
  return nlohmann::json{{"batch", batch},
                        {"cpu_ns_per_packet", real_side.cpu_ns_per_packet.Median()},
                        {"bare_cpu_ns_per_packet", bare_side.cpu_ns_per_packet.Median()},
                        {"ratio", ratio.Median()},
                        {"ratio_min", ratio.Min()},
                        {"ratio_max", ratio.Max()},
                        {"core_share", real_side.core_share.Median()},
                        {"bare_core_share", bare_side.core_share.Median()},
                        {"frame_bytes", real->FrameBytes()},
                        {"offered", offered},
                        {"arrived", arrived},
                        {"real", side(real_side)},
                        {"bare", side(bare_side)}};
}

}  // namespace

absl::StatusOr<nlohmann::json> RunRelayBench(const RelayOptions& options) {
  prctl(PR_SET_TIMERSLACK, 1);  // inherited by every thread made from here
  nlohmann::json out{{"size", options.size},
                     {"rate", options.rate},
                     {"seconds", options.seconds},
                     {"runs", nlohmann::json::array()}};
  for (int batch : options.batches) {
    auto run = RunBatch(options, batch);
    if (!run.ok()) return run.status();
    out["runs"].push_back(*std::move(run));
  }
  // The summary is the worst of the runs.
  const auto worst =
      std::max_element(out["runs"].begin(), out["runs"].end(),
                       [](const auto& a, const auto& b) { return a["ratio"] < b["ratio"]; });
  for (const char* key : {"batch", "cpu_ns_per_packet", "bare_cpu_ns_per_packet", "ratio"}) {
    out[key] = (*worst)[key];
  }
  return out;
}

}  // namespace selvage::bench
