#define BOOST_TEST_MODULE state_files_test
#include "agents/membership/state_files.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/random.h"

namespace selvage {
namespace {

namespace fs = std::filesystem;

constexpr WallSeconds kNow = 1'800'000'000;

// A directory of its own for each case, gone at the end.
struct Scratch {
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "selvage-test-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(pattern.data()) != nullptr);
    root = pattern;
    net = root + "/net";
  }
  ~Scratch() { fs::remove_all(root); }
  std::string root, net;
};

AdmitOptions Options() {
  AdmitOptions o;
  o.now = kNow;
  return o;
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  BOOST_REQUIRE_MESSAGE(in, path);
  return {std::istreambuf_iterator<char>(in), {}};
}
void WriteAll(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}
unsigned ModeOf(const std::string& path) {
  struct stat info;
  BOOST_REQUIRE_MESSAGE(stat(path.c_str(), &info) == 0, path);
  return info.st_mode & 07777;
}
void RequireOk(const absl::Status& s) { BOOST_REQUIRE_MESSAGE(s.ok(), s.ToString()); }
template <typename T>
bool Fails(const absl::StatusOr<T>& result, absl::StatusCode code, const std::string& mentions) {
  const std::string text(result.status().message());
  BOOST_TEST_MESSAGE(result.status().ToString());
  return result.status().code() == code && text.find(mentions) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_admitted_node_loads_what_was_issued) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  AdmitOptions options = Options();
  options.days = 2;
  options.address = "10.99.0.7";
  options.roles = {"node", "gateway"};
  const auto issued = AdmitNode(s.net, "r0c0", s.root + "/a/b/r0c0", options);
  RequireOk(issued.status());
  const auto files = LoadMembership(s.root + "/a/b/r0c0");
  RequireOk(files.status());
  const Certificate& c = files->identity.certificate;
  BOOST_TEST(files->anchor.network == "lab");
  BOOST_TEST(c.name == "r0c0");
  BOOST_TEST(c.serial == 1u);
  BOOST_TEST(c.not_before == kNow - 86400);
  BOOST_TEST(c.not_after == kNow + 2 * 86400);
  BOOST_TEST(c.tun_address == "10.99.0.7");
  BOOST_TEST((c.roles == options.roles));
  BOOST_TEST((c.id == issued->id));
  auto crypto = NewSodiumCrypto();
  RequireOk(VerifyCertificate(*crypto, files->anchor, c.encoded, kNow).status());
}

BOOST_AUTO_TEST_CASE(secrets_are_for_their_owner_only_whatever_the_umask) {
  Scratch s;
  const mode_t old = umask(0);
  RequireOk(CreateNetwork(s.net, "lab"));
  RequireOk(AdmitNode(s.net, "n", s.root + "/n", Options()).status());
  umask(old);
  BOOST_TEST(ModeOf(s.net) == 0700u);
  BOOST_TEST(ModeOf(s.net + "/network.key") == 0600u);
  BOOST_TEST(ModeOf(s.root + "/n") == 0700u);
  BOOST_TEST(ModeOf(s.root + "/n/identity.key") == 0600u);
  BOOST_TEST(ModeOf(s.root + "/n/certificate.bin") == 0644u);
}

BOOST_AUTO_TEST_CASE(a_node_never_gets_the_networks_key_nor_the_network_a_nodes) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  const std::string network_key = ReadAll(s.net + "/network.key").substr(30, 64);
  RequireOk(AdmitNode(s.net, "n", s.root + "/n", Options()).status());
  for (const auto& entry : fs::directory_iterator(s.root + "/n")) {
    BOOST_TEST(ReadAll(entry.path()).find(network_key) == std::string::npos, entry.path());
  }
  BOOST_TEST(
      Fails(AdmitNode(s.net, "m", s.net, Options()), absl::StatusCode::kFailedPrecondition, s.net));
}

