// network: make a network, admit nodes to it. Works on files; no agent is asked.
#include <arpa/inet.h>
#include <time.h>

#include <cstdio>
#include <memory>

#include "agents/membership/state_files.h"
#include "tools/cli/cli.h"

namespace selvage {
namespace cli {
namespace {

struct Arguments {
  std::string dir;
  std::string name;
  std::string out;
  AdmitOptions admit;
};

int Create(const Options& options, const Arguments& arguments) {
  absl::Status made = CreateNetwork(arguments.dir, arguments.name);
  if (!made.ok()) return Fail(made);
  if (options.json) {
    PrintJson(Json{{"network", arguments.name}, {"dir", arguments.dir}});
  } else {
    std::printf("network %s made in %s; keep that directory off the nodes\n",
                arguments.name.c_str(), arguments.dir.c_str());
  }
  return kFine;
}

int Admit(const Options& options, Arguments arguments) {
  unsigned char address[16];
  const std::string& text = arguments.admit.address;
  if (!text.empty() && inet_pton(AF_INET, text.c_str(), address) != 1 &&
      inet_pton(AF_INET6, text.c_str(), address) != 1) {
    return Fail(kUsage, "\"" + text + "\" is not an IP address (no prefix length here)");
  }
  arguments.admit.now = static_cast<WallSeconds>(time(nullptr));
  auto certificate = AdmitNode(arguments.dir, arguments.name, arguments.out, arguments.admit);
  if (!certificate.ok()) return Fail(certificate.status());
  if (options.json) {
    PrintJson(Json{{"node", certificate->name},
                   {"id", certificate->id.ToHex()},
                   {"network", certificate->network},
                   {"serial", certificate->serial},
                   {"not_after", certificate->not_after},
                   {"state_dir", arguments.out}});
  } else {
    std::printf("node %s (%s) admitted to %s for %d days; its state directory is %s\n",
                certificate->name.c_str(), certificate->id.ToHex().c_str(),
                certificate->network.c_str(), arguments.admit.days, arguments.out.c_str());
  }
  return kFine;
}

}  // namespace

void AddNetwork(CLI::App* app, const Options* options, int* exit) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* network = app->add_subcommand("network", "make a network, admit nodes to it");
  network->require_subcommand(1);

  CLI::App* create = network->add_subcommand("create", "make the network's key and trust anchor");
  create->add_option("DIR", arguments->dir, "directory to keep them in")->required();
  create->add_option("--name", arguments->name, "name of the network")->required();
  create->callback([=] { *exit = Create(*options, *arguments); });

  CLI::App* admit = network->add_subcommand("admit", "make a node's key and certificate");
  admit->add_option("DIR", arguments->dir, "the network's directory")->required();
  admit->add_option("--name", arguments->name, "name of the node")->required();
  admit->add_option("--out", arguments->out, "state directory of the node")->required();
  admit->add_option("--days", arguments->admit.days, "validity")
      ->check(CLI::Range(1, 36500))
      ->capture_default_str();
  admit->add_option("--address", arguments->admit.address, "IP address fixed for its TUN device");
  admit->add_flag("--replace", arguments->admit.replace,
                  "a new identity even if the name or the directory has one");
  admit->callback([=] { *exit = Admit(*options, *arguments); });
}

}  // namespace cli
}  // namespace selvage
