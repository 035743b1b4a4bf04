// selvage-flow: a steady flow of numbered messages through the mesh, counted where it arrives.
//
//   selvage-flow recv --api ENDPOINT --port 7000 --window-events --report-json
//   selvage-flow send --api ENDPOINT --to NODE --port 7000 --rate 1000 --size 200 --seconds 10
//
// Both are applications on the public client library. The receiver ends after the sender's end
// marker, after --seconds, or on SIGINT or SIGTERM, and prints its summary in each case.
#include <sys/types.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "selvage/client.h"
#include "tools/flow/flow_counter.h"
#include "tools/flow/flow_packet.h"

namespace selvage {
namespace flow {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr int kEndMarkers = 20;

volatile std::sig_atomic_t g_stop = 0;
void OnSignal(int) { g_stop = 1; }

struct Arguments {
  std::string api;
  std::string to;
  std::string traffic_class = "telemetry";
  int port = 7000;
  double rate = 1000;
  int size = 200;
  double seconds = 10;
  double receive_seconds = 0;
  double gap_ms = 10;
  double linger = 1.0;
  int tick_ms = 0;
  bool report_json = false;
  bool window_events = false;
};

std::int64_t Nanos(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * std::int64_t{1000000000} + now.tv_nsec;
}
std::int64_t Now() { return Nanos(CLOCK_MONOTONIC); }

void SleepUntil(std::int64_t due_ns) {
  timespec due{static_cast<time_t>(due_ns / 1000000000), static_cast<long>(due_ns % 1000000000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr) == EINTR && g_stop == 0) {
  }
}

std::unique_ptr<Client> Attach(const Arguments& arguments) {
  std::string error;
  auto client = Client::Connect(arguments.api, &error, milliseconds(5000));
  if (client == nullptr) std::fprintf(stderr, "selvage-flow: %s\n", error.c_str());
  return client;
}

struct Answers {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;
  std::string last_error;
};

void Count(Client* client, Answers* answers, milliseconds timeout) {
  Client::Report report;
  while (client->NextReport(&report, timeout)) {
    switch (report.what) {
      case Client::Report::What::kAccepted:
        ++answers->accepted;
        break;
      case Client::Report::What::kRefused:
        ++answers->refused;
        break;
      case Client::Report::What::kDelivered:
        ++answers->delivered;
        break;
      case Client::Report::What::kFailed:
        ++answers->failed;
        break;
      case Client::Report::What::kUnknown:
        ++answers->unknown;
        break;
    }
    if (!report.error.empty()) answers->last_error = report.error;
  }
}

int Send(const Arguments& arguments) {
  Client::Class traffic_class;
  if (!ParseClass(arguments.traffic_class, &traffic_class)) {
    std::fprintf(stderr, "selvage-flow: no class \"%s\"\n", arguments.traffic_class.c_str());
    return 2;
  }
  std::unique_ptr<Client> client = Attach(arguments);
  if (client == nullptr) return 3;
  const auto interval = static_cast<std::int64_t>(1e9 / arguments.rate);
  const auto count = static_cast<std::uint64_t>(arguments.rate * arguments.seconds + 0.5);
  const auto port = static_cast<std::uint16_t>(arguments.port);
  FlowPacket packet;
  packet.run = static_cast<std::uint64_t>(Nanos(CLOCK_REALTIME)) ^
               (static_cast<std::uint64_t>(getpid()) << 48);
  packet.interval_ns = static_cast<std::uint64_t>(interval);
  Answers answers;
  std::int64_t lag_max = 0;
  std::uint64_t not_sent = 0;
  const std::int64_t start = Now();
  for (std::uint64_t tick = 0; tick < count && g_stop == 0; ++tick) {
    packet.due_ns = start + static_cast<std::int64_t>(tick) * interval;
    SleepUntil(packet.due_ns);
    packet.sent_ns = Now();
    lag_max = std::max(lag_max, packet.sent_ns - packet.due_ns);
    std::string payload = packet.Encode(static_cast<std::size_t>(arguments.size));
    // Waiting for a credit is the back-pressure; later messages then follow without a pause.
    if (client->Send(arguments.to, traffic_class, port, payload, milliseconds(1000))) {
      ++packet.sequence;
    } else {
      ++not_sent;
    }
    Count(client.get(), &answers, milliseconds(0));
  }
  const double seconds = static_cast<double>(Now() - start) / 1e9;
  // Several, and spread over more than any outage heals in: telemetry promises nothing.
  packet.end = true;
  for (int i = 0; i < kEndMarkers; ++i) {
    client->Send(arguments.to, traffic_class, port, packet.Encode(0), milliseconds(100));
    Count(client.get(), &answers, milliseconds(0));
    SleepUntil(Now() + 10'000'000);
  }
  Json summary{{"event", "sent"},
               {"sent", packet.sequence},
               {"not_sent", not_sent},
               {"seconds", seconds},
               {"lag_ms_max", static_cast<double>(lag_max) / 1e6},
               {"accepted", answers.accepted},
               {"refused", answers.refused},
               {"delivered", answers.delivered},
               {"failed", answers.failed},
               {"unknown", answers.unknown},
               {"agent_restarts", client->reconnects()},
               {"last_error", answers.last_error}};
  if (arguments.report_json) {
    std::printf("%s\n", summary.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::printf("sent %llu messages in %.1f s, %llu refused, own delay at most %.2f ms\n",
                static_cast<unsigned long long>(packet.sequence), seconds,
                static_cast<unsigned long long>(answers.refused),
                static_cast<double>(lag_max) / 1e6);
    if (!answers.last_error.empty()) std::printf("%s\n", answers.last_error.c_str());
  }
  return packet.sequence > 0 && answers.refused < packet.sequence ? 0 : 1;
}

Json GapJson(const Gap& gap) {
  return Json{{"gap_ms", gap.ms},
              {"at_s", gap.at_s},
              {"after", gap.after},
              {"next", gap.next},
              {"missing", gap.missing}};
}

void PrintSummary(const Arguments& arguments, const FlowSummary& s, std::uint64_t restarts) {
  if (arguments.report_json) {
    Json json{{"event", "summary"},
              {"sent", s.sent},
              {"received", s.received},
              {"lost", s.lost},
              {"duplicates", s.duplicates},
              {"reordered", s.reordered},
              {"late", s.late},
              {"foreign", s.foreign},
              {"delay_ms_median", s.delay_ms_median},
              {"delay_ms_p99", s.delay_ms_p99},
              {"delay_ms_max", s.delay_ms_max},
              {"longest_gap_ms", s.longest.ms},
              {"longest_gap", GapJson(s.longest)},
              {"seconds", s.seconds},
              {"ended", s.ended},
              {"agent_restarts", restarts}};
    std::printf("%s\n", json.dump().c_str());
  } else {
    std::printf(
        "received %llu of %llu, lost %llu, duplicates %llu, late %llu\n"
        "delay median %.2f ms, 99 %% below %.2f ms, at most %.2f ms\n"
        "longest gap %.1f ms, %.3f s after the start, behind message %llu\n",
        static_cast<unsigned long long>(s.received), static_cast<unsigned long long>(s.sent),
        static_cast<unsigned long long>(s.lost), static_cast<unsigned long long>(s.duplicates),
        static_cast<unsigned long long>(s.late), s.delay_ms_median, s.delay_ms_p99, s.delay_ms_max,
        s.longest.ms, s.longest.at_s, static_cast<unsigned long long>(s.longest.after));
  }
  std::fflush(stdout);
}

double UnixSeconds() { return static_cast<double>(Nanos(CLOCK_REALTIME)) / 1e9; }

void PrintCount(const FlowCounter& counter, std::int64_t now) {
  std::printf("%s\n", Json{{"event", "count"},
                           {"unix_s", UnixSeconds()},
                           {"received", counter.received()},
                           {"next", counter.next()},
                           {"silent_ms", counter.SilentMs(now)}}
                          .dump()
                          .c_str());
  std::fflush(stdout);
}

int Receive(const Arguments& arguments) {
  std::unique_ptr<Client> client = Attach(arguments);
  if (client == nullptr) return 3;
  Client::Result bound = client->Bind(static_cast<std::uint16_t>(arguments.port));
  if (!bound) {
    std::fprintf(stderr, "selvage-flow: %s\n", bound.error.c_str());
    return 1;
  }
  if (arguments.window_events) {
    std::printf("%s\n",
                Json{{"event", "ready"}, {"node", client->node_name()}, {"port", arguments.port}}
                    .dump()
                    .c_str());
    std::fflush(stdout);
  }
  FlowCounter counter(arguments.gap_ms);
  std::int64_t end = arguments.receive_seconds > 0
                         ? Now() + static_cast<std::int64_t>(arguments.receive_seconds * 1e9)
                         : INT64_MAX;
  bool lingering = false;
  const std::int64_t tick_ns = std::int64_t{1000000} * arguments.tick_ms;
  std::int64_t next_tick = tick_ns > 0 ? Now() : INT64_MAX;
  const milliseconds patience(tick_ns > 0 ? std::min(arguments.tick_ms, 50) : 50);
  while (g_stop == 0 && Now() < end) {
    Client::Message message;
    Client::Result got = client->Receive(&message, patience);
    std::int64_t now = Now();
    if (now >= next_tick) {
      next_tick = now + tick_ns;
      PrintCount(counter, now);
    }
    if (!got) continue;
    std::optional<Gap> gap = counter.OnMessage(now, message.payload);
    if (gap && arguments.window_events) {
      Json json = GapJson(*gap);
      json["event"] = "gap";
      json["unix_s"] = UnixSeconds();
      std::printf("%s\n", json.dump().c_str());
      std::fflush(stdout);
    }
    if (counter.ended() && !lingering) {
      lingering = true;  // what was held up on the way may still come
      end = std::min(end, now + static_cast<std::int64_t>(arguments.linger * 1e9));
    }
  }
  FlowSummary summary = counter.Summary(Now());
  PrintSummary(arguments, summary, client->reconnects());
  return summary.received > 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  CLI::App app("Sends a steady flow through the mesh, or counts one.", "selvage-flow");
  Arguments arguments;
  app.require_subcommand(1);
  app.footer("Exit status: 0 fine, 1 nothing arrived or was accepted, 2 usage, 3 no agent there.");
  CLI::App* send = app.add_subcommand("send", "send numbered messages at a steady rate");
  CLI::App* recv = app.add_subcommand("recv", "count what arrives");
  for (CLI::App* both : {send, recv}) {
    both->add_option("--api", arguments.api, "the agent's application endpoint, ipc://PATH")
        ->required();
    both->add_option("--port", arguments.port, "port of the receiver")
        ->check(CLI::Range(1, 65535))
        ->capture_default_str();
    both->add_flag("--report-json", arguments.report_json, "closing summary as JSON");
  }
  send->add_option("--to", arguments.to, "receiving node")->required();
  send->add_option("--class", arguments.traffic_class, "traffic class")->capture_default_str();
  send->add_option("--rate", arguments.rate, "messages a second")
      ->check(CLI::Range(0.01, 100000.0))
      ->capture_default_str();
  send->add_option("--size", arguments.size, "bytes of a message")
      ->check(CLI::Range(static_cast<int>(FlowPacket::kBytes),
                         static_cast<int>(Client::kPayloadBytesMax)))
      ->capture_default_str();
  send->add_option("--seconds", arguments.seconds, "how long")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  recv->add_option("--seconds", arguments.receive_seconds,
                   "end after so long; 0: at the end marker")
      ->check(CLI::NonNegativeNumber);
  recv->add_flag("--window-events", arguments.window_events,
                 "a JSON line when ready and for every gap, as it ends");
  recv->add_option("--gap-ms", arguments.gap_ms, "shortest gap to tell of, in ms")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  recv->add_option("--tick-ms", arguments.tick_ms,
                   "a JSON line with the count every so many ms; 0: none")
      ->check(CLI::Range(0, 3600000))
      ->capture_default_str();
  recv->add_option("--linger", arguments.linger, "seconds to go on after the end marker")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return send->parsed() ? Send(arguments) : Receive(arguments);
}

}  // namespace
}  // namespace flow
}  // namespace selvage

int main(int argc, char** argv) { return selvage::flow::Main(argc, argv); }