BOOST_AUTO_TEST_CASE(a_network_is_never_overwritten) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  const std::string key = ReadAll(s.net + "/network.key");
  BOOST_TEST((CreateNetwork(s.net, "lab").code() == absl::StatusCode::kAlreadyExists));
  BOOST_TEST(ReadAll(s.net + "/network.key") == key);
}

BOOST_AUTO_TEST_CASE(an_identity_and_a_name_are_kept_unless_replacing_is_asked_for) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  const auto first = AdmitNode(s.net, "n", s.root + "/n", Options());
  RequireOk(first.status());
  const std::string key = ReadAll(s.root + "/n/identity.key");
  BOOST_TEST(Fails(AdmitNode(s.net, "m", s.root + "/n", Options()),
                   absl::StatusCode::kAlreadyExists, s.root + "/n"));
  BOOST_TEST(Fails(AdmitNode(s.net, "n", s.root + "/other", Options()),
                   absl::StatusCode::kAlreadyExists, "name n"));
  BOOST_TEST(ReadAll(s.root + "/n/identity.key") == key);
  BOOST_TEST(!fs::exists(s.root + "/other"));

  AdmitOptions replace = Options();
  replace.replace = true;
  const auto second = AdmitNode(s.net, "n", s.root + "/n", replace);
  RequireOk(second.status());
  BOOST_TEST((second->id != first->id));
  BOOST_TEST(second->serial == 2u);
  const auto loaded = LoadMembership(s.root + "/n");
  RequireOk(loaded.status());
  BOOST_TEST((loaded->identity.certificate.id == second->id));
}

BOOST_AUTO_TEST_CASE(a_fixed_address_belongs_to_one_name_until_it_expires) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  AdmitOptions options = Options();
  options.address = "10.99.0.1";
  options.days = 1;
  RequireOk(AdmitNode(s.net, "a", s.root + "/a", options).status());
  BOOST_TEST(Fails(AdmitNode(s.net, "b", s.root + "/b", options), absl::StatusCode::kAlreadyExists,
                   "10.99.0.1"));
  // Its owner may give it up ...
  AdmitOptions without = Options();
  without.replace = true;
  RequireOk(AdmitNode(s.net, "a", s.root + "/a", without).status());
  RequireOk(AdmitNode(s.net, "b", s.root + "/b", options).status());
  // ... or let it expire.
  options.now += 86401;
  RequireOk(AdmitNode(s.net, "c", s.root + "/c", options).status());
}

BOOST_AUTO_TEST_CASE(serials_only_grow_even_when_the_serial_file_is_set_back) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  for (std::uint64_t i = 1; i <= 5; ++i) {
    const std::string name = "n" + std::to_string(i);
    const auto c = AdmitNode(s.net, name, s.root + "/" + name, Options());
    RequireOk(c.status());
    BOOST_TEST(c->serial == i);
    if (i == 3) WriteAll(s.net + "/serial", "0\n");
  }
}

BOOST_AUTO_TEST_CASE(after_a_failed_admission_the_name_is_free_again) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  WriteAll(s.root + "/file", "in the way");
  BOOST_TEST(!AdmitNode(s.net, "n", s.root + "/file/n", Options()).ok());
  BOOST_TEST(!AdmitNode(s.net, "n", s.root + "/file", Options()).ok());
  BOOST_TEST(ReadAll(s.net + "/issued.txt").empty());
  const auto c = AdmitNode(s.net, "n", s.root + "/n", Options());
  RequireOk(c.status());
  BOOST_TEST(c->serial == 3u);  // those of the failures are spent
}

