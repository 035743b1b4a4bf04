#define BOOST_TEST_MODULE rocks_store_test
#include "agents/store/rocks_store.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace selvage {
namespace {

namespace fs = std::filesystem;

struct TempDir {
  TempDir() {
    char name[] = "/tmp/selvage-store-XXXXXX";
    path = mkdtemp(name);
  }
  ~TempDir() { fs::remove_all(path); }
  std::string path;
};

std::unique_ptr<RocksStore> MustOpen(const std::string& path) {
  auto store = RocksStore::Open(path);
  BOOST_REQUIRE_MESSAGE(store.ok(), store.status().ToString());
  return std::move(*store);
}

// A process of its own that does `role` with the store at `path`: this program again, running the
// disabled case below. (A bare fork would lack RocksDB's background threads.) `out` is its standard
// output, `in` its standard input.
struct Child {
  Child(const std::string& role, const std::string& path) {
    int to[2];
    int from[2];
    BOOST_REQUIRE(pipe2(to, O_CLOEXEC) == 0);
    BOOST_REQUIRE(pipe2(from, O_CLOEXEC) == 0);
    setenv("SELVAGE_TEST_ROLE", role.c_str(), 1);
    setenv("SELVAGE_TEST_PATH", path.c_str(), 1);
    pid = fork();
    if (pid == 0) {
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      execl("/proc/self/exe", "rocks_store_test", "--run_test=in_the_child", "--report_level=no",
            "--log_level=nothing", nullptr);
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    in = to[1];
    out = from[0];
  }
  ~Child() {
    close(in);
    close(out);
    if (!waited) Wait();
  }
  int Wait() {
    int state = 0;
    waitpid(pid, &state, 0);
    waited = true;
    return state;
  }
  pid_t pid = -1;
  int in = -1;
  int out = -1;
  bool waited = false;
};

std::vector<fs::path> LogFiles(const std::string& path) {
  std::vector<fs::path> logs;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".log") logs.push_back(entry.path());
  }
  return logs;
}

// Leaves the process without closing the database: its log stays behind as after a crash.
BOOST_AUTO_TEST_CASE(in_the_child, *boost::unit_test::disabled()) {
  const char* role_text = getenv("SELVAGE_TEST_ROLE");
  const char* path = getenv("SELVAGE_TEST_PATH");
  if (role_text == nullptr || path == nullptr) _exit(3);
  const std::string role = role_text;
  auto opened = RocksStore::Open(path);
  if (!opened.ok()) _exit(1);
  RocksStore& store = **opened;
  std::string error;
  if (role == "hold") {
    char c = 'y';
    if (write(STDOUT_FILENO, &c, 1) != 1) _exit(1);
    while (read(STDIN_FILENO, &c, 1) > 0) {
    }
    _exit(0);
  }
  if (role.rfind("write ", 0) == 0) {
    // 4 KB each, so that the log is flushed and turned over on the way.
    const std::string value(4096, 'v');
    for (std::uint32_t i = 0; store.Write({{role.substr(6) + std::to_string(i), value}}, &error);
         ++i) {
      if (write(STDOUT_FILENO, &i, sizeof(i)) != sizeof(i)) break;
    }
    _exit(2);
  }
  bool ok = store.Write({{"kept", "1"}}, &error);
  if (role == "tear") ok = ok && store.Write({{"torn", std::string(1000, 't')}}, &error);
  for (int i = 0; ok && role == "many" && i < 4; ++i) {
    ok = store.Write({{"later" + std::to_string(i), std::string(1000, 't')}}, &error);
  }
  _exit(ok ? 0 : 1);
}

