// A whole node on a thread of its own: the shipped runtime with one UDP link on loopback.
//
// What selvaged runs, with the store in memory and without TUN and applications.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agents/runtime/node_runtime.h"
#include "transports/transport.h"

namespace selvage::bench {

class BenchNode {
 public:
  struct Options {
    std::string name;
    std::string state_dir;           // admitted (agents/membership/state_files.h)
    std::string listen;              // "127.0.0.1:PORT"
    std::vector<std::string> peers;  // "udp://127.0.0.1:PORT"
    int batch_max = 0;               // frames a system call; 0: as shipped
    std::string thread_name;         // at most 15 characters
  };
  static absl::StatusOr<std::unique_ptr<BenchNode>> Create(const Options& options);
  // Stops and joins the thread.
  ~BenchNode();
  BenchNode(const BenchNode&) = delete;
  BenchNode& operator=(const BenchNode&) = delete;

  // Opens the link and starts the thread.
  absl::Status Start();
  // Runs `function` on the node's thread and waits for its end.
  void Call(const std::function<void()>& function);
  // CPU time that the thread has used so far, nanoseconds.
  std::int64_t CpuNanos() const;

  // ---- on the node's thread (inside Call or a handler), or before Start
  NodeRuntime& runtime();
  const TransportCounters& transport_counters() const;

 private:
  struct Impl;
  explicit BenchNode(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage::bench
