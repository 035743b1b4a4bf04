// quarantine: who is not to carry the traffic of others.
#include <cstdio>
#include <memory>

#include "tools/cli/cli.h"
#include "tools/cli/table.h"

namespace selvage {
namespace cli {
namespace {

std::string Join(const Json& names) {
  std::string text;
  for (const Json& n : names) {
    if (n.is_string()) text += (text.empty() ? "" : ", ") + n.get<std::string>();
  }
  return text;
}

void PrintList(const Json& list) {
  Table nodes({"NODE", "STATE", "CAUSE", ">SINCE", ">LEFT", "EVIDENCE"});
  for (const Json& q : list.value("nodes", Json::array())) {
    std::string evidence = Text(q, "evidence");
    const std::string witnesses = Join(q.value("witnesses", Json::array()));
    if (evidence.empty() && !witnesses.empty()) evidence = "accused by " + witnesses;
    nodes.Add({Text(q, "node"), Text(q, "state"), Text(q, "cause"), Span(Number(q, "since_s")),
               q.contains("left_s") ? Span(Number(q, "left_s")) : "", evidence});
  }
  std::fputs(nodes.ToString().c_str(), stdout);
  const Json words = list.value("testimonies", Json::array());
  if (words.empty()) return;
  Table said({"WITNESS", "SAYS", "NODE", ">AGE"});
  for (const Json& w : words) {
    said.Add({Text(w, "witness"), Text(w, "says"), Text(w, "node"), Span(Number(w, "age_s"))});
  }
  std::printf("\n%s", said.ToString().c_str());
}

}  // namespace

void AddQuarantine(CLI::App* app, const Options* options, int* exit) {
  struct Arguments {
    std::string node;
    bool force = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* quarantine =
      app->add_subcommand("quarantine", "nodes that are not to carry the traffic of others");
  quarantine->require_subcommand(1);
  auto ask = [=](Json request, const std::string& done) {
    request["command"] = "quarantine";
    auto result = Ask(*options, request);
    if (!result.ok()) {
      *exit = Fail(result.status());
      return;
    }
    *exit = kFine;
    if (options->json) {
      PrintJson(*result);
    } else if (done.empty()) {
      PrintList(*result);
    } else {
      std::printf("%s\n", done.c_str());
    }
  };
  quarantine->add_subcommand("list", "who is in quarantine, why, and who says what of whom")
      ->callback([=] { ask({{"action", "list"}}, ""); });
  CLI::App* add = quarantine->add_subcommand("add", "lead nothing through a node");
  add->add_option("NODE", arguments->node, "name or id")->required();
  add->add_flag("--force", arguments->force, "even if that cuts others off from each other");
  add->callback([=] {
    ask({{"action", "add"}, {"to", arguments->node}, {"force", arguments->force}},
        arguments->node + " is in quarantine until: selvage quarantine remove " + arguments->node);
  });
  CLI::App* remove = quarantine->add_subcommand("remove", "let a node out; for an hour nobody's "
                                                          "word puts it back");
  remove->add_option("NODE", arguments->node, "name or id")->required();
  remove->callback([=] {
    ask({{"action", "remove"}, {"to", arguments->node}},
        arguments->node + " is out of quarantine");
  });
}

}  // namespace cli
}  // namespace selvage
