// The real program against a scripted agent: what it prints and how it exits.
#define BOOST_TEST_MODULE cli_test
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "agents/api/api_server.h"
#include "agents/control/control_server.h"
#include "tests/agents/fake_agent.h"
#include "tools/cli/checks.h"
#include "tools/cli/table.h"

namespace selvage {
namespace {

using Json = nlohmann::json;

struct Run {
  int exit;
  std::string out;
};

// Standard error goes with the output: what a person sees.
Run Selvage(const std::string& arguments) {
  FILE* pipe = popen((SELVAGE_BIN_DIR "/selvage " + arguments + " 2>&1").c_str(), "r");
  BOOST_REQUIRE(pipe != nullptr);
  std::string out;
  char buffer[4096];
  std::size_t n;
  while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) out.append(buffer, n);
  int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

struct Fixture {
  Fixture() {
    NeighborInfo n;
    n.name = "r0c1";
    n.link_name = "l1";
    n.transport = "ethernet";
    n.state = NeighborState::kOneway;
    agent.neighbors.push_back(n);
    LinkStatus link;
    link.id = LinkId(1);
    link.info.name = "l1";
    link.neighbors = 1;
    agent.links.push_back(link);
    agent.paths[TestId(2)] = {"r0c0", "r0c1"};
    agent.counters["frames_forwarded_total"] = 7;
    agent.facts_.api_endpoint = "ipc://" + (dir / "api.sock");
    agent.facts_.state_dir = dir.path();
    control = *ControlServer::Create(agent, path);
    api = *ApiServer::Create(agent, agent.facts_.api_endpoint);
    thread = std::make_unique<AgentThread>(agent);
  }
  ~Fixture() {
    thread.reset();
    api.reset();
    control.reset();
  }
  Run Ask(const std::string& arguments) { return Selvage("--control " + path + " " + arguments); }

