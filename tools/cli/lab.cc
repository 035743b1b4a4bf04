// lab: faults on purpose, for laboratories and demonstrations.
#include <cstdio>
#include <memory>

#include "tools/cli/cli.h"

namespace selvage {
namespace cli {
namespace {

int Inject(const Options& options, const Json& request, const std::string& done) {
  auto result = Ask(options, request);
  if (!result.ok()) return Fail(result.status());
  if (options.json) {
    PrintJson(*result);
  } else {
    std::printf("%s\n", done.c_str());
  }
  return kFine;
}

}  // namespace

void AddLab(CLI::App* app, const Options* options, int* exit) {
  struct Arguments {
    std::string link;
    double share = 1.0;
    std::string traffic_class;
    std::string to;
    double factor = 1.0;
    double ms = 0.0;
    bool flood = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* lab = app->add_subcommand("lab", "faults on purpose; needs [lab] enabled = true");
  lab->require_subcommand(1);

  CLI::App* silence = lab->add_subcommand("silence", "drop everything on a link, both ways");
  silence->add_option("LINK", arguments->link, "name of the link")->required();
  silence->callback([=] {
    *exit =
        Inject(*options, Json{{"command", "lab"}, {"fault", "silence"}, {"link", arguments->link}},
               "link " + arguments->link + " is silent until: selvage lab off");
  });

  CLI::App* drop = lab->add_subcommand("drop-forwarded", "drop a share of what is forwarded");
  drop->add_option("SHARE", arguments->share, "0 (none) to 1 (all)")
      ->required()
      ->check(CLI::Range(0.0, 1.0));
  drop->add_option("--class", arguments->traffic_class, "this traffic class only");
  drop->add_option("--to", arguments->to, "what is for this node only");
  drop->callback([=] {
    Json request{{"command", "lab"}, {"fault", "drop-forwarded"}, {"share", arguments->share}};
    if (!arguments->traffic_class.empty()) request["class"] = arguments->traffic_class;
    if (!arguments->to.empty()) request["to"] = arguments->to;
    *exit = Inject(*options, request,
                   Format("%g %% of what is forwarded is dropped until: selvage lab off",
                          arguments->share * 100.0));
  });

  CLI::App* lie = lab->add_subcommand("lie-metric", "advertise links at a multiple of their cost");
  lie->add_option("FACTOR", arguments->factor, "below 1 attracts traffic, above 1 repels it")
      ->required()
      ->check(CLI::Range(0.0, 1000.0));
  lie->callback([=] {
    *exit = Inject(
        *options,
        Json{{"command", "lab"}, {"fault", "lie-metric"}, {"factor", arguments->factor}},
        Format("links are advertised at %g times their cost until: selvage lab off",
               arguments->factor));
  });

  CLI::App* delay = lab->add_subcommand("delay", "hold back what is forwarded");
  delay->add_option("MS", arguments->ms, "milliseconds")
      ->required()
      ->check(CLI::Range(0.0, 60'000.0));
  delay->callback([=] {
    *exit = Inject(*options,
                   Json{{"command", "lab"}, {"fault", "delay"}, {"ms", arguments->ms}},
                   Format("what is forwarded waits %g ms until: selvage lab off", arguments->ms));
  });

  lab->add_subcommand("replay", "send what is forwarded once more")->callback([=] {
    *exit = Inject(*options, Json{{"command", "lab"}, {"fault", "replay"}},
                   "what is forwarded is sent twice until: selvage lab off");
  });

  CLI::App* accuse = lab->add_subcommand("accuse", "say of all neighbours that they drop packets");
  accuse->add_flag("--flood", arguments->flood, "by the hundred, forged and old ones among them");
  accuse->callback([=] {
    *exit = Inject(
        *options,
        Json{{"command", "lab"}, {"fault", "accuse"}, {"flood", arguments->flood}},
        "all neighbours are accused until: selvage lab off");
  });

  lab->add_subcommand("off", "end all laboratory faults")->callback([=] {
    *exit = Inject(*options, Json{{"command", "lab"}, {"fault", "off"}},
                   "no laboratory fault is active");
  });
}

}  // namespace cli
}  // namespace selvage