BOOST_AUTO_TEST_CASE(what_was_written_is_there_after_opening_again) {
  TempDir dir;
  {
    auto store = MustOpen(dir.path + "/s");
    std::string error;
    BOOST_TEST(store->Write({{"a", "1"}, {"b", std::string("\0x", 2)}, {"c", "3"}}, &error), error);
    BOOST_TEST(store->Write({{"a", std::nullopt}, {"c", "4"}}, &error), error);
  }
  auto store = MustOpen(dir.path + "/s");
  BOOST_TEST(!store->Get("a").has_value());
  BOOST_TEST(store->Get("b").value() == std::string("\0x", 2));
  BOOST_TEST(store->Get("c").value() == "4");
  BOOST_TEST(store->read_status().ok());
  BOOST_TEST(store->recovery().ok());
}

BOOST_AUTO_TEST_CASE(a_scan_visits_the_prefix_in_order_and_stops_when_told) {
  TempDir dir;
  auto store = MustOpen(dir.path + "/s");
  std::string error;
  BOOST_REQUIRE(
      store->Write({{"p/2", "b"}, {"p/1", "a"}, {"q", "x"}, {"p/3", "c"}, {"o", "x"}}, &error));
  std::string seen;
  store->Scan("p/", [&seen](std::string_view key, std::string_view value) {
    seen += std::string(key) + "=" + std::string(value) + " ";
    return true;
  });
  BOOST_TEST(seen == "p/1=a p/2=b p/3=c ");
  int visits = 0;
  store->Scan("p/", [&visits](std::string_view, std::string_view) { return ++visits < 2; });
  BOOST_TEST(visits == 2);
}

BOOST_AUTO_TEST_CASE(two_openers_exclude_each_other_also_between_processes) {
  TempDir dir;
  auto store = MustOpen(dir.path + "/s");
  const auto second = RocksStore::Open(dir.path + "/s");
  BOOST_TEST((second.status().code() == absl::StatusCode::kUnavailable));
  BOOST_TEST(second.status().message().find("another agent") != absl::string_view::npos);

  store.reset();
  Child child("hold", dir.path + "/s");
  char c = 0;
  BOOST_REQUIRE(read(child.out, &c, 1) == 1);
  BOOST_TEST(c == 'y');
  const auto third = RocksStore::Open(dir.path + "/s");
  BOOST_TEST((third.status().code() == absl::StatusCode::kUnavailable), third.status().ToString());
  BOOST_TEST(third.status().message().find("another agent") != absl::string_view::npos);
}

