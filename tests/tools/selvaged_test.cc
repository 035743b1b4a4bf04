#define BOOST_TEST_MODULE selvaged_test
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

namespace fs = std::filesystem;

const std::string kBin = SELVAGE_BIN_DIR;

struct Outcome {
  int status = -1;
  std::string output;  // both streams
};

Outcome Run(const std::string& command) {
  Outcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  BOOST_REQUIRE(pipe != nullptr);
  char buffer[4096];
  std::size_t n = 0;
  while ((n = fread(buffer, 1, sizeof(buffer), pipe)) > 0) outcome.output.append(buffer, n);
  outcome.status = WEXITSTATUS(pclose(pipe));
  return outcome;
}

struct World {
  World() {
    char name[] = "/tmp/selvage-daemon-XXXXXX";
    dir = mkdtemp(name);
    BOOST_REQUIRE(Run(kBin + "/selvage network create " + dir + "/net --name t").status == 0);
    BOOST_REQUIRE(
        Run(kBin + "/selvage network admit " + dir + "/net --name a --out " + dir + "/a").status ==
        0);
  }
  ~World() { fs::remove_all(dir); }
  std::string Write(const std::string& text) const {
    std::ofstream(dir + "/a.toml") << text;
    return dir + "/a.toml";
  }
  std::string Node() const { return "[node]\nname = \"a\"\nstate_dir = \"" + dir + "/a\"\n"; }
  std::string dir;
};

// An agent in the background; `log` is what it says, line by line.
struct Agent {
  explicit Agent(const std::string& config) {
    int fds[2];
    BOOST_REQUIRE(pipe(fds) == 0);
    pid = fork();
    if (pid == 0) {
      dup2(fds[1], STDERR_FILENO);
      close(fds[0]);
      close(fds[1]);
      execl((kBin + "/selvaged").c_str(), "selvaged", "--config", config.c_str(), nullptr);
      _exit(127);
    }
    close(fds[1]);
    log = fdopen(fds[0], "r");
  }
  ~Agent() {
    if (pid > 0) End(SIGKILL);
    fclose(log);
  }
  // Reads the log until a line has `part`; false when the agent ends before.
  bool Says(const std::string& part) {
    char line[4096];
    while (fgets(line, sizeof(line), log) != nullptr) {
      seen += line;
      if (std::string(line).find(part) != std::string::npos) {
        last = line;
        return true;
      }
    }
    return false;
  }
  int End(int signal) {
    kill(pid, signal);
    int state = 0;
    waitpid(pid, &state, 0);
    pid = -1;
    return state;
  }
  pid_t pid = -1;
  FILE* log = nullptr;
  std::string seen;
  std::string last;
};

BOOST_AUTO_TEST_CASE(usage_errors_exit_2_and_questions_exit_0) {
  BOOST_TEST(Run(kBin + "/selvaged").status == 2);
  BOOST_TEST(Run(kBin + "/selvaged --bogus").status == 2);
  BOOST_TEST(Run(kBin + "/selvaged --config /nonexistent").status == 2);
  BOOST_TEST(Run(kBin + "/selvaged --version").output.find("selvaged ") == 0u);
  BOOST_TEST(Run(kBin + "/selvaged --help").status == 0);
}

BOOST_AUTO_TEST_CASE(a_configuration_is_checked_and_the_default_one_is_fine) {
  World world;
  const std::string file = world.Write("");
  BOOST_TEST(Run(kBin + "/selvaged --print-default-config > " + file).status == 0);
  BOOST_TEST(Run(kBin + "/selvaged --check-config --config " + file).status == 0);
  world.Write(world.Node() +
              "[[link]]\ntransport = \"ethernet\"\nintreface = \"e\"\npeers = [\"udp://a:1\"]\n");
  const Outcome wrong = Run(kBin + "/selvaged --check-config --config " + file);
  BOOST_TEST(wrong.status == 2);
  BOOST_TEST(wrong.output.find(file + ":6:1: unknown key 'intreface' in [[link]]; did you mean "
                                      "'interface'?") == 0u);
}