  TempDir dir;
  std::string path = dir / "c.sock";
  FakeAgent agent;
  std::unique_ptr<ControlServer> control;
  std::unique_ptr<ApiServer> api;
  std::unique_ptr<AgentThread> thread;
};

BOOST_FIXTURE_TEST_SUITE(cli_test, Fixture)

BOOST_AUTO_TEST_CASE(status_as_json_is_one_line_with_the_options_before_or_behind) {
  for (const std::string& arguments :
       {"--control " + path + " --json status", "status --json --control " + path,
        "--json status --control " + path}) {
    Run run = Selvage(arguments);
    BOOST_TEST(run.exit == 0, run.out);
    Json status = Json::parse(run.out, nullptr, false);
    BOOST_REQUIRE_MESSAGE(status.is_object(), run.out);
    BOOST_TEST(status["node"] == "r0c0");
    BOOST_TEST(status["neighbors"][0]["state"] == "oneway");
  }
}

BOOST_AUTO_TEST_CASE(tables_for_people_show_the_same) {
  Run run = Ask("status");
  BOOST_TEST(run.exit == 0);
  BOOST_TEST(run.out.find("r0c0 (network lab), version 0.1.0") == 0u);
  BOOST_TEST(run.out.find("frames_forwarded_total      7") != std::string::npos);
  BOOST_TEST(Ask("neighbors").out.find("oneway") != std::string::npos);
  BOOST_TEST(Ask("links").out.find("l1") != std::string::npos);
  BOOST_TEST(Ask("routes").out.find("NEXT HOP") != std::string::npos);
  BOOST_TEST(Ask("path r0c1").out == "r0c0 > r0c1\n");
  BOOST_TEST(Ask("why r0c1").out.find("telemetry traffic to r0c1 goes r0c0 > r0c1 (1 hop") == 0u);
}

BOOST_AUTO_TEST_CASE(the_exit_status_tells_no_from_usage_from_nobody_there) {
  BOOST_TEST(Ask("path nobody").exit == 1);
  BOOST_TEST(Ask("lab drop-forwarded 1").exit == 1);
  BOOST_TEST(Ask("lab silence l1").exit == 1);
  BOOST_TEST(Ask("lab lie-metric 2").exit == 1);
  BOOST_TEST(Ask("lab delay 20").exit == 1);
  BOOST_TEST(Ask("lab replay").exit == 1);
  BOOST_TEST(Ask("lab off").exit == 1);
  BOOST_TEST(Ask("").exit == 2);
  BOOST_TEST(Ask("path").exit == 2);
  BOOST_TEST(Ask("fly").exit == 2);
  BOOST_TEST(Ask("status --colour").exit == 2);
  BOOST_TEST(Ask("routes --class urgent").exit == 2);
  BOOST_TEST(Ask("lab drop-forwarded 2").exit == 2);
  BOOST_TEST(Ask("lab lie-metric -2").exit == 2);
  BOOST_TEST(Ask("lab delay 60001").exit == 2);
  BOOST_TEST(Ask("lab fly").exit == 2);
  BOOST_TEST(Ask("send --to r0c1 --class urgent --text x").exit == 2);
  Run nobody = Selvage("--control " + (dir / "none.sock") + " status");
  BOOST_TEST(nobody.exit == 3);
  BOOST_TEST(nobody.out.find("no agent there") != std::string::npos);
  BOOST_TEST(Selvage("--help").exit == 0);
  BOOST_TEST(Selvage("--version").out == "0.1.0\n");
}

BOOST_AUTO_TEST_CASE(laboratory_faults_reach_an_agent_that_allows_them) {
  thread->Do([&] { agent.facts_.lab_enabled = true; });
  BOOST_TEST(Ask("lab drop-forwarded 1").exit == 0);
  BOOST_TEST(thread->Do([&] { return agent.drop_share; }) == 1.0);
  BOOST_TEST(Ask("--json lab silence l1").exit == 0);
  BOOST_TEST(thread->Do([&] { return agent.silenced.has_value(); }));
  BOOST_TEST(Ask("lab drop-forwarded 0.5 --to r0c1").exit == 0);
  BOOST_TEST(thread->Do([&] { return agent.drop_to.has_value(); }));
  BOOST_TEST(Ask("lab lie-metric 0.5").exit == 0);
  BOOST_TEST(thread->Do([&] { return agent.lie_factor; }) == 0.5);
  BOOST_TEST(Ask("lab delay 20").exit == 0);
  BOOST_TEST(Ask("lab replay").exit == 0);
  BOOST_TEST(thread->Do([&] { return agent.replays; }));
  BOOST_TEST(Ask("lab off").exit == 0);
  BOOST_TEST(thread->Do([&] { return agent.lab_active(); }) == false);
}

BOOST_AUTO_TEST_CASE(send_hands_over_what_is_on_stdin_or_in_the_option) {
  Run run = Ask("send --to r0c1 --class telemetry --text hello --port 9");
  BOOST_TEST(run.exit == 0, run.out);
  run = Selvage("--control " + path + " --json send --to r0c1 --class bulk </dev/null");
  BOOST_TEST(run.exit == 0, run.out);
  BOOST_TEST(Json::parse(run.out, nullptr, false)["accepted"] == true);
  thread->Do([&] {
    BOOST_REQUIRE_EQUAL(agent.submitted.size(), 2u);
    BOOST_TEST(ByteSpan(agent.submitted[0].payload).ToString() == "hello");
    BOOST_TEST(agent.submitted[0].port == 9);
    BOOST_TEST(agent.submitted[1].payload.empty());
  });
  BOOST_TEST(Ask("send --to nobody --text x").exit == 1);
  // Never answered durable: that is a no, not a success.
  run = Selvage("--control " + path + " --timeout 100 send --to r0c1 --class reliable --text x");
  BOOST_TEST(run.exit == 1, run.out);
}

BOOST_AUTO_TEST_CASE(an_agent_without_api_is_no_place_to_send_from) {
  thread->Do([&] { agent.facts_.api_endpoint.clear(); });
  Run run = Ask("send --to r0c1 --text x");
  BOOST_TEST(run.exit == 1);
  BOOST_TEST(run.out.find("no [api]") != std::string::npos);
  BOOST_TEST(Ask("recv --count 1 --for 0.1").exit == 1);
}

BOOST_AUTO_TEST_CASE(recv_says_no_when_nothing_came_in_time) {
  Run run = Ask("recv --port 9 --count 1 --for 0.1");
  BOOST_TEST(run.exit == 1);
  BOOST_TEST(run.out.find("received 0 of 1") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(doctor_fails_a_lonely_node_and_a_missing_agent) {
  Run run = Ask("--json doctor");
  BOOST_TEST(run.exit == 1);
  Json report = Json::parse(run.out, nullptr, false);
  BOOST_REQUIRE_MESSAGE(report.is_object(), run.out);
  BOOST_TEST(report["healthy"] == false);
  std::map<std::string, std::string> worst;
  for (const Json& check : report["checks"]) worst[check["check"]] += std::string(check["level"]);
  BOOST_TEST(worst["agent"] == "ok");
  BOOST_TEST(worst["control socket"] == "ok");
  BOOST_TEST(worst["version"] == "ok");
  BOOST_TEST(worst["state directory"] == "ok");
  BOOST_TEST(worst["neighbours"] == "failwarn");
  BOOST_TEST(Selvage("--control " + (dir / "none.sock") + " doctor").exit == 1);
}

BOOST_AUTO_TEST_CASE(doctor_judges_directory_certificate_and_version) {
  using cli::Level;
  BOOST_TEST((cli::CheckStateDir(dir.path()).level == Level::kOk));
  chmod(dir.path().c_str(), 0755);
  BOOST_TEST((cli::CheckStateDir(dir.path()).level == Level::kFail));
  BOOST_TEST((cli::CheckStateDir(dir / "none").level == Level::kFail));
  const std::uint64_t now = 1'800'000'000;
  auto certificate = [&](std::uint64_t not_after) {
    return cli::CheckCertificate(Json{{"certificate_not_after", not_after}}, now).level;
  };
  BOOST_TEST((certificate(now) == Level::kFail));
  BOOST_TEST((certificate(now + 29 * 86400) == Level::kWarn));
  BOOST_TEST((certificate(now + 30 * 86400) == Level::kOk));
  Json answer{{"status", {{"version", "0.0.9"}}}};
  BOOST_TEST((cli::CheckVersion(answer, "0.1.0").level == Level::kWarn));
  BOOST_TEST((cli::CheckStore(answer).level == Level::kOk));
  answer["status"]["store_failure"] = "disk full";
  answer["state_dir"] = "/var/lib/x";
  const cli::Check store = cli::CheckStore(answer);
  BOOST_TEST((store.level == Level::kFail));
  BOOST_TEST(store.text.find("disk full") != std::string::npos);
  BOOST_TEST(store.advice.find("/var/lib/x") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_network_is_made_once_and_a_node_admitted_into_it) {
  std::string net = dir / "net";
  BOOST_TEST(Selvage("network create " + net + " --name lab").exit == 0);
  BOOST_TEST(Selvage("network create " + net + " --name lab").exit == 1);
  Run run = Selvage("--json network admit " + net + " --name n1 --out " + (dir / "n1") +
                    " --days 30 --address 10.9.0.1");
  BOOST_TEST(run.exit == 0, run.out);
  Json node = Json::parse(run.out, nullptr, false);
  BOOST_TEST(node["node"] == "n1");
  BOOST_TEST(std::string(node["id"]).size() == 32u);
  BOOST_TEST(Selvage("network admit " + net + " --name n1 --out " + (dir / "n1b")).exit == 1);
  BOOST_TEST(Selvage("network admit " + net + " --name n2 --out " + (dir / "n2") +
                     " --address 10.9.0.1/16")
                 .exit == 2);
  BOOST_TEST(Selvage("network admit " + net + " --out " + (dir / "n3")).exit == 2);
}

BOOST_AUTO_TEST_CASE(a_table_aligns_words_left_and_numbers_right) {
  cli::Table table({"NAME", ">MS"});
  table.Add({"a", "1.0"});
  table.Add({"long", ""});
  table.Add({"zw\xc3\xb6lf", "100.0"});
  BOOST_TEST(table.ToString() == "NAME      MS\na        1.0\nlong       -\nzw\xc3\xb6lf  100.0\n");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace selvage
