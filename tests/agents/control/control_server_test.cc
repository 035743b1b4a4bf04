#define BOOST_TEST_MODULE control_server_test
#include "agents/control/control_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <limits>

#include "agents/control/control_client.h"
#include "tests/agents/fake_agent.h"

namespace selvage {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

struct Fixture {
  Fixture() {
    NeighborInfo up;
    up.id = TestId(2);
    up.name = "r0c1";
    up.link = LinkId(1);
    up.link_name = "l1";
    up.transport = "ethernet";
    up.state = NeighborState::kUp;
    up.rtt_ms = 0.5;
    up.loss = 0.25;
    up.health = 0.75;
    agent.neighbors.push_back(up);
    LinkStatus link;
    link.id = LinkId(1);
    link.info.name = "l1";
    link.info.transport = "ethernet";
    link.neighbors = 1;
    agent.links.push_back(link);
    RouteInfo route;
    route.to = TestId(2);
    route.name = "r0c1";
    route.next_hop = "r0c1";
    route.next_link = "l1";
    route.alternate = "r1c0";
    route.cost = 1200;
    route.hops = 1;
    agent.routes.push_back(route);
    agent.paths[TestId(2)] = {"r0c0", "r0c1"};
    agent.counters["frames_forwarded_total"] = 7;
  }
  void Start() {
    auto made = ControlServer::Create(agent, path);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    server = *std::move(made);
    thread = std::make_unique<AgentThread>(agent);
  }
  ~Fixture() {
    thread.reset();
    server.reset();
  }
  std::unique_ptr<ControlClient> Connect() {
    auto client = ControlClient::Connect(path, 5s);
    BOOST_REQUIRE_MESSAGE(client.ok(), client.status().ToString());
    return *std::move(client);
  }
  absl::StatusOr<Json> Ask(const Json& request) { return Connect()->Request(request, 5s); }
  // A bare connection, for what no client of ours would do.
  int Raw() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BOOST_REQUIRE_EQUAL(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  static std::string ReadAll(int fd) {
    std::string out;
    char buffer[65536];
    pollfd item{fd, POLLIN, 0};
    while (poll(&item, 1, 5000) > 0) {
      ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) break;
      out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
  }

  TempDir dir;
  std::string path = dir / "c.sock";
  FakeAgent agent;
  std::unique_ptr<ControlServer> server;
  std::unique_ptr<AgentThread> thread;
};

BOOST_FIXTURE_TEST_SUITE(control_server_test, Fixture)

BOOST_AUTO_TEST_CASE(status_has_the_fields_that_scripts_rely_on) {
  agent.facts_.lab_enabled = true;
  Start();
  auto status = Ask({{"command", "status"}});
  BOOST_REQUIRE(status.ok());
  const Json& s = *status;
  BOOST_TEST(s["node"] == "r0c0");
  BOOST_TEST(s["version"] == "0.1.0");
  BOOST_TEST(s["uptime_s"].is_number());
  BOOST_TEST(s["uptime_s"].get<double>() >= 0);
  BOOST_TEST(s["nodes_known"] == 2);
  BOOST_TEST(s["lab"] == true);
  BOOST_TEST(s["counters"]["frames_forwarded_total"] == 7);
  BOOST_REQUIRE_EQUAL(s["neighbors"].size(), 1u);
  const Json& n = s["neighbors"][0];
  BOOST_TEST(n["name"] == "r0c1");
  BOOST_TEST(n["link"] == "l1");
  BOOST_TEST(n["transport"] == "ethernet");
  BOOST_TEST(n["state"] == "up");
  BOOST_TEST(n["rtt_ms"] == 0.5);
  BOOST_TEST(n["loss"] == 0.25);
  BOOST_TEST(n["health"] == 0.75);
}

BOOST_AUTO_TEST_CASE(every_neighbour_state_is_spelt_as_documented) {
  agent.neighbors.resize(5, agent.neighbors[0]);
  NeighborState states[] = {NeighborState::kUp, NeighborState::kSuspect, NeighborState::kOneway,
                            NeighborState::kDown, NeighborState::kQuarantined};
  for (int i = 0; i < 5; ++i) agent.neighbors[i].state = states[i];
  Start();
  auto neighbors = Ask({{"command", "neighbors"}});
  BOOST_REQUIRE(neighbors.ok());
  std::vector<std::string> spelt;
  for (const Json& n : *neighbors) spelt.push_back(n["state"]);
  std::vector<std::string> wanted{"up", "suspect", "oneway", "down", "quarantined"};
  BOOST_TEST(spelt == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(links_routes_and_path_are_answered) {
  Start();
  auto links = Ask({{"command", "links"}});
  BOOST_REQUIRE(links.ok());
  BOOST_TEST((*links)[0]["name"] == "l1");
  auto routes = Ask({{"command", "routes"}, {"class", "critical"}});
  BOOST_REQUIRE(routes.ok());
  BOOST_TEST((*routes)[0]["alternate"] == "r1c0");
  BOOST_TEST((*routes)[0]["class"] == "critical");
  auto all = Ask({{"command", "routes"}, {"all", true}});
  BOOST_REQUIRE(all.ok());
  BOOST_TEST(all->size() == 4u);
  auto path = Ask({{"command", "path"}, {"to", "r0c1"}});
  BOOST_REQUIRE(path.ok());
  BOOST_TEST((*path)["path"] == (Json{"r0c0", "r0c1"}));
  BOOST_TEST((*path)["hops"] == 1);
}

BOOST_AUTO_TEST_CASE(the_outbox_shows_what_waits_for_whom_and_what_is_carried) {
  agent.outbox.messages = 3;
  agent.outbox.carried_messages = 2;
  agent.outbox.carried_bytes = 77;
  agent.outbox.lines.push_back({"r0c0", "r0c1", false, 3, 90s});
  agent.outbox.lines.push_back({"r0c1", "x", true, 2, Duration(0)});
  agent.broken_store = "disk full";
  Start();
  auto outbox = Ask({{"command", "outbox"}});
  BOOST_REQUIRE(outbox.ok());
  BOOST_TEST((*outbox)["messages"] == 3);
  BOOST_TEST((*outbox)["carried_messages"] == 2);
  BOOST_TEST((*outbox)["carried_bytes"] == 77);
  BOOST_TEST((*outbox)["store_failure"] == "disk full");
  BOOST_REQUIRE((*outbox)["waiting"].size() == 2u);
  BOOST_TEST((*outbox)["waiting"][0]["oldest_s"] == 90.0);
  BOOST_TEST((*outbox)["waiting"][0]["reachable"] == false);
  BOOST_TEST((*outbox)["waiting"][1]["from"] == "r0c1");
}

BOOST_AUTO_TEST_CASE(anomalies_leave_out_what_is_not_known) {
  AnomalyInfo a;
  a.neighbor = "r0c1";
  a.link = "l1";
  a.state = "degraded";
  a.alarm = a.detour = true;
  a.score = 6.5F;
  a.margin_db = 2.25F;
  a.seconds_to_failure = std::numeric_limits<float>::infinity();
  a.lines.push_back({"snr", "dB", 7.5F, -4.0F, 0.9F});
  a.lines.push_back({"rtt", "ms", kMissing, 0, 0.1F});
  a.diagnosis = "fading";
  a.evidence = "margin 2.2 dB";
  a.alarm_age = 1500ms;
  a.prior_voices = 4;
  agent.anomalies.push_back(a);
  Start();
  auto anomalies = Ask({{"command", "anomalies"}});
  BOOST_REQUIRE_MESSAGE(anomalies.ok(), anomalies.status().ToString());
  BOOST_REQUIRE((*anomalies).size() == 1u);
  const Json& told = (*anomalies)[0];
  BOOST_TEST(told["neighbor"] == "r0c1");
  BOOST_TEST(told["alarm"] == true);
  BOOST_TEST(told["margin_db"] == 2.25);
  BOOST_TEST(told["peers"] == 4);
  BOOST_TEST(!told.contains("seconds_to_failure"));
  BOOST_TEST(!told.contains("margin_slope_db_s"));
  BOOST_TEST(told["alarm_age_s"] == 1.5);
  BOOST_TEST(told["features"][0]["deviation"] == -4.0);
  BOOST_TEST(!told["features"][1].contains("value"));
}

BOOST_AUTO_TEST_CASE(why_tells_what_was_foreseen_and_what_was_done_about_it) {
  Start();
  thread->Do([&] {
    agent.Tell("anomaly", "r1c0 on l3 looks like fading",
               {{"neighbor", "r1c0"}, {"link", "l3"}, {"evidence", "used up in 2.1 s"}});
    agent.Tell("healer-action", "detour for r1c0 on l3: done",
               {{"neighbor", "r1c0"}, {"link", "l3"}, {"action", "detour"}, {"outcome", "done"}});
  });
  auto why = Ask({{"command", "why"}, {"to", "r0c1"}});
  BOOST_REQUIRE_MESSAGE(why.ok(), why.status().ToString());
  BOOST_REQUIRE_EQUAL((*why)["events"].size(), 2u);
  const std::string text = (*why)["text"].dump();
  BOOST_TEST(text.find("used up in 2.1 s") != std::string::npos);
  BOOST_TEST(text.find("detour for r1c0") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(why_names_faults_that_last_or_ended_a_moment_ago) {
  Start();
  const auto tell = [&](const char* kind, const char* neighbor, const char* fault) {
    agent.Tell(kind, std::string(neighbor) + " on l3: " + fault + ": seen",
               {{"neighbor", neighbor}, {"link", "l3"}, {"fault", fault}, {"evidence", "seen"}});
  };
  thread->Do([&] {
    tell("fault", "r1c0", "loses frames");
    tell("fault", "r1c0", "fading");  // another name for what goes on
    tell("fault", "r2c0", "link silent");
    tell("fault-over", "r2c0", "link silent");
    tell("fault", "r0c1", "neighbor gone");
    tell("neighbor-removed", "r0c1", "");
    tell("neighbor-up", "r0c1", "");  // it came back as somebody new
  });
  auto why = Ask({{"command", "why"}, {"to", "r0c1"}});
  BOOST_REQUIRE_MESSAGE(why.ok(), why.status().ToString());
  const Json faults = (*why)["faults"];
  BOOST_REQUIRE_EQUAL(faults.size(), 3u);
  BOOST_TEST(faults[0]["neighbor"] == "r1c0");
  BOOST_TEST(faults[0]["fault"] == "fading");
  BOOST_TEST(faults[0]["over"] == false);
  BOOST_TEST(faults[1]["over"] == true);
  BOOST_TEST(faults[2]["over"] == true);
  const std::string text = (*why)["text"].dump();
  BOOST_TEST(text.find("fault: r1c0 on l3: fading: seen (for ") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(a_node_nobody_knows_is_an_answer_that_is_no) {
  Start();
  auto path = Ask({{"command", "path"}, {"to", "nobody"}});
  BOOST_TEST(absl::IsFailedPrecondition(path.status()));
  agent.paths.clear();
  path = Ask({{"command", "path"}, {"to", "r0c1"}});
  BOOST_TEST(absl::IsFailedPrecondition(path.status()));
}

BOOST_AUTO_TEST_CASE(why_tells_path_alternate_and_what_was_left_with_evidence) {
  Start();
  thread->Do([&] {
    agent.Tell("reroute", "traffic moved",
               {{"destination", "r0c1"},
                {"class", "telemetry"},
                {"from", "r1c0"},
                {"from_link", "l3"},
                {"to", "r0c1"},
                {"to_link", "l1"},
                {"evidence", "14 ms without feedback on 13 frames"}});
    agent.Tell("reroute", "of another destination", {{"destination", "r2c2"}});
    agent.Tell("certificate-refused", "of no concern", {});
  });
  auto why = Ask({{"command", "why"}, {"to", "r0c1"}});
  BOOST_REQUIRE_MESSAGE(why.ok(), why.status().ToString());
  BOOST_TEST((*why)["next_hop"] == "r0c1");
  BOOST_TEST((*why)["alternate"] == "r1c0");
  BOOST_REQUIRE_EQUAL((*why)["events"].size(), 1u);
  std::string told = (*why)["text"].back();
  BOOST_TEST(told.find("left r1c0 via l3 ") == 0u);
  BOOST_TEST(told.find("ms ago: 14 ms without feedback on 13 frames; alternate r0c1 via l1") !=
             std::string::npos);
  auto flow = Ask({{"command", "why"}, {"to", "r0c1/critical"}});
  BOOST_REQUIRE(flow.ok());
  BOOST_TEST((*flow)["class"] == "critical");
  BOOST_TEST((*flow)["events"].empty());
}

BOOST_AUTO_TEST_CASE(wrong_questions_are_answered_as_such_and_counted) {
  Start();
  std::vector<Json> wrong = {
      {{"command", "reboot"}},
      {{"comand", "status"}},
      {{"command", 7}},
      Json::array({1, 2}),
      {{"command", "status"}, {"colour", "red"}},
      {{"command", "routes"}, {"class", "urgent"}},
      {{"command", "routes"}, {"class", 3}},
      {{"command", "path"}},
      {{"command", "path"}, {"to", Json::array()}},
      {{"command", "events"}, {"count", -1}},
      {{"command", "events"}, {"count", 1001}},
      {{"command", "events"}, {"follow", true}, {"after", "x"}},
      {{"command", "why"}, {"to", "r0c1/critical"}, {"class", "bulk"}},
      {{"command", "lab"}, {"fault", "burn"}},
  };
  for (const Json& request : wrong) {
    auto answer = Ask(request);
    BOOST_TEST(absl::IsInvalidArgument(answer.status()), request.dump());
  }
  auto counted = thread->Do([&] { return server->counters().requests_bad; });
  BOOST_TEST(counted == wrong.size());
}

BOOST_AUTO_TEST_CASE(what_is_not_json_is_answered_and_the_connection_stays_usable) {
  Start();
  int fd = Raw();
  std::string bytes = "GET / HTTP/1.1\n\n\xff\xfe{\n{\"command\":\"links\"}\n";
  BOOST_REQUIRE_EQUAL(send(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  shutdown(fd, SHUT_WR);
  std::string answers = ReadAll(fd);
  close(fd);
  BOOST_TEST(std::count(answers.begin(), answers.end(), '\n') == 4);
  BOOST_TEST(answers.find("\"ok\":true") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(many_requests_in_one_burst_are_all_answered_in_order) {
  Start();
  int fd = Raw();
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "{\"command\":\"links\"}\n";
  BOOST_REQUIRE_EQUAL(send(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  shutdown(fd, SHUT_WR);
  std::string answers = ReadAll(fd);
  close(fd);
  BOOST_TEST(std::count(answers.begin(), answers.end(), '\n') == 100);
}

BOOST_AUTO_TEST_CASE(a_request_at_the_bound_is_read_and_one_beyond_is_refused) {
  Start();
  auto ask = [&](std::size_t size) {
    std::string line = "{\"command\":\"links\"";
    line += std::string(size - line.size() - 1, ' ') + "}\n";
    int fd = Raw();
    (void)!send(fd, line.data(), line.size(), MSG_NOSIGNAL);
    std::string answer;
    char buffer[4096];
    ssize_t n;
    while (answer.find('\n') == std::string::npos &&
           (n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
      answer.append(buffer, static_cast<std::size_t>(n));
    }
    close(fd);
    return answer;
  };
  BOOST_TEST(ask(ControlServer::kRequestBytesMax).find("\"ok\":true") != std::string::npos);
  BOOST_TEST(ask(ControlServer::kRequestBytesMax + 1).find("at most 65536 bytes") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_client_beyond_the_bound_is_told_and_room_is_made_when_one_goes) {
  Start();
  std::vector<std::unique_ptr<ControlClient>> clients;
  for (std::size_t i = 0; i < ControlServer::kClientsMax; ++i) {
    clients.push_back(Connect());
    BOOST_REQUIRE(clients.back()->Request({{"command", "links"}}, 5s).ok());
  }
  auto refused = Connect()->Next(5s);
  BOOST_TEST(absl::IsFailedPrecondition(refused.status()));
  BOOST_TEST(refused.status().message().find("too many clients") != std::string::npos);
  clients.pop_back();
  // The agent sees the end of the one before or after the new one: ask until it has.
  absl::StatusOr<Json> again = absl::UnavailableError("");
  for (int i = 0; i < 1000 && !again.ok(); ++i) again = Ask({{"command", "links"}});
  BOOST_TEST(again.ok());
}

BOOST_AUTO_TEST_CASE(a_follower_gets_what_is_kept_and_then_what_happens) {
  agent.Tell("neighbor-up", "first", {});
  Start();
  auto client = Connect();
  BOOST_REQUIRE(client->Send({{"command", "events"}, {"follow", true}}, 5s).ok());
  auto first = client->Next(5s);
  BOOST_REQUIRE(first.ok());
  BOOST_TEST((*first)["text"] == "first");
  thread->Do([&] { agent.Tell("reroute", "second", {{"link", "l1"}}); });
  auto second = client->Next(5s);
  BOOST_REQUIRE(second.ok());
  BOOST_TEST((*second)["kind"] == "reroute");
  BOOST_TEST((*second)["number"] == 2);
  BOOST_TEST((*second)["fields"]["link"] == "l1");
}

BOOST_AUTO_TEST_CASE(a_follower_that_does_not_read_is_dropped_at_the_bound_and_counted) {
  Start();
  int fd = Raw();
  std::string line = "{\"command\":\"events\",\"follow\":true,\"after\":1000000}\n";
  BOOST_REQUIRE_EQUAL(send(fd, line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
  BOOST_REQUIRE(Ask({{"command", "links"}}).ok());
  std::string large(60000, 'x');
  for (int i = 0; i < 100; ++i) {
    thread->Do([&] { agent.Tell("flood", large, {}); });
  }
  BOOST_TEST(thread->Do([&] { return server->counters().clients_too_slow; }) == 1u);
  BOOST_TEST(Ask({{"command", "links"}}).ok());
  close(fd);
}

BOOST_AUTO_TEST_CASE(laboratory_faults_are_refused_unless_the_configuration_allows_them) {
  Start();
  auto refused = Ask({{"command", "lab"}, {"fault", "drop-forwarded"}, {"share", 1}});
  BOOST_TEST(absl::IsFailedPrecondition(refused.status()));
  BOOST_TEST(refused.status().message().find("[lab] enabled = true") != std::string::npos);
  BOOST_TEST(thread->Do([&] { return agent.drop_share; }) == 0.0);
}

BOOST_AUTO_TEST_CASE(laboratory_faults_reach_the_agent_with_link_share_and_class) {
  agent.facts_.lab_enabled = true;
  Start();
  BOOST_TEST(Ask({{"command", "lab"}, {"fault", "silence"}, {"link", "l1"}}).ok());
  BOOST_TEST(thread->Do([&] { return agent.silenced == LinkId(1); }));
  BOOST_TEST(!Ask({{"command", "lab"}, {"fault", "silence"}, {"link", "l9"}}).ok());
  BOOST_TEST(
      Ask({{"command", "lab"}, {"fault", "drop-forwarded"}, {"share", 0.5}, {"class", "bulk"}})
          .ok());
  BOOST_TEST(thread->Do([&] { return agent.drop_share; }) == 0.5);
  BOOST_TEST(thread->Do([&] { return agent.drop_class == TrafficClass::kBulk; }));
  for (Json share : {Json(1.5), Json(-0.1), Json("1"), Json()}) {
    auto answer = Ask({{"command", "lab"}, {"fault", "drop-forwarded"}, {"share", share}});
    BOOST_TEST(absl::IsInvalidArgument(answer.status()));
  }
  auto lab = [&](Json more) {
    more["command"] = "lab";
    return Ask(more);
  };
  BOOST_TEST(lab({{"fault", "drop-forwarded"}, {"share", 1}, {"to", "r0c1"}}).ok());
  BOOST_TEST(thread->Do([&] { return agent.drop_to == TestId(2); }));
  BOOST_TEST(!lab({{"fault", "drop-forwarded"}, {"share", 1}, {"to", "nobody"}}).ok());
  BOOST_TEST(lab({{"fault", "lie-metric"}, {"factor", 0.25}}).ok());
  BOOST_TEST(thread->Do([&] { return agent.lie_factor; }) == 0.25);
  BOOST_TEST(lab({{"fault", "delay"}, {"ms", 12.5}}).ok());
  BOOST_TEST(thread->Do([&] { return agent.lab_delay == 12500us; }));
  BOOST_TEST(lab({{"fault", "replay"}}).ok());
  BOOST_TEST(thread->Do([&] { return agent.replays; }));
  for (Json wrong : {Json{{"fault", "lie-metric"}}, Json{{"fault", "lie-metric"}, {"factor", -1}},
                     Json{{"fault", "delay"}, {"ms", 60001}}, Json{{"fault", "delay"}},
                     Json{{"fault", "replay"}, {"ms", 1}}}) {
    BOOST_TEST(absl::IsInvalidArgument(lab(wrong).status()));
  }
  BOOST_TEST(Ask({{"command", "lab"}, {"fault", "off"}}).ok());
  BOOST_TEST(thread->Do([&] { return agent.lab_active(); }) == false);
}

BOOST_AUTO_TEST_CASE(names_that_are_not_utf8_do_not_break_the_answer) {
  agent.neighbors[0].name = "r\xff\xfe";
  Start();
  auto status = Ask({{"command", "status"}});
  BOOST_TEST(status.ok());
}

BOOST_AUTO_TEST_CASE(the_socket_has_mode_0660_and_goes_with_the_server) {
  Start();
  struct stat info;
  BOOST_REQUIRE_EQUAL(stat(path.c_str(), &info), 0);
  BOOST_TEST((info.st_mode & 0777) == 0660u);
  thread.reset();
  server.reset();
  BOOST_TEST(stat(path.c_str(), &info) != 0);
  BOOST_TEST(absl::IsUnavailable(ControlClient::Connect(path, 1s).status()));
}

BOOST_AUTO_TEST_CASE(a_live_agents_socket_is_refused_and_a_dead_ones_taken_over) {
  Start();
  FakeAgent other;
  auto second = ControlServer::Create(other, path);
  BOOST_TEST(absl::IsAlreadyExists(second.status()));
  BOOST_TEST(Ask({{"command", "links"}}).ok());

  std::string stale = dir / "stale.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, stale.c_str());
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  BOOST_REQUIRE_EQUAL(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  BOOST_TEST(ControlServer::Create(other, stale).ok());
}

BOOST_AUTO_TEST_CASE(what_is_no_socket_is_never_removed) {
  FakeAgent other;
  std::string file = dir / "precious.txt";
  std::ofstream(file) << "keep";
  BOOST_TEST(absl::IsFailedPrecondition(ControlServer::Create(other, file).status()));
  std::string kept;
  std::ifstream(file) >> kept;
  BOOST_TEST(kept == "keep");
  BOOST_TEST(absl::IsInvalidArgument(
      ControlServer::Create(other, "/tmp/" + std::string(120, 'x')).status()));
}

BOOST_AUTO_TEST_SUITE_END()

// r0c0 - r0c1 - r0c2, the last one known by its certificate only.
Twin Chain() {
  Twin twin;
  for (std::uint8_t n = 1; n <= 3; ++n) {
    twin.nodes.push_back({TestId(n), "r0c" + std::to_string(n - 1), Epoch(4), {}});
  }
  const auto id = [](std::uint8_t n) { return TestId(n).Short(); };
  EdgeMetric m;
  m.loss_permille = 50;
  const AdjacencyIndex one(1);
  const AdjacencyIndex two(2);
  twin.topology = Topology({{id(1), {{one, id(2), one, m}}},
                            {id(2), {{one, id(1), one, {}}, {two, id(3), one, {}}}},
                            {id(3), {{one, id(2), two, {}}}}});
  return twin;
}

BOOST_FIXTURE_TEST_CASE(twin_is_the_map_with_each_link_once, Fixture) {
  agent.twin = Chain();
  Start();
  const Json twin = *Ask({{"command", "twin"}});
  BOOST_TEST(twin["seen_by"] == "r0c0");
  BOOST_TEST(twin["nodes"].size() == 3u);
  BOOST_REQUIRE(twin["links"].size() == 2u);
  BOOST_TEST(twin["links"][0]["a"] == "r0c0");
  BOOST_TEST(twin["links"][0]["b"] == "r0c1");
  BOOST_TEST(twin["links"][0]["ab"]["loss"].get<double>() == 0.05);
  BOOST_TEST(twin["links"][0]["ba"]["loss"].get<double>() == 0.0);
  BOOST_TEST(twin["single_points"]["nodes"] == Json::array({"r0c1"}));
}

BOOST_FIXTURE_TEST_CASE(whatif_tells_who_would_be_cut_off_in_which_class, Fixture) {
  agent.twin = Chain();
  agent.names[TestId(3)] = "r0c2";
  Start();
  const Json all = *Ask({{"command", "whatif"}, {"nodes", {"r0c1"}}});
  BOOST_TEST(all["classes"].size() == 4u);
  BOOST_TEST(all["classes"][0]["class"] == "critical");
  BOOST_TEST(all["classes"][0]["pairs_lost"] == 1);
  BOOST_TEST(all["classes"][0]["lost"] == Json::array({Json::array({"r0c0", "r0c2"})}));
  const Json link = *Ask({{"command", "whatif"},
                          {"links", Json::array({Json::array({"r0c2", "r0c1"})})},
                          {"class", "bulk"}});
  BOOST_REQUIRE(link["classes"].size() == 1u);
  BOOST_TEST(link["classes"][0]["pairs_lost"] == 2);
  BOOST_TEST(link["classes"][0]["islands"][0] == Json::array({"r0c0", "r0c1"}));
}

BOOST_FIXTURE_TEST_CASE(quarantine_is_listed_added_to_and_taken_from, Fixture) {
  agent.names[TestId(2)] = "r0c1";
  Start();
  Json list = *Ask({{"command", "quarantine"}, {"action", "list"}});
  BOOST_TEST(list.at("nodes").empty());
  agent.refusal = "r0c2 would be cut off from r0c0";
  const auto refused = Ask({{"command", "quarantine"}, {"action", "add"}, {"to", "r0c1"}});
  BOOST_TEST((refused.status().code() == absl::StatusCode::kFailedPrecondition));
  BOOST_TEST(std::string(refused.status().message()).find("cut off") != std::string::npos);
  BOOST_TEST(Ask({{"command", "quarantine"}, {"action", "add"}, {"to", "r0c1"}, {"force", true}})
                 ->at("added") == "r0c1");
  agent.accusations.push_back({"r0c2", "r0c1", "accuses", 3s});
  list = *Ask({{"command", "quarantine"}, {"action", "list"}});
  BOOST_TEST(list.at("nodes").at(0).at("node") == "r0c1");
  BOOST_TEST(list.at("nodes").at(0).at("state") == "barred");
  BOOST_TEST(!list.at("nodes").at(0).contains("left_s"));
  BOOST_TEST(list.at("testimonies").at(0).at("says") == "accuses");
  BOOST_TEST(Ask({{"command", "quarantine"}, {"action", "remove"}, {"to", "r0c1"}}).ok());
  BOOST_TEST(!Ask({{"command", "quarantine"}, {"action", "remove"}, {"to", "r0c1"}}).ok());
  BOOST_TEST((Ask({{"command", "quarantine"}, {"action", "burn"}}).status().code() ==
              absl::StatusCode::kInvalidArgument));
}

BOOST_FIXTURE_TEST_CASE(whatif_refuses_what_is_not_on_the_map, Fixture) {
  agent.twin = Chain();
  agent.names[TestId(9)] = "away";
  Start();
  const auto code = [&](const Json& request) { return Ask(request).status().code(); };
  BOOST_TEST((code({{"command", "whatif"}}) == absl::StatusCode::kInvalidArgument));
  BOOST_TEST(
      (code({{"command", "whatif"}, {"nodes", "r0c1"}}) == absl::StatusCode::kInvalidArgument));
  BOOST_TEST((code({{"command", "whatif"}, {"nodes", {7}}}) == absl::StatusCode::kInvalidArgument));
  BOOST_TEST(!Ask({{"command", "whatif"}, {"nodes", {"away"}}}).ok());
  BOOST_TEST(!Ask({{"command", "whatif"}, {"nodes", {"nobody"}}}).ok());
  // Both are there, a link between them is not.
  BOOST_TEST(
      !Ask({{"command", "whatif"}, {"links", Json::array({Json::array({"r0c0", "r0c0"})})}}).ok());
}

}  // namespace
}  // namespace selvage
