// send, recv: messages through the agent's application API.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "selvage/client.h"
#include "tools/cli/cli.h"

namespace selvage {
namespace cli {
namespace {

// Ports are the applications' business; `send` and `recv` meet on this one unless told otherwise.
constexpr std::uint16_t kPort = 4000;

struct Arguments {
  std::string to;
  std::string traffic_class = "reliable";
  std::uint16_t port = kPort;
  std::string text;
  bool text_given = false;
  double wait_s = 0;
  double deadline_s = 0;
  bool lines = false;
  std::uint64_t count = 0;
  double for_s = 0;
};

std::unique_ptr<Client> Attach(const Options& options, int* exit) {
  auto status = Ask(options, Json{{"command", "status"}});
  if (!status.ok()) {
    *exit = Fail(status.status());
    return nullptr;
  }
  std::string endpoint = Text(*status, "api");
  if (endpoint.empty()) {
    *exit = Fail(kNo,
                 "applications cannot attach to this agent: its configuration has no [api] "
                 "endpoint");
    return nullptr;
  }
  std::string error;
  auto client = Client::Connect(endpoint, &error, options.timeout());
  if (client == nullptr) *exit = Fail(kNo, error);
  return client;
}

// Everything on stdin up to what a message holds.
absl::StatusOr<std::string> ReadPayload() {
  std::string out;
  char buffer[4096];
  for (;;) {
    ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (n == 0) return out;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return absl::InternalError(std::string("cannot read stdin: ") + strerror(errno));
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > Client::kPayloadBytesMax) {
      return absl::InvalidArgumentError("a message has at most " +
                                        std::to_string(Client::kPayloadBytesMax) + " bytes");
    }
  }
}

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1e3));
}

// Waits for the receipt of `request`.
int AwaitReceipt(Client& client, const Arguments& arguments, std::uint64_t request, Json* result) {
  auto end = std::chrono::steady_clock::now() + Milliseconds(arguments.wait_s);
  for (;;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    Client::Report report;
    Client::Result got = client.NextReport(&report, std::max(left, std::chrono::milliseconds(0)));
    if (!got && left.count() <= 0) {
      return Fail(kNo, "accepted, but no receipt in time; the message is kept and tried on");
    }
    if (!got || report.request != request) continue;
    (*result)["delivered"] = report.what == Client::Report::What::kDelivered;
    if (report.what == Client::Report::What::kDelivered) return kFine;
    return Fail(kNo, "not delivered: " + report.error);
  }
}

// Each line of stdin as a message, as they come; one answer a line.
int SendLines(const Options& options, const Arguments& arguments, Client::Class traffic_class) {
  int exit = kFine;
  std::unique_ptr<Client> client = Attach(options, &exit);
  if (client == nullptr) return exit;
  std::string line;
  for (std::uint64_t number = 0; std::getline(std::cin, line); ++number) {
    Client::Result sent =
        client->SendAndConfirm(arguments.to, traffic_class, arguments.port, line,
                               options.timeout(), Milliseconds(arguments.deadline_s));
    if (!sent) exit = kNo;
    if (options.json) {
      PrintJson(
          Json{{"line", number}, {"accepted", static_cast<bool>(sent)}, {"error", sent.error}});
    } else if (!sent) {
      std::printf("line %llu not accepted: %s\n", static_cast<unsigned long long>(number),
                  sent.error.c_str());
    }
    std::fflush(stdout);
  }
  return exit;
}

int SendOne(const Options& options, const Arguments& arguments) {
  Client::Class traffic_class;
  if (!ParseClass(arguments.traffic_class, &traffic_class)) {
    return Fail(kUsage, "no such class \"" + arguments.traffic_class +
                            "\"; there are: critical, reliable, telemetry, bulk");
  }
  bool promised =
      traffic_class == Client::Class::kCritical || traffic_class == Client::Class::kReliable;
  if (arguments.wait_s > 0 && !promised) {
    return Fail(kUsage, "--wait is for critical and reliable: nothing else has receipts");
  }
  if (arguments.lines) return SendLines(options, arguments, traffic_class);
  absl::StatusOr<std::string> payload = arguments.text;
  if (!arguments.text_given) payload = ReadPayload();
  if (!payload.ok()) return Fail(payload.status());
  int exit = kFine;
  std::unique_ptr<Client> client = Attach(options, &exit);
  if (client == nullptr) return exit;
  Client::Result sent = client->SendAndConfirm(arguments.to, traffic_class, arguments.port,
                                               *payload, options.timeout(),
                                               Milliseconds(arguments.deadline_s));
  if (!sent) {
    return Fail(sent.code == Client::Code::kInvalid ? kUsage : kNo, "not accepted: " + sent.error);
  }
  Json result{{"to", arguments.to},
              {"class", arguments.traffic_class},
              {"port", arguments.port},
              {"bytes", payload->size()},
              {"accepted", true}};
  if (arguments.wait_s > 0) exit = AwaitReceipt(*client, arguments, sent.request, &result);
  if (options.json) {
    PrintJson(result);
  } else if (exit == kFine) {
    std::printf("%zu bytes %s\n", payload->size(),
                arguments.wait_s > 0 ? "delivered"
                : promised           ? "accepted, on disk"
                                     : "handed over");
  }
  return exit;
}