// The child acknowledges each write through a pipe after Write() returned true.
BOOST_AUTO_TEST_CASE(a_writer_killed_in_the_middle_has_lost_nothing_it_acknowledged) {
  TempDir dir;
  constexpr int kKillAfter[] = {1, 57, 400};
  int round = 0;
  for (const int kill_after : kKillAfter) {
    const std::string prefix = "r" + std::to_string(round++) + "/";
    Child child("write " + prefix, dir.path + "/s");
    std::uint32_t last = 0;
    int count = 0;
    while (read(child.out, &last, sizeof(last)) == sizeof(last)) {
      if (++count == kill_after) kill(child.pid, SIGKILL);
    }
    const int state = child.Wait();
    BOOST_TEST((WIFSIGNALED(state) && WTERMSIG(state) == SIGKILL));
    BOOST_TEST(count >= kill_after);
    auto store = MustOpen(dir.path + "/s");
    BOOST_TEST(store->recovery().ok());
    for (std::uint32_t i = 0; i <= last; ++i) {
      BOOST_TEST_REQUIRE(store->Get(prefix + std::to_string(i)).has_value(), "lost write " << i);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_torn_end_of_the_log_is_cut_off_in_silence) {
  TempDir dir;
  const std::string path = dir.path + "/s";
  Child child("tear", path);
  BOOST_REQUIRE(WEXITSTATUS(child.Wait()) == 0);
  const auto logs = LogFiles(path);
  BOOST_REQUIRE(logs.size() == 1u);
  fs::resize_file(logs[0], fs::file_size(logs[0]) - 500);
  auto store = MustOpen(path);
  BOOST_TEST(store->Get("kept").value() == "1");
  BOOST_TEST(!store->Get("torn").has_value());
  BOOST_TEST(store->recovery().ok());
}

BOOST_AUTO_TEST_CASE(damage_inside_the_log_is_recovered_from_and_said) {
  TempDir dir;
  const std::string path = dir.path + "/s";
  Child child("many", path);
  BOOST_REQUIRE(WEXITSTATUS(child.Wait()) == 0);
  const auto logs = LogFiles(path);
  BOOST_REQUIRE(logs.size() == 1u);
  {
    std::fstream file(logs[0], std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(600);
    file.write("damage", 6);
  }
  auto store = MustOpen(path);
  BOOST_TEST(store->Get("kept").value() == "1");
  BOOST_TEST((store->recovery().code() == absl::StatusCode::kDataLoss));
  std::string error;
  BOOST_TEST(store->Write({{"new", "1"}}, &error), error);
}

BOOST_AUTO_TEST_CASE(a_damaged_database_is_refused_with_what_to_do) {
  TempDir dir;
  const std::string path = dir.path + "/s";
  {
    auto store = MustOpen(path);
    std::string error;
    BOOST_REQUIRE(store->Write({{"a", "1"}}, &error));
  }
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().filename().string().rfind("MANIFEST", 0) == 0) {
      std::ofstream(entry.path(), std::ios::trunc) << "this is not a manifest";
    }
  }
  const auto store = RocksStore::Open(path);
  BOOST_TEST((store.status().code() == absl::StatusCode::kDataLoss), store.status().ToString());
  BOOST_TEST(store.status().message().find("away") != absl::string_view::npos);
}

BOOST_AUTO_TEST_CASE(a_path_that_cannot_be_made_is_refused) {
  TempDir dir;
  std::ofstream(dir.path + "/file") << "x";
  BOOST_TEST(!RocksStore::Open(dir.path + "/file/s").ok());
  if (geteuid() == 0) {
    BOOST_TEST_MESSAGE("skipped: root may write everywhere");
    return;
  }
  fs::permissions(dir.path, fs::perms::owner_read | fs::perms::owner_exec);
  const auto store = RocksStore::Open(dir.path + "/s");
  BOOST_TEST((store.status().code() == absl::StatusCode::kPermissionDenied));
  fs::permissions(dir.path, fs::perms::owner_all);
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_and_goes_on_when_there_is_room) {
  TempDir dir;
  if (geteuid() != 0 || mount("tmpfs", dir.path.c_str(), "tmpfs", 0, "size=4m") != 0) {
    BOOST_TEST_MESSAGE("skipped: mounting a small tmpfs needs root");
    return;
  }
  {
    const std::string ballast = dir.path + "/ballast";
    auto store = MustOpen(dir.path + "/s");
    std::string error;
    BOOST_TEST(store->Write({{"before", "1"}}, &error), error);
    {
      std::ofstream file(ballast);
      const std::string block(64 * 1024, 'b');
      while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
      }
    }
    int written = 0;
    while (written < 1000 &&
           store->Write({{"k" + std::to_string(written), std::string(8192, 'v')}}, &error)) {
      ++written;
    }
    BOOST_TEST(written < 1000);
    BOOST_TEST(error.find("make room") != std::string::npos, error);
    std::string again;
    BOOST_TEST(!store->Write({{"refused", std::string(256 * 1024, 'v')}}, &again));
    fs::remove(ballast);
    BOOST_TEST(store->Write({{"after", "1"}}, &error), error);
    store.reset();
    store = MustOpen(dir.path + "/s");
    BOOST_TEST(store->Get("before").value_or("") == "1");
    BOOST_TEST(store->Get("after").value_or("") == "1");
    for (int i = 0; i < written; ++i) {
      BOOST_TEST_REQUIRE(store->Get("k" + std::to_string(i)).has_value(), "lost write " << i);
    }
  }
  umount(dir.path.c_str());
}

}  // namespace
}  // namespace selvage
