// status, neighbors, links, routes, path, why, events: questions to the agent.
#include <cstdio>
#include <memory>

#include "agents/control/control_client.h"
#include "tools/cli/cli.h"
#include "tools/cli/table.h"

namespace selvage {
namespace cli {
namespace {

using Printer = void (*)(const Json& result);

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

void PrintNeighbors(const Json& neighbors) {
  Table table({"NEIGHBOUR", "LINK", "TRANSPORT", "STATE", ">SINCE", ">RTT ms", ">JITTER ms",
               ">LOSS %", ">HEALTH"});
  for (const Json& n : neighbors) {
    table.Add({Text(n, "name"), Text(n, "link"), Text(n, "transport"), Text(n, "state"),
               Span(Number(n, "in_state_s")), Format("%.2f", Number(n, "rtt_ms")),
               Format("%.2f", Number(n, "jitter_ms")), Format("%.1f", Number(n, "loss") * 100.0),
               Format("%.2f", Number(n, "health"))});
  }
  Print(table.ToString());
}

void PrintStatus(const Json& status) {
  Print(Text(status, "node") + " (network " + Text(status, "network") + "), version " +
        Text(status, "version") + ", up " + Span(Number(status, "uptime_s")) + "\n" +
        Format("%.0f", Number(status, "nodes_known")) + " nodes known, " +
        Format("%.0f", Number(status, "outbox_messages")) + " messages in the outbox\n");
  if (!Text(status, "store_failure").empty()) {
    Print("THE DISK REFUSES: critical and reliable messages are refused (" +
          Text(status, "store_failure") + ")\n");
  }
  if (!Flag(status, "healing")) Print("HEALING IS SWITCHED OFF\n");
  if (Flag(status, "lab_active")) {
    Print("LABORATORY FAULT ACTIVE: this node misbehaves on purpose (selvage lab off ends it)\n");
  } else if (Flag(status, "lab")) {
    Print("laboratory faults are allowed on this node\n");
  }
  Print("\n");
  PrintNeighbors(status.value("neighbors", Json::array()));
  Table counters({"COUNTER", ">VALUE"});
  const Json values = status.value("counters", Json::object());
  for (const auto& [name, value] : values.items()) {
    if (value.is_number_unsigned() && value != 0u) {
      counters.Add({name, std::to_string(value.get<std::uint64_t>())});
    }
  }
  Print("\n" + counters.ToString());
}

void PrintOutbox(const Json& outbox) {
  Print(Format("%.0f", Number(outbox, "messages")) + " messages of this node (" +
        Format("%.0f", Number(outbox, "bytes")) + " bytes), " +
        Format("%.0f", Number(outbox, "carried_messages")) + " carried for others (" +
        Format("%.0f", Number(outbox, "carried_bytes")) + " bytes)\n");
  if (!Text(outbox, "store_failure").empty()) {
    Print("THE DISK REFUSES: " + Text(outbox, "store_failure") + "\n");
  }
  Table table({"FROM", "TO", ">MESSAGES", ">OLDEST", "PATH"});
  const Json lines = outbox.value("waiting", Json::array());
  for (const Json& l : lines) {
    const double oldest = Number(l, "oldest_s");
    table.Add({Text(l, "from"), Text(l, "to"), Format("%.0f", Number(l, "messages")),
               oldest > 0 ? Span(oldest) : "", Flag(l, "reachable") ? "yes" : "none"});
  }
  if (!lines.empty()) Print("\n" + table.ToString());
}

void PrintAnomalies(const Json& anomalies) {
  Table table({"WHAT", "LINK", "STATE", ">SCORE", ">MARGIN dB", ">FAILS IN", "MOST UNUSUAL",
               "LAST ALARM", "DETOUR", ">PEERS"});
  for (const Json& a : anomalies) {
    std::string worst;
    double blame = 0;
    const Json lines = a.value("features", Json::array());
    for (const Json& f : lines) {
      if (Number(f, "blame") <= blame) continue;
      blame = Number(f, "blame");
      worst = Text(f, "name") + Format(" %+.1f", Number(f, "deviation"));
    }
    const bool alarmed = !Text(a, "diagnosis").empty();
    table.Add({Text(a, "neighbor").empty() ? "this machine" : Text(a, "neighbor"), Text(a, "link"),
               Flag(a, "alarm") ? "ALARM" : Text(a, "state"), Format("%.1f", Number(a, "score")),
               a.contains("margin_db") ? Format("%.1f", Number(a, "margin_db")) : "",
               a.contains("seconds_to_failure") ? Span(Number(a, "seconds_to_failure")) : "", worst,
               alarmed ? Text(a, "diagnosis") + " " + Span(Number(a, "alarm_age_s")) + " ago" : "",
               Flag(a, "detour") ? "yes" : "",
               Number(a, "peers") > 0 ? Format("%.0f", Number(a, "peers")) : ""});
  }
  Print(table.ToString());
  for (const Json& a : anomalies) {
    if (Text(a, "evidence").empty()) continue;
    const std::string who = Text(a, "neighbor");
    Print("\n" + (who.empty() ? "this machine" : who) + ": " + Text(a, "evidence") + "\n");
  }
  for (const Json& a : anomalies) {
    if (!a.contains("scorer")) continue;
    const Json& s = a["scorer"];
    Print("\n" + Text(a, "neighbor") + ": " + Text(s, "name") + " finds it " +
          Format("%.1f", Number(s, "decades")) + " decades rare, most of all " +
          Text(s, "feature") + "; " + Format("%.0f", Number(s, "samples")) + " samples, " +
          Format("%.0f", Number(s, "failures")) + " without a score, had a part in " +
          Format("%.0f", Number(s, "alarms")) + " alarms\n");
  }
}

void PrintLinks(const Json& links) {
  Table table({"LINK", "TRANSPORT", ">MTU bytes", ">RATE kbit/s", "DISCOVERY", ">NEIGHBOURS",
               "TARIFF", "RADIO"});
  for (const Json& link : links) {
    double rate = Number(link, "rate_bps");
    table.Add(
        {Text(link, "name"), Text(link, "transport"), Format("%.0f", Number(link, "mtu_bytes")),
         rate > 0 ? Format("%.0f", rate / 1000.0) : "",
         Flag(link, "broadcast") ? "beacons" : "configured peers",
         Format("%.0f", Number(link, "neighbors")), Text(link, "tariff"), Text(link, "radio")});
  }
  Print(table.ToString());
}

void PrintRoutes(const Json& routes) {
  Table table({"TO", "CLASS", "NEXT HOP", "LINK", "ALTERNATE", ">COST us", ">HOPS"});
  for (const Json& route : routes) {
    table.Add({Text(route, "to"), Text(route, "class"), Text(route, "next_hop"),
               Text(route, "link"), Text(route, "alternate"),
               Format("%.0f", Number(route, "cost_us")), Format("%.0f", Number(route, "hops"))});
  }
  Print(table.ToString());
}

void PrintPath(const Json& result) {
  std::string text;
  for (const Json& node : result.value("path", Json::array())) {
    if (node.is_string()) text += (text.empty() ? "" : " > ") + node.get<std::string>();
  }
  Print(text + "\n");
}

void PrintWhy(const Json& result) {
  for (const Json& line : result.value("text", Json::array())) {
    if (line.is_string()) Print(line.get<std::string>() + "\n");
  }
}

void PrintEvent(const Json& event) {
  std::string ago = Span(Number(event, "ago_ms") / 1e3);
  std::string kind = Text(event, "kind");
  ago.insert(0, ago.size() < 8 ? 8 - ago.size() : 0, ' ');
  if (kind.size() < 18) kind.resize(18, ' ');
  Print(ago + " ago  " + kind + "  " + Text(event, "text") + "\n");
}

void PrintEvents(const Json& events) {
  for (const Json& event : events) PrintEvent(event);
}

int Show(const Options& options, const Json& request, Printer printer) {
  auto result = Ask(options, request);
  if (!result.ok()) return Fail(result.status());
  if (options.json) {
    PrintJson(*result);
  } else {
    printer(*result);
  }
  return kFine;
}

int Follow(const Options& options, Json request) {
  auto client = ControlClient::Connect(options.control, options.timeout());
  if (!client.ok()) return Fail(client.status());
  request["follow"] = true;
  if (absl::Status s = (*client)->Send(request, options.timeout()); !s.ok()) return Fail(s);
  for (;;) {
    auto event = (*client)->Next(std::chrono::milliseconds(-1));
    if (!event.ok()) return Fail(event.status());
    if (options.json) {
      PrintJson(*event);
    } else {
      PrintEvent(*event);
      std::fflush(stdout);
    }
    if (std::ferror(stdout) != 0) return kNo;
  }
}

void AddPlain(CLI::App* app, const Options* options, int* exit, const char* name,
              const char* description, Printer printer) {
  app->add_subcommand(name, description)->callback([=] {
    *exit = Show(*options, Json{{"command", name}}, printer);
  });
}

}  // namespace

void AddShow(CLI::App* app, const Options* options, int* exit) {
  AddPlain(app, options, exit, "status", "who this node is, how it is, its neighbours and counters",
           PrintStatus);
  AddPlain(app, options, exit, "neighbors", "neighbours and what the links to them are like",
           PrintNeighbors);
  AddPlain(app, options, exit, "links", "local links", PrintLinks);
  AddPlain(app, options, exit, "anomalies", "what the model thinks of links and this machine",
           PrintAnomalies);
  AddPlain(app, options, exit, "outbox", "messages that wait for a path or a receipt", PrintOutbox);

  struct Arguments {
    std::string to;
    std::string traffic_class;
    bool all = false;
    bool follow = false;
    std::uint64_t after = 0;
    std::uint64_t count = 100;
  };
  auto arguments = std::make_shared<Arguments>();
  auto with_class = [arguments](Json request) {
    if (!arguments->traffic_class.empty()) request["class"] = arguments->traffic_class;
    return request;
  };

  CLI::App* routes = app->add_subcommand("routes", "next hop and alternate for every node");
  routes->add_option("--class", arguments->traffic_class, "traffic class; default telemetry");
  routes->add_flag("--all", arguments->all, "all classes");
  routes->callback([=] {
    Json request = with_class(Json{{"command", "routes"}});
    if (arguments->all) request["all"] = true;
    *exit = Show(*options, request, PrintRoutes);
  });

  CLI::App* path = app->add_subcommand("path", "nodes on the way to a node");
  path->add_option("DST", arguments->to, "node: name, id or address")->required();
  path->add_option("--class", arguments->traffic_class, "traffic class; default telemetry");
  path->callback([=] {
    *exit = Show(*options, with_class(Json{{"command", "path"}, {"to", arguments->to}}), PrintPath);
  });

  CLI::App* why = app->add_subcommand("why", "why traffic goes the way it goes");
  why->add_option("FLOW", arguments->to, "a node, or NODE/CLASS")->required();
  why->add_option("--class", arguments->traffic_class, "traffic class; default telemetry");
  why->callback([=] {
    *exit = Show(*options, with_class(Json{{"command", "why"}, {"to", arguments->to}}), PrintWhy);
  });

  CLI::App* events = app->add_subcommand("events", "what happened, oldest first");
  events->add_flag("--follow", arguments->follow, "go on with what happens from now");
  events->add_option("--count", arguments->count, "at most so many of the newest")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  CLI::Option* after = events->add_option("--after", arguments->after, "those behind this number");
  events->callback([=] {
    Json request{{"command", "events"}, {"count", arguments->count}};
    if (after->count() > 0) request["after"] = arguments->after;
    *exit = arguments->follow ? Follow(*options, request) : Show(*options, request, PrintEvents);
  });
}

}  // namespace cli
}  // namespace selvage
