#define BOOST_TEST_MODULE config_test
#include "agents/runtime/config.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "agents/anomaly/schema.h"

namespace selvage {
namespace {

const char kGood[] = R"([node]
name = "r0c0"
state_dir = "/var/lib/selvage"
[control]
socket = "/run/selvage/control.sock"
[api]
endpoint = "ipc:///run/selvage/api.sock"
[tun]
name = "selvage0"
address = "10.99.0.1/16"
mtu = 1280
class = "telemetry"
[outbox]
messages = 100
carried_messages = 0
[model]
alarm_decades = 5
share = false
advise_only = ["detour"]
[[healer.rule]]
name = "rain"
when = [{ feature = "snr", below = 6 }, { feature = "loss", above = 0.02 }]
hold_s = 2.5
action = "detour"
[[healer.rule]]
scope = "machine"
when = [{ feature = "temperature", above = 80 }]
action = "announce"
advise_only = true
[lab]
enabled = true
[[link]]
transport = "ethernet"
interface = "veth1"
[[link]]
transport = "ethernet"
listen = "127.0.0.1:7701"
peers = ["udp://192.0.2.7:7700", "zmq+tcp://hub.example:7701"]
)";

const std::string kNode = "[node]\nname = \"a\"\nstate_dir = \"/s\"\n";  // lines 1 to 3

// The message for a file that must be refused.
std::string Refusal(const std::string& text) {
  const auto config = ParseConfig(text, "f.toml");
  BOOST_TEST(!config.ok(), "accepted: " << text);
  if (config.ok()) return "";
  BOOST_TEST((config.status().code() == absl::StatusCode::kInvalidArgument));
  return std::string(config.status().message());
}

void CheckRefused(const std::string& text, const std::string& place, const std::string& part) {
  const std::string message = Refusal(text);
  BOOST_TEST(message.find("f.toml:" + place + ": ") == 0u,
             "'" << message << "' is not at " << place);
  BOOST_TEST(message.find(part) != std::string::npos,
             "'" << message << "' does not say '" << part << "'");
  BOOST_TEST(message.find('\n') == std::string::npos, "more than one: " << message);
}

BOOST_AUTO_TEST_CASE(a_complete_file_is_read) {
  const auto config = ParseConfig(kGood, "f.toml");
  BOOST_REQUIRE_MESSAGE(config.ok(), config.status().ToString());
  BOOST_TEST(config->node_name == "r0c0");
  BOOST_TEST(config->state_dir == "/var/lib/selvage");
  BOOST_TEST(config->healing);
  BOOST_TEST(config->quarantine);
  BOOST_TEST(config->control_socket == "/run/selvage/control.sock");
  BOOST_TEST(config->api_endpoint == "ipc:///run/selvage/api.sock");
  BOOST_TEST(config->http_listen.empty());
  BOOST_TEST(config->outbox.messages == 100);
  BOOST_TEST(config->outbox.megabytes == 32);
  BOOST_TEST(config->outbox.carried_messages == 0);
  BOOST_TEST(config->model.enabled);
  BOOST_TEST(config->model.alarm_decades == 5.0);
  BOOST_TEST(!config->model.share);
  BOOST_REQUIRE(config->model.advise.size() == 1u);
  BOOST_TEST((config->model.advise[0] == Action::kDetour));
  BOOST_TEST_REQUIRE(config->model.rules.size() == 2u);
  const Rule& rain = config->model.rules[0];
  BOOST_TEST(rain.name == "rain");
  BOOST_TEST_REQUIRE(rain.when.size() == 2u);
  BOOST_TEST(anomaly::LinkSchema().features[rain.when[0].column].name == std::string("snr"));
  BOOST_TEST(!rain.when[0].above);
  BOOST_TEST(rain.when[1].above);
  BOOST_TEST((rain.hold == 2500ms));
  BOOST_TEST((rain.action == Action::kDetour));
  const Rule& hot = config->model.rules[1];
  BOOST_TEST(hot.name == "2");
  BOOST_TEST(hot.machine);
  BOOST_TEST(hot.advise_only);
  BOOST_TEST(config->lab);
  BOOST_TEST(config->log_level == "info");
  BOOST_REQUIRE(config->tun.has_value());
  BOOST_TEST(config->tun->address == "10.99.0.1");
  BOOST_TEST(config->tun->prefix_length == 16);
  BOOST_TEST(config->tun->mtu_bytes == 1280);
  BOOST_TEST((config->tun->traffic_class == TrafficClass::kTelemetry));
  BOOST_REQUIRE(config->links.size() == 2u);
  BOOST_TEST(config->links[0].interface == "veth1");
  BOOST_TEST(config->links[1].listen == "127.0.0.1:7701");
  BOOST_TEST(config->links[1].peers.size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_left_out_is_off_or_has_its_default) {
  const auto config = ParseConfig(
      kNode + "healing = false\nquarantine = false\n[tun]\naddress = \"fd00:0::1/64\"\n", "");
  BOOST_REQUIRE_MESSAGE(config.ok(), config.status().ToString());
  BOOST_TEST(!config->healing);
  BOOST_TEST(!config->quarantine);
  BOOST_TEST(!config->lab);
  BOOST_TEST(config->control_socket.empty());
  BOOST_TEST(config->api_endpoint.empty());
  BOOST_TEST(config->links.empty());
  BOOST_TEST(config->tun->name == "selvage0");
  BOOST_TEST(config->tun->address == "fd00::1");
  BOOST_TEST((config->tun->traffic_class == TrafficClass::kReliable));
}

BOOST_AUTO_TEST_CASE(a_transport_that_is_not_built_in_is_a_plug_in_with_settings) {
  const auto config = ParseConfig(kNode +
                                      "[plugins]\ndirectory = \"/opt/radios\"\n"
                                      "[[link]]\ntransport = \"pigeon\"\n"
                                      "settings = { loft = \"north\", birds = 7, ringed = true }\n"
                                      "[[link]]\ntransport = \"pigeon\"\nisolated = true\n"
                                      "plugin = \"/home/me/pigeon.so\"\n",
                                  "");
  BOOST_REQUIRE_MESSAGE(config.ok(), config.status().ToString());
  BOOST_REQUIRE(config->links.size() == 2u);
  auto options = config->links[0].options;
  BOOST_TEST(options["plugin"] == "/opt/radios/pigeon.so");
  BOOST_TEST(options["setting.loft"] == "north");
  BOOST_TEST(options["setting.birds"] == "7");
  BOOST_TEST(options["setting.ringed"] == "true");
  BOOST_TEST(options.count("isolated") == 0u);
  options = config->links[1].options;
  BOOST_TEST(options["plugin"] == "/home/me/pigeon.so");
  BOOST_TEST(options["isolated"] == "true");
}

BOOST_AUTO_TEST_CASE(plug_ins_are_refused_what_is_not_theirs) {
  const std::string link = kNode + "[[link]]\ntransport = \"pigeon\"\n";
  CheckRefused(link + "plugin = \"pigeon.so\"\n", "6:10", "whole path");
  CheckRefused(link + "settings = { loft = [1, 2] }\n", "6:12", "'loft'");
  CheckRefused(link + "listen = \"127.0.0.1:7701\"\n", "4:1", "not built in");
  CheckRefused(link + "at_port = \"/dev/ttyUSB0\"\n", "6:1", "at_port");
  CheckRefused(kNode + "[[link]]\ntransport = \"../../evil\"\n", "5:13", "a-z");
  CheckRefused(kNode +
                   "[[link]]\ntransport = \"ethernet\"\ninterface = \"e\"\n"
                   "settings = { a = 1 }\n",
               "7:1", "settings");
}

BOOST_AUTO_TEST_CASE(a_scorer_in_a_shared_object_has_settings_and_stands_alone) {
  const std::string head = "[node]\nname = \"n\"\nstate_dir = \"/tmp/x\"\n[model]\n";
  const auto config = ParseConfig(
      head + "scorer = \"/opt/drift.so\"\nscorer_settings = { depth = 3, fast = true }\n", "test");
  BOOST_TEST_REQUIRE(config.ok(), config.status().ToString());
  BOOST_TEST(config->model.wants_scorer());
  BOOST_TEST(config->model.scorer == "/opt/drift.so");
  BOOST_TEST(config->model.scorer_settings.at("depth") == "3");
  BOOST_TEST(config->model.scorer_settings.at("fast") == "true");
  CheckRefused(head + "scorer = \"drift.so\"\n", "5:10", "the whole path");
  CheckRefused(head + "onnx = \"/a.onnx\"\nscorer = \"/b.so\"\n", "6:10", "beside 'onnx'");
  CheckRefused(head + "scorer_settings = { depth = 3 }\n", "5:19", "'scorer' names none");
}

BOOST_AUTO_TEST_CASE(the_default_file_parses_also_with_every_key_switched_on) {
  std::string text = PrintDefaultConfig();
  const auto as_printed = ParseConfig(text, "default");
  BOOST_TEST_REQUIRE(as_printed.ok(), as_printed.status().ToString());
  std::string all;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    std::string line = text.substr(at, end - at);
    if (line.rfind("# ", 0) == 0 && line[2] != ' ' &&
        (line[2] == '[' || line.find(" = ") != std::string::npos)) {
      line = line.substr(2);
    }
    all += line + "\n";
    at = end + 1;
  }
  const auto config = ParseConfig(all, "default");
  BOOST_TEST_REQUIRE(config.ok(), config.status().ToString());
  BOOST_TEST(config->lab);
  BOOST_TEST(config->tun.has_value());
  BOOST_TEST(!config->http_listen.empty());
  BOOST_TEST(config->links[0].peers.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_refused_with_the_one_that_was_meant) {
  CheckRefused(
      kNode + "[[link]]\ntransport = \"ethernet\"\nintreface = \"e\"\nlisten = \"1.2.3.4:5\"\n",
      "6:1", "unknown key 'intreface' in [[link]]; did you mean 'interface'?");
  CheckRefused(kNode + "heeling = true\n", "4:1", "did you mean 'healing'?");
  CheckRefused(kNode + "[outbox]\nmessages = 0\n", "5:12", "must be 1 to 1000000");
  CheckRefused(kNode + "[outbox]\nmegabyte = 1\n", "5:1", "did you mean 'megabytes'?");
  CheckRefused(kNode + "[model]\nalarm_decades = 99\n", "5:17", "must be 3 to 9");
  CheckRefused(kNode + "[model]\nadvise_only = [\"cut\"]\n", "5:15", "actions are: detour");
  CheckRefused(kNode + "[model]\nactions_per_hour = -1\n", "5:20", "must be 0 to 3600");
  const std::string rule = kNode + "[[healer.rule]]\naction = \"detour\"\n";
  CheckRefused(rule, "4:1", "'when'");
  CheckRefused(rule + "when = []\n", "6:8", "is empty");
  CheckRefused(rule + "when = [{ feature = \"snow\", below = 6 }]\n", "6:21",
               "features of a link are: rssi, snr, loss, retries, rtt, jitter, queue, rate, "
               "throughput");
  CheckRefused(rule + "when = [{ feature = \"duty_left\", below = 0.1 }]\n", "6:21", "are: rssi");
  CheckRefused(rule + "when = [{ feature = \"snr\" }]\n", "6:9", "either 'above' or 'below'");
  CheckRefused(rule + "when = [{ feature = \"snr\", below = 6, above = 3 }]\n", "6:9", "either");
  CheckRefused(rule + "when = [{ feature = \"loss\", above = 2 }]\n", "6:37", "0 to 1 ratio");
  CheckRefused(rule + "when = [{ feature = \"snr\", below = 6 }]\nhold_s = -1\n", "7:10",
               "0 to 3600");
  CheckRefused(rule + "when = [{ feature = \"snr\", below = 6 }]\nadvice_only = true\n", "7:1",
               "did you mean 'advise_only'?");
  CheckRefused(kNode +
                   "[[healer.rule]]\naction = \"reboot\"\n"
                   "when = [{ feature = \"snr\", below = 6 }]\n",
               "5:10", "actions are: detour, duplicate, announce");
  CheckRefused(kNode +
                   "[[healer.rule]]\nscope = \"machine\"\naction = \"detour\"\n"
                   "when = [{ feature = \"cpu\", above = 0.9 }]\n",
               "6:10", "only be announce");
  CheckRefused(kNode + "[model]\nonnx = \"model.onnx\"\n", "5:8", "write the whole path");
  CheckRefused(kNode + "[model]\nonnx_output = \"no\"\n", "5:15", "by-shape, reconstruction");
  CheckRefused(kNode + "[model]\nscorer_budget_us = 0\n", "5:20", "must be 1 to 10000");
  CheckRefused(kNode + "[lab]\nenable = true\n", "5:1", "did you mean 'enabled'?");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_near_to_none_is_refused_with_the_list) {
  CheckRefused(kNode + "colour = \"red\"\n", "4:1",
               "known are: name, state_dir, healing, quarantine");
}

BOOST_AUTO_TEST_CASE(an_unknown_section_is_refused) {
  CheckRefused(kNode + "[contol]\nsocket = \"/s\"\n", "4:2", "did you mean 'control'?");
  CheckRefused(kNode + "[[links]]\ntransport = \"ethernet\"\n", "4:3", "did you mean 'link'?");
  CheckRefused("nam = 1\n" + kNode, "1:1", "outside any section");
}

BOOST_AUTO_TEST_CASE(a_missing_node_section_or_key_is_said) {
  CheckRefused("[lab]\nenabled = true\n", "1:1", "[node] is missing");
  CheckRefused("[node]\nname = \"a\"\n", "1:1", "[node] needs 'state_dir'; for example");
  CheckRefused(kNode + "[tun]\nmtu = 1280\n", "4:1", "[tun] needs 'address'");
  CheckRefused(kNode + "[control]\n", "4:1", "[control] needs 'socket'");
}

BOOST_AUTO_TEST_CASE(a_wrong_type_is_refused_with_an_example) {
  CheckRefused(
      "[node]\nname = 7\nstate_dir = \"/s\"\n", "2:8",
      "'name' in [node] must be a string, not an integer; for example: name = \"gateway-1\"");
  CheckRefused(kNode + "healing = \"yes\"\n", "4:11", "must be true or false, not a string");
  CheckRefused(kNode + "[tun]\naddress = \"10.9.0.1/16\"\nmtu = \"big\"\n", "6:7",
               "must be an integer, not a string");
  CheckRefused(kNode +
                   "[[link]]\ntransport = \"ethernet\"\npeers = \"udp://1.2.3.4:5\"\n"
                   "interface = \"e\"\n",
               "6:9", "must be a list of strings");
  CheckRefused(kNode + "[link]\ntransport = \"ethernet\"\n", "4:1", "[[link]]");
  CheckRefused("node = 3\n", "1:8", "must be a section");
}

BOOST_AUTO_TEST_CASE(a_wrong_tun_address_is_refused) {
  const auto tun = [](const std::string& address) {
    return kNode + "[tun]\naddress = \"" + address + "\"\n";
  };
  CheckRefused(tun("10.99.0.1"), "5:11", "has no prefix length; write an address");
  CheckRefused(tun("10.99.0.300/16"), "5:11", "is not an IP address");
  CheckRefused(tun("10.99.0.1/33"), "5:11", "outside 1 to 32");
  CheckRefused(tun("10.99.0.1/x"), "5:11", "outside 1 to 32");
  CheckRefused(tun("fd00::1/129"), "5:11", "outside 1 to 128");
  CheckRefused(tun("10.99.0.0/16"), "5:11", "is the address of the network itself");
  CheckRefused(tun("224.0.0.1/4"), "5:11", "multicast");
}

BOOST_AUTO_TEST_CASE(a_wrong_tun_mtu_class_or_name_is_refused) {
  const std::string tun = kNode + "[tun]\naddress = \"10.99.0.1/16\"\n";
  CheckRefused(tun + "mtu = 575\n", "6:7", "IPv4 needs 576 to 65535");
  CheckRefused(tun + "mtu = 65536\n", "6:7", "576 to 65535");
  CheckRefused(kNode + "[tun]\naddress = \"fd00::1/64\"\nmtu = 1279\n", "6:7", "IPv6 needs 1280");
  CheckRefused(tun + "class = \"urgent\"\n", "6:9",
               "classes are: critical, reliable, telemetry, bulk");
  CheckRefused(tun + "name = \"a-name-longer-than-15\"\n", "6:8", "1 to 15 characters");
  BOOST_TEST(ParseConfig(tun + "mtu = 576\n", "f").ok());
  BOOST_TEST(ParseConfig(tun + "mtu = 65535\n", "f").ok());
}

BOOST_AUTO_TEST_CASE(wrong_sockets_and_levels_are_refused) {
  CheckRefused(kNode + "[control]\nsocket = \"/" + std::string(120, 'x') + "\"\n", "5:10",
               "the system allows 107");
  CheckRefused(kNode + "[control]\nsocket = \"\"\n", "5:10", "must not be empty");
  CheckRefused(kNode + "[api]\nendpoint = \"tcp://*:1\"\n", "5:12", "must begin with ipc://");
  CheckRefused(kNode + "[control]\nsocket = \"/s\"\n[api]\nendpoint = \"ipc:///s\"\n", "7:12",
               "each needs its own");
  CheckRefused(kNode + "[http]\nlisten = \"8780\"\n", "5:10", "has no port");
  CheckRefused(kNode + "[http]\nlisten = \"127.0.0.1:99999\"\n", "5:10", "port of 1 to 65535");
  CheckRefused(kNode + "[log]\nlevel = \"loud\"\n", "5:9", "levels are: trace");
  CheckRefused("[node]\nname = \"a b\"\nstate_dir = \"/s\"\n", "2:8", "'name' in [node]");
}

BOOST_AUTO_TEST_CASE(wrong_links_are_refused) {
  const std::string link = kNode + "[[link]]\ntransport = \"ethernet\"\n";
  CheckRefused(link, "4:1", "needs 'interface', 'listen' or 'peers'");
  CheckRefused(kNode + "[[link]]\ninterface = \"e\"\n", "4:1", "[[link]] needs 'transport'");
  CheckRefused(link + "interface = \"no/slash\"\n", "6:13", "without blanks");
  CheckRefused(link + "listen = \"127.0.0.1\"\n", "6:10", "has no port");
  CheckRefused(link + "listen = \"fe80::1:7700\"\n", "6:10", "brackets");
  CheckRefused(link + "peers = [\"http://a:1\"]\n", "6:9", "has no known scheme");
  CheckRefused(link + "listen = \"zmq+tcp://127.0.0.1:77\"\nallow_keys = [\"short\"]\n", "7:14",
               "\"short\", which is no key of 40 characters");
  CheckRefused(link + "peers = [\"udp://a\"]\n", "6:9", "has no port; write \"udp://HOST:PORT\"");
  CheckRefused(link + "peers = [\"udp://a:1\", \"udp://a:1\"]\n", "6:9", "twice");
}

BOOST_AUTO_TEST_CASE(two_sections_of_one_link_are_refused) {
  const std::string link = "[[link]]\ntransport = \"ethernet\"\ninterface = \"e\"\n";
  CheckRefused(kNode + link + link, "7:1", "is the same link as the one in line 4");
  BOOST_TEST(
      ParseConfig(kNode + link + "[[link]]\ntransport = \"wifi\"\ninterface = \"e\"\n", "").ok());
}

BOOST_AUTO_TEST_CASE(more_links_than_a_node_has_are_refused) {
  std::string text = kNode;
  for (std::size_t i = 0; i < AgentConfig::kLinksMax; ++i) {
    text += "[[link]]\ntransport = \"ethernet\"\ninterface = \"e" + std::to_string(i) + "\"\n";
  }
  BOOST_TEST(ParseConfig(text, "f").ok());
  BOOST_TEST(Refusal(text + "[[link]]\ntransport = \"ethernet\"\ninterface = \"x\"\n")
                 .find("at most 255 links") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_no_toml_is_refused_with_its_place) {
  CheckRefused("[node\nname = \"a\"\n", "1:6", "not TOML");
  CheckRefused(kNode + "name = \"b\"\n", "4:8", "not TOML");
  Refusal(std::string("\xff\xfe\0x", 4));
}

BOOST_AUTO_TEST_CASE(several_mistakes_are_told_at_once_in_the_order_of_the_file) {
  const std::string message = Refusal(kNode + "x = 1\n[log]\nlevel = 3\n[lab]\nenabled = 1\n");
  const std::size_t first = message.find("f.toml:4:1: ");
  const std::size_t second = message.find("f.toml:6:9: ");
  const std::size_t third = message.find("f.toml:8:11: ");
  BOOST_TEST(first == 0u);
  BOOST_TEST((first < second && second < third && third != std::string::npos), message);
}

BOOST_AUTO_TEST_CASE(a_file_is_loaded_and_a_missing_one_is_explained) {
  const std::string path = "/tmp/selvage-config-test-" + std::to_string(getpid()) + ".toml";
  std::ofstream(path) << kGood;
  const auto config = LoadConfig(path);
  BOOST_TEST(config.ok(), config.status().ToString());
  BOOST_TEST(config->source == path);
  std::ofstream(path) << std::string(AgentConfig::kFileBytesMax + 1, '#');
  BOOST_TEST(!LoadConfig(path).ok());
  std::remove(path.c_str());
  const auto missing = LoadConfig(path);
  BOOST_TEST((missing.status().code() == absl::StatusCode::kNotFound));
  BOOST_TEST(missing.status().message().find("--print-default-config") != absl::string_view::npos);
}

}  // namespace
}  // namespace selvage