void PrintMessage(const Options& options, const Client::Message& message) {
  if (!options.json) {
    std::fwrite(message.payload.data(), 1, message.payload.size(), stdout);
    if (message.payload.empty() || message.payload.back() != '\n') std::fputc('\n', stdout);
    std::fflush(stdout);
    return;
  }
  std::string hex;
  for (unsigned char c : message.payload) {
    char two[3];
    std::snprintf(two, sizeof(two), "%02x", c);
    hex += two;
  }
  PrintJson(Json{{"from", message.from},
                 {"from_id", message.from_id},
                 {"port", message.port},
                 {"class", ToString(message.traffic_class)},
                 {"payload", message.payload},
                 {"payload_hex", hex}});
}

int ReceiveSome(const Options& options, const Arguments& arguments) {
  int exit = kFine;
  std::unique_ptr<Client> client = Attach(options, &exit);
  if (client == nullptr) return exit;
  Client::Result bound = client->Bind(arguments.port, options.timeout());
  if (!bound) return Fail(kNo, bound.error);
  auto end = std::chrono::steady_clock::now() + Milliseconds(arguments.for_s);
  std::uint64_t reconnects = 0;
  for (std::uint64_t got = 0; arguments.count == 0 || got < arguments.count;) {
    Client::Message message;
    Client::Result result = client->Receive(&message, std::chrono::milliseconds(250));
    if (result) {
      PrintMessage(options, message);
      ++got;
    }
    if (client->reconnects() != reconnects) {
      reconnects = client->reconnects();
      std::fprintf(stderr, "selvage: the agent was away and is back\n");
    }
    if (std::ferror(stdout) != 0) return kNo;
    if (arguments.for_s > 0 && std::chrono::steady_clock::now() >= end) {
      if (arguments.count == 0 || got >= arguments.count) return kFine;
      return Fail(kNo, "received " + std::to_string(got) + " of " +
                           std::to_string(arguments.count) + " messages in time");
    }
  }
  return kFine;
}

}  // namespace

void AddMessages(CLI::App* app, const Options* options, int* exit) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* send = app->add_subcommand("send", "send a message: --text, or what is on stdin");
  send->add_option("--to", arguments->to, "node: name, id or address")->required();
  send->add_option("--class", arguments->traffic_class, "critical, reliable, telemetry or bulk")
      ->capture_default_str();
  send->add_option("--port", arguments->port, "port of the receiving application")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  CLI::Option* text = send->add_option("--text", arguments->text, "the message");
  send->add_option("--wait", arguments->wait_s, "wait so many seconds for the receipt")
      ->check(CLI::NonNegativeNumber);
  send->add_option("--deadline", arguments->deadline_s,
                   "seconds after which the message is given up; 0: the class's own")
      ->check(CLI::Range(0.0, 4294967.0));
  send->add_flag("--lines", arguments->lines, "each line of stdin is a message; one answer a line");
  send->callback([=] {
    arguments->text_given = text->count() > 0;
    *exit = SendOne(*options, *arguments);
  });

  CLI::App* recv = app->add_subcommand("recv", "print the messages that come to a port");
  recv->add_option("--port", arguments->port, "port to receive on")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  recv->add_option("--count", arguments->count, "end after so many; 0: never");
  recv->add_option("--for", arguments->for_s, "end after so many seconds; 0: never")
      ->check(CLI::NonNegativeNumber);
  recv->callback([=] { *exit = ReceiveSome(*options, *arguments); });
}

}  // namespace cli
}  // namespace selvage
