// twin, whatif: the map of the network, and what would break in it.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "tools/cli/cli.h"
#include "tools/cli/table.h"
#include "tools/cli/twin_scenario.h"

namespace selvage {
namespace cli {
namespace {

// In a DOT string only quotes and backslashes need care.
std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string Join(const Json& names, const char* between) {
  std::string out;
  for (const Json& name : names) {
    if (!name.is_string()) continue;
    if (!out.empty()) out += between;
    out += name.get<std::string>();
  }
  return out;
}

// Loss there and back, in percent; latency there.
std::string LinkLabel(const Json& link) {
  const Json ab = link.value("ab", Json::object());
  const Json ba = link.value("ba", Json::object());
  return Format("%.1f ms", Number(ab, "latency_us") / 1000.0) +
         Format(", loss %g", Number(ab, "loss") * 100) + Format("/%g %%", Number(ba, "loss") * 100);
}

void PrintDot(const Json& twin) {
  std::printf("graph selvage {\n  layout=neato; overlap=false; node [shape=ellipse];\n");
  const Json points = twin.value("single_points", Json::object());
  const std::string here = Text(twin, "seen_by");
  for (const Json& node : twin.value("nodes", Json::array())) {
    const std::string name = Text(node, "name");
    const Json single = points.value("nodes", Json::array());
    const bool cut = std::find(single.begin(), single.end(), name) != single.end();
    std::printf("  %s [%s%s];\n", Quoted(name).c_str(), name == here ? "penwidth=3" : "penwidth=1",
                cut ? ", color=red" : "");
  }
  for (const Json& link : twin.value("links", Json::array())) {
    std::printf("  %s -- %s [label=%s];\n", Quoted(Text(link, "a")).c_str(),
                Quoted(Text(link, "b")).c_str(), Quoted(LinkLabel(link)).c_str());
  }
  std::printf("}\n");
}

void PrintPoints(const Json& points) {
  const std::string nodes = Join(points.value("nodes", Json::array()), ", ");
  std::string links;
  for (const Json& link : points.value("links", Json::array())) {
    links += (links.empty() ? "" : ", ") + Join(link, "-");
  }
  std::printf("  nodes: %s\n  links: %s\n", nodes.empty() ? "none" : nodes.c_str(),
              links.empty() ? "none" : links.c_str());
}

void PrintTwin(const Json& twin) {
  Table table({"LINK", ">LATENCY ms", ">LOSS %", ">BACK %", ">RATE kbit/s"});
  for (const Json& link : twin.value("links", Json::array())) {
    const Json ab = link.value("ab", Json::object());
    const Json ba = link.value("ba", Json::object());
    const double rate = Number(ab, "rate_kbps");
    table.Add({Text(link, "a") + " - " + Text(link, "b"),
               Format("%.1f", Number(ab, "latency_us") / 1000.0),
               Format("%.1f", Number(ab, "loss") * 100), Format("%.1f", Number(ba, "loss") * 100),
               rate > 0 ? Format("%.0f", rate) : ""});
  }
  std::printf("%zu nodes, %zu links, as %s sees them\n\n%s\nsingle points of failure\n",
              twin.value("nodes", Json::array()).size(), twin.value("links", Json::array()).size(),
              Text(twin, "seen_by").c_str(), table.ToString().c_str());
  PrintPoints(twin.value("single_points", Json::object()));
}

void PrintWhatIf(const Json& answer) {
  Table table({"CLASS", ">PAIRS CUT OFF", ">PAIRS LONGER", ">WORST STRETCH", "WORST PAIR"});
  for (const Json& c : answer.value("classes", Json::array())) {
    table.Add({Text(c, "class"), Format("%.0f", Number(c, "pairs_lost")),
               c.contains("pairs_longer") ? Format("%.0f", Number(c, "pairs_longer")) : "?",
               c.contains("worst_stretch") ? Format("%.2f", Number(c, "worst_stretch")) : "?",
               Join(c.value("worst_pair", Json::array()), " > ")});
  }
  std::fputs(table.ToString().c_str(), stdout);
  for (const Json& c : answer.value("classes", Json::array())) {
    std::printf("\n%s\n", Text(c, "class").c_str());
    for (const Json& island : c.value("islands", Json::array())) {
      std::printf("  on its own: %s\n", Join(island, ", ").c_str());
    }
    std::printf(" single points of failure that this would add\n");
    PrintPoints(c.value("single_points_added", Json::object()));
  }
}

// A name may have dashes too: with more than one it takes a comma to tell the ends apart.
bool SplitLink(const std::string& text, std::string* a, std::string* b) {
  std::size_t at = text.find(',');
  if (at == std::string::npos) {
    at = text.find('-');
    if (at != text.rfind('-')) return false;
  }
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) return false;
  *a = text.substr(0, at);
  *b = text.substr(at + 1);
  return true;
}

}  // namespace

void AddTwin(CLI::App* app, const Options* options, int* exit) {
  struct Arguments {
    std::string format = "text";
    std::string traffic_class;
    std::vector<std::string> nodes;
    std::vector<std::string> links;
  };
  auto arguments = std::make_shared<Arguments>();

  CLI::App* twin = app->add_subcommand("twin", "the network as this node's map has it");
  twin->add_option("--format", arguments->format,
                   "text, json, dot (Graphviz) or ns3 (selvage-sim replay)")
      ->check(CLI::IsMember({"text", "json", "dot", "ns3"}))
      ->capture_default_str();
  twin->callback([=] {
    auto result = Ask(*options, Json{{"command", "twin"}});
    if (!result.ok()) {
      *exit = Fail(result.status());
      return;
    }
    if (arguments->format == "ns3") {
      auto scenario = TwinScenario(*result);
      if (!scenario.ok()) {
        *exit = Fail(kNo, std::string(scenario.status().message()));
        return;
      }
      std::printf("%s\n", scenario->dump(1).c_str());
    } else if (options->json || arguments->format == "json") {
      PrintJson(*result);
    } else if (arguments->format == "dot") {
      PrintDot(*result);
    } else {
      PrintTwin(*result);
    }
    *exit = kFine;
  });

  CLI::App* whatif = app->add_subcommand("whatif", "what would break if these failed");
  whatif->add_option("--fail", arguments->nodes, "nodes that fail");
  whatif->add_option("--fail-link", arguments->links, "links that fail: A-B, or A,B");
  whatif->add_option("--class", arguments->traffic_class, "this traffic class only");
  whatif->callback([=] {
    Json request{{"command", "whatif"}, {"nodes", arguments->nodes}, {"links", Json::array()}};
    for (const std::string& link : arguments->links) {
      std::string a;
      std::string b;
      if (!SplitLink(link, &a, &b)) {
        *exit =
            Fail(kUsage, "--fail-link \"" + link + "\": write A-B, or A,B when a name has a dash");
        return;
      }
      request["links"].push_back(Json::array({a, b}));
    }
    if (!arguments->traffic_class.empty()) request["class"] = arguments->traffic_class;
    auto result = Ask(*options, request);
    if (!result.ok()) {
      *exit = Fail(result.status());
      return;
    }
    if (options->json) {
      PrintJson(*result);
    } else {
      PrintWhatIf(*result);
    }
    *exit = kFine;
  });
}

}  // namespace cli
}  // namespace selvage
