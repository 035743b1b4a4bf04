// Transports are found by name, and a section that cannot work is refused with a reason.
#define BOOST_TEST_MODULE registry_test
#include "transports/registry.h"

#include <boost/test/unit_test.hpp>

#include "tests/transports/recording_listener.h"

namespace selvage {
namespace {

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {}
  std::string Error(const std::string& name, const LinkConfig& config) {
    const auto made = CreateTransport(name, config, LinkId(1), *reactor, listener);
    return made.ok() ? "" : std::string(made.status().message());
  }
  bool Refuses(const LinkConfig& config, const std::string& because) {
    const std::string error = Error("ethernet", config);
    BOOST_TEST_MESSAGE(error);
    return error.find(because) != std::string::npos;
  }
  std::unique_ptr<Reactor> reactor;
  RecordingListener listener;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(registry, Fixture)

BOOST_AUTO_TEST_CASE(an_unknown_name_is_answered_with_the_known_ones) {
  const std::string error = Error("token-ring", {});
  BOOST_TEST(error.find("token-ring") != std::string::npos);
  BOOST_TEST(error.find("ethernet") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_registered_transport_can_be_made_and_its_name_is_taken) {
  int made = 0;
  const TransportFactory factory = [&](const TransportContext& context) {
    ++made;
    BOOST_TEST((context.link == LinkId(7)));
    return absl::StatusOr<std::unique_ptr<Transport>>(absl::UnavailableError("no radio"));
  };
  BOOST_TEST(RegisterTransport("pigeon", factory));
  BOOST_TEST(!RegisterTransport("pigeon", factory));
  BOOST_TEST(!RegisterTransport("ethernet", factory));
  const auto pigeon = CreateTransport("pigeon", {}, LinkId(7), *reactor, listener);
  BOOST_TEST(std::string(pigeon.status().message()) == "no radio");
  BOOST_TEST(made == 1);
}

BOOST_AUTO_TEST_CASE(sections_that_cannot_work_are_refused_with_a_reason) {
  LinkConfig config;
  BOOST_TEST(Refuses(config, "needs an interface"));
  config.listen = "127.0.0.1:99999";
  BOOST_TEST(Refuses(config, "65535"));
  config.listen = "127.0.0.1:7701";
  config.peers = {"192.0.2.7:7700"};
  BOOST_TEST(Refuses(config, "udp://"));
  config.peers = {"zmq+tcp://hub.example:7701"};
  BOOST_TEST(Refuses(config, "public key"));
  config.peers = {"zmq+tcp://hub.example:7701?key=short"};
  BOOST_TEST(Refuses(config, "public key"));
  config.peers.assign(257, "udp://192.0.2.7:7700");
  BOOST_TEST(Refuses(config, "at most 256"));
  config.peers = {"zmq+tcp://hub.example:7701?key=" + std::string(40, '0')};
  BOOST_TEST(Refuses(config, "CURVE keys"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