BOOST_AUTO_TEST_CASE(a_users_model_is_loaded_and_timed_or_refused_by_operator_or_time) {
  World world;
  const std::string model = world.dir + "/model.onnx";
  const std::string link = "[[link]]\ntransport = \"ethernet\"\npeers = [\"udp://127.0.0.1:1\"]\n";
  const std::string head = world.Node() + link + "[model]\nonnx = \"" + model + "\"\n";
  const std::string make = SELVAGE_SOURCE_DIR "/tools/example_model.py ";
  for (const char* form : {"", " --int8"}) {
    BOOST_TEST_REQUIRE(Run(make + model + form).status == 0);
    const Outcome fine = Run(kBin + "/selvaged --check-config --config " +
                             world.Write(head + "scorer_budget_us = 10000\n"));
    BOOST_TEST(fine.status == 0, fine.output);
    BOOST_TEST(fine.output.find("scores windows of 8 samples in ") != std::string::npos);
  }
  BOOST_TEST_REQUIRE(Run(make + model + " --samples 64").status == 0);
  const Outcome slow = Run(kBin + "/selvaged --check-config --config " +
                           world.Write(head + "scorer_budget_us = 1\n"));
  BOOST_TEST(slow.status == 2);
  BOOST_TEST(slow.output.find("is refused: one window takes it ") != std::string::npos,
             slow.output);
  // The same file with an operator's name changed.
  BOOST_TEST_REQUIRE(Run("sed -i s/Reshape/Explode/ " + model).status == 0);
  const Outcome unknown = Run(kBin + "/selvaged --check-config --config " + world.Write(head));
  BOOST_TEST(unknown.status == 2);
  BOOST_TEST(unknown.output.find("operator Explode is not supported") != std::string::npos,
             unknown.output);
}

BOOST_AUTO_TEST_CASE(a_node_without_identity_is_told_how_to_get_one) {
  World world;
  fs::remove_all(world.dir + "/a");
  const Outcome outcome = Run(kBin + "/selvaged --config " + world.Write(world.Node()));
  BOOST_TEST(outcome.status == 1);
  BOOST_TEST(outcome.output.find("selvage network admit") != std::string::npos, outcome.output);
}

BOOST_AUTO_TEST_CASE(a_killed_agent_comes_back_as_the_same_node_with_a_higher_epoch) {
  World world;
  const std::string file = world.Write(world.Node() + "[control]\nsocket = \"" + world.dir +
                                       "/c\"\n[api]\nendpoint = \"ipc://" + world.dir + "/api\"\n");
  std::string first;
  {
    Agent agent(file);
    BOOST_REQUIRE_MESSAGE(agent.Says(": node a "), agent.seen);
    first = agent.last.substr(agent.last.find("node a "));
    // One at a time.
    const Outcome second = Run(kBin + "/selvaged --config " + file);
    BOOST_TEST(second.status == 1);
    BOOST_TEST(second.output.find("another agent") != std::string::npos);
    BOOST_TEST(WIFSIGNALED(agent.End(SIGKILL)));
  }
  Agent agent(file);
  BOOST_REQUIRE_MESSAGE(agent.Says(": node a "), agent.seen);
  const std::string again = agent.last.substr(agent.last.find("node a "));
  const std::size_t id_bytes = std::string("node a (").size() + 32;
  BOOST_TEST(first.substr(0, id_bytes) == again.substr(0, id_bytes));
  const auto epoch = [](const std::string& line) {
    return std::stoull(line.substr(line.find("epoch ") + 6));
  };
  BOOST_TEST(epoch(again) == epoch(first) + 1);
  BOOST_TEST(Run(kBin + "/selvage --control " + world.dir + "/c status").status == 0);
  const int state = agent.End(SIGTERM);
  BOOST_TEST(WIFEXITED(state));
  BOOST_TEST(WEXITSTATUS(state) == 0);
  BOOST_TEST(agent.Says("stopped"));
  BOOST_TEST(Run(kBin + "/selvage --control " + world.dir + "/c status").status == 3);
}

}  // namespace