BOOST_AUTO_TEST_CASE(parallel_admissions_get_different_serials_and_all_are_listed) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  constexpr int kThreads = 4, kEach = 5;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&s, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string name = "n" + std::to_string(t) + "-" + std::to_string(i);
        if (!AdmitNode(s.net, name, s.root + "/" + name, Options()).ok()) return;
      }
    });
  }
  for (auto& t : threads) t.join();
  const std::string issued = ReadAll(s.net + "/issued.txt");
  BOOST_TEST(std::count(issued.begin(), issued.end(), '\n') == kThreads * kEach);
  BOOST_TEST(ReadAll(s.net + "/serial") == "20\n");
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused_before_anything_is_written) {
  Scratch s;
  BOOST_TEST((CreateNetwork(s.net, "two words").code() == absl::StatusCode::kInvalidArgument));
  BOOST_TEST(!fs::exists(s.net));
  BOOST_TEST(Fails(AdmitNode(s.net, "n", s.root + "/n", Options()), absl::StatusCode::kNotFound,
                   "network create"));
  RequireOk(CreateNetwork(s.net, "lab"));
  const auto refused = [&s](const std::string& name, const AdmitOptions& o) {
    return AdmitNode(s.net, name, s.root + "/n", o).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  BOOST_TEST(refused("", Options()));
  BOOST_TEST(refused("../n", Options()));
  AdmitOptions o = Options();
  o.days = 0;
  BOOST_TEST(refused("n", o));
  o.days = 36501;
  BOOST_TEST(refused("n", o));
  o = Options();
  o.address = "10.99.0.1/16";
  BOOST_TEST(refused("n", o));
  o = Options();
  o.now = 0;
  BOOST_TEST(refused("n", o));
  o = Options();
  o.roles = {"two words"};
  BOOST_TEST(refused("n", o));
  BOOST_TEST(!fs::exists(s.root + "/n"));
  BOOST_TEST(ReadAll(s.net + "/serial") == "0\n");
}

BOOST_AUTO_TEST_CASE(a_directory_everybody_may_write_to_is_refused) {
  Scratch s;
  fs::create_directory(s.root + "/open");
  BOOST_REQUIRE(chmod((s.root + "/open").c_str(), 0777) == 0);
  BOOST_TEST(
      (CreateNetwork(s.root + "/open", "lab").code() == absl::StatusCode::kFailedPrecondition));
}

BOOST_AUTO_TEST_CASE(a_secret_open_to_others_is_refused_with_the_way_out) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  RequireOk(AdmitNode(s.net, "n", s.root + "/n", Options()).status());
  BOOST_REQUIRE(chmod((s.root + "/n/identity.key").c_str(), 0640) == 0);
  BOOST_TEST(Fails(LoadMembership(s.root + "/n"), absl::StatusCode::kFailedPrecondition,
                   "chmod 600 " + s.root + "/n/identity.key"));
  BOOST_REQUIRE(chmod((s.net + "/network.key").c_str(), 0604) == 0);
  BOOST_TEST(Fails(AdmitNode(s.net, "m", s.root + "/m", Options()),
                   absl::StatusCode::kFailedPrecondition, "network.key"));
}

BOOST_AUTO_TEST_CASE(each_missing_file_is_named_with_what_to_do) {
  for (const char* name : {"identity.key", "certificate.bin", "trust-anchor.json"}) {
    Scratch s;
    RequireOk(CreateNetwork(s.net, "lab"));
    RequireOk(AdmitNode(s.net, "n", s.root + "/n", Options()).status());
    fs::remove(s.root + "/n/" + name);
    const auto files = LoadMembership(s.root + "/n");
    BOOST_TEST(Fails(files, absl::StatusCode::kNotFound, name));
    BOOST_TEST(Fails(files, absl::StatusCode::kNotFound, "selvage network admit"));
  }
}

BOOST_AUTO_TEST_CASE(files_that_do_not_belong_together_are_refused) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  RequireOk(CreateNetwork(s.root + "/other", "lab"));
  RequireOk(AdmitNode(s.net, "a", s.root + "/a", Options()).status());
  RequireOk(AdmitNode(s.net, "b", s.root + "/b", Options()).status());
  RequireOk(AdmitNode(s.root + "/other", "c", s.root + "/c", Options()).status());

  const std::string a_certificate = ReadAll(s.root + "/a/certificate.bin");
  WriteAll(s.root + "/a/certificate.bin", ReadAll(s.root + "/b/certificate.bin"));
  BOOST_TEST(Fails(LoadMembership(s.root + "/a"), absl::StatusCode::kDataLoss, "belong together"));
  WriteAll(s.root + "/a/certificate.bin", ReadAll(s.root + "/c/certificate.bin"));
  BOOST_TEST(
      Fails(LoadMembership(s.root + "/a"), absl::StatusCode::kPermissionDenied, "certificate.bin"));
  WriteAll(s.root + "/a/certificate.bin", a_certificate);
  RequireOk(LoadMembership(s.root + "/a").status());

  // Both secrets must fit: exchange only the agreement key.
  std::string a = ReadAll(s.root + "/a/identity.key");
  const std::string b = ReadAll(s.root + "/b/identity.key");
  const auto at = a.find("agreement");
  WriteAll(s.root + "/a/identity.key", a.substr(0, at) + b.substr(at));
  BOOST_TEST(Fails(LoadMembership(s.root + "/a"), absl::StatusCode::kDataLoss, "belong together"));

  WriteAll(s.net + "/trust-anchor.json", ReadAll(s.root + "/other/trust-anchor.json"));
  BOOST_TEST(Fails(AdmitNode(s.net, "d", s.root + "/d", Options()), absl::StatusCode::kDataLoss,
                   "network.key"));
}

BOOST_AUTO_TEST_CASE(random_bytes_in_any_file_are_an_error_and_never_a_crash) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  RequireOk(AdmitNode(s.net, "n", s.root + "/n", Options()).status());
  Random random(3);
  for (const char* name : {"identity.key", "certificate.bin", "trust-anchor.json"}) {
    const std::string path = s.root + "/n/" + name;
    const std::string good = ReadAll(path);
    for (int i = 0; i < 300; ++i) {
      std::string bad = good;
      if (i % 3 == 0) {
        bad.resize(random.Below(good.size() - 1));  // a lost last newline would be harmless
      } else if (i % 3 == 1) {
        bad.assign(random.Below(6000), '\0');
        for (char& c : bad) c = static_cast<char>(random.U64());
      } else {
        bad[random.Below(bad.size() / 2)] ^= static_cast<char>(0x80);
      }
      WriteAll(path, bad);
      const auto files = LoadMembership(s.root + "/n");
      BOOST_REQUIRE_MESSAGE(!files.ok(), name << " round " << i);
      BOOST_REQUIRE(!files.status().message().empty());
    }
    WriteAll(path, good);
    RequireOk(LoadMembership(s.root + "/n").status());
  }
  for (const char* name : {"issued.txt", "serial", "network.key", "trust-anchor.json"}) {
    const std::string good = ReadAll(s.net + "/" + name);
    WriteAll(s.net + "/" + name, "\x01 nonsense");
    BOOST_TEST(
        Fails(AdmitNode(s.net, "m", s.root + "/m", Options()), absl::StatusCode::kDataLoss, name));
    WriteAll(s.net + "/" + name, good);
  }
  RequireOk(AdmitNode(s.net, "m", s.root + "/m", Options()).status());
}

BOOST_AUTO_TEST_CASE(a_temporary_file_left_by_a_crash_does_no_harm) {
  Scratch s;
  RequireOk(CreateNetwork(s.net, "lab"));
  WriteAll(s.net + "/.issued.txt.new", "half a li");
  RequireOk(AdmitNode(s.net, "n", s.root + "/n", Options()).status());
  for (const std::string& dir : {s.net, s.root + "/n"}) {
    for (const auto& entry : fs::directory_iterator(dir)) {
      BOOST_TEST(entry.path().filename().string().front() != '.', entry.path());
    }
  }
}

}  // namespace selvage
