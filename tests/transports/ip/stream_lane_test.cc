// The stream lane over loopback TCP: who is let in, who is heard, and what a bad peer can do.
#define BOOST_TEST_MODULE stream_lane_test
#include "transports/ip/stream_lane.h"

#include <unistd.h>
#include <zmq.h>

#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/transports/recording_listener.h"
#include "transports/registry.h"

namespace selvage {
namespace {

std::shared_ptr<StreamKeys> MakeKeys() {
  char public_text[41], secret_text[41];
  BOOST_REQUIRE_EQUAL(zmq_curve_keypair(public_text, secret_text), 0);
  auto keys = std::make_shared<StreamKeys>();
  zmq_z85_decode(keys->public_key.data(), public_text);
  zmq_z85_decode(keys->secret_key.data(), secret_text);
  return keys;
}

std::string Z85(const CurveKey& key) {
  char text[41];
  zmq_z85_encode(text, key.data(), key.size());
  return text;
}

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {
    const auto is_member = [this](const CurveKey& key) { return members.count(key) == 1; };
    hub_keys->is_allowed = is_member;
    leaf_keys->is_allowed = is_member;
    members = {leaf_keys->public_key};
  }
  void StartHub() {
    auto made = CreateTransport("ethernet", {"ethernet", "", "zmq+tcp://" + address, {}}, LinkId(1),
                                *reactor, hub_listener, hub_keys);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    hub = *std::move(made);
    const absl::Status started = hub->Start();
    BOOST_REQUIRE_MESSAGE(started.ok(), started.ToString());
  }
  std::unique_ptr<Transport> StartLeaf(const std::shared_ptr<StreamKeys>& keys,
                                       const CurveKey& server, RecordingListener& listener) {
    auto made = CreateTransport(
        "ethernet", {"ethernet", "", "", {"zmq+tcp://" + address + "?key=" + Z85(server)}},
        LinkId(2), *reactor, listener, keys);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    BOOST_REQUIRE((*made)->Start().ok());
    BOOST_REQUIRE(RunUntil(*reactor, [&] { return listener.up && listener.peers.size() == 1; }));
    return *std::move(made);
  }
  // Sends until one frame has left: before the connection stands they are dropped and counted.
  bool SendUntilHeard(Transport& leaf, RecordingListener& listener) {
    const std::size_t before = hub_listener.frames.size();
    return RunUntil(*reactor, [&] {
      leaf.Send(listener.peers[0], Bytes{1, 2, 3});
      KeepTurning();
      return hub_listener.frames.size() > before;
    });
  }
  // Lets RunOnce return soon though nothing may happen.
  void KeepTurning() {
    reactor->SetTurnEnd([](Time now) { return now + 1ms; });
  }
  // Turns the reactor for a while; for what must not happen.
  void Turn(Duration d) {
    KeepTurning();
    const Time until = reactor->ReadClock() + d;
    while (reactor->ReadClock() < until) reactor->RunOnce();
  }
  // A bare DEALER with the leaf's good key, to misbehave with.
  void* RawPeer(void* context) {
    void* socket = zmq_socket(context, ZMQ_DEALER);
    const int none = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none));
    BOOST_REQUIRE(MakeCurveClient(socket, leaf_keys->secret_key, leaf_keys->public_key,
                                  hub_keys->public_key));
    return socket;
  }

  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<StreamKeys> hub_keys = MakeKeys();
  std::shared_ptr<StreamKeys> leaf_keys = MakeKeys();
  std::set<CurveKey> members;
  RecordingListener hub_listener, leaf_listener;
  // A port from the process id: tests run side by side.
  std::string address = "127.0.0.1:" + std::to_string(40000 + getpid() % 20000);
  std::unique_ptr<Transport> hub;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(stream_lane, Fixture)

BOOST_AUTO_TEST_CASE(an_admitted_peer_that_dials_out_exchanges_frames_both_ways) {
  StartHub();
  auto leaf = StartLeaf(leaf_keys, hub_keys->public_key, leaf_listener);
  BOOST_REQUIRE(SendUntilHeard(*leaf, leaf_listener));
  BOOST_TEST(hub_listener.frames[0].bytes == (Bytes{1, 2, 3}));
  BOOST_TEST(!leaf_listener.info.broadcast);
  hub->Send(hub_listener.frames[0].from, Bytes{9});
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !leaf_listener.frames.empty(); }));
  BOOST_TEST(leaf_listener.frames[0].bytes == Bytes{9});
  BOOST_TEST((leaf_listener.frames[0].from == leaf_listener.peers[0]));
}

BOOST_AUTO_TEST_CASE(a_stranger_is_kept_out_while_a_member_is_heard) {
  StartHub();
  auto strange_keys = MakeKeys();
  RecordingListener strange_listener;
  auto stranger = StartLeaf(strange_keys, hub_keys->public_key, strange_listener);
  auto leaf = StartLeaf(leaf_keys, hub_keys->public_key, leaf_listener);
  BOOST_REQUIRE(SendUntilHeard(*leaf, leaf_listener));
  const PeerAddress member = hub_listener.frames[0].from;
  for (int i = 0; i < 20; ++i) {
    stranger->Send(strange_listener.peers[0], Bytes{66});
    Turn(10ms);
  }
  BOOST_TEST(stranger->counters().frames_sent == 0u);  // never connected: nothing was queued
  for (const auto& frame : hub_listener.frames) BOOST_TEST((frame.from == member));
}

BOOST_AUTO_TEST_CASE(a_peer_admitted_later_comes_in_by_itself) {
  members.clear();
  StartHub();
  auto leaf = StartLeaf(leaf_keys, hub_keys->public_key, leaf_listener);
  Turn(300ms);  // refused at least once
  members = {leaf_keys->public_key};
  BOOST_TEST(SendUntilHeard(*leaf, leaf_listener));
}

BOOST_AUTO_TEST_CASE(a_false_server_gets_nothing) {
  StartHub();
  auto leaf = StartLeaf(leaf_keys, MakeKeys()->public_key, leaf_listener);
  for (int i = 0; i < 20; ++i) {
    leaf->Send(leaf_listener.peers[0], Bytes{1});
    Turn(10ms);
  }
  BOOST_TEST(leaf->counters().frames_sent == 0u);
  BOOST_TEST(hub_listener.frames.empty());
}

BOOST_AUTO_TEST_CASE(a_key_revoked_while_connected_falls_silent_at_once) {
  StartHub();
  auto leaf = StartLeaf(leaf_keys, hub_keys->public_key, leaf_listener);
  BOOST_REQUIRE(SendUntilHeard(*leaf, leaf_listener));
  Turn(50ms);
  members.clear();
  const std::size_t heard = hub_listener.frames.size();
  leaf->Send(leaf_listener.peers[0], Bytes{4});
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return hub->counters().frames_refused > 0; }));
  BOOST_TEST(hub_listener.frames.size() == heard);
}

BOOST_AUTO_TEST_CASE(a_hub_that_would_admit_anybody_does_not_start) {
  hub_keys->is_allowed = [](const CurveKey&) { return true; };
  auto made = CreateTransport("ethernet", {"ethernet", "", "zmq+tcp://" + address, {}}, LinkId(1),
                              *reactor, hub_listener, hub_keys);
  const absl::Status status = (*made)->Start();
  BOOST_REQUIRE(!status.ok());
  BOOST_TEST(status.ToString().find("unknown key was let in") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_address_in_use_fails_the_start) {
  StartHub();
  RecordingListener other;
  auto made = CreateTransport("ethernet", {"ethernet", "", "zmq+tcp://" + address, {}}, LinkId(1),
                              *reactor, other, hub_keys);
  BOOST_TEST(!(*made)->Start().ok());
}

BOOST_AUTO_TEST_CASE(malformed_and_giant_messages_are_refused_and_others_still_heard) {
  StartHub();
  auto leaf = StartLeaf(leaf_keys, hub_keys->public_key, leaf_listener);
  BOOST_REQUIRE(SendUntilHeard(*leaf, leaf_listener));
  Turn(50ms);
  const std::size_t heard = hub_listener.frames.size();
  void* context = zmq_ctx_new();
  void* bad = RawPeer(context);
  BOOST_REQUIRE_EQUAL(zmq_connect(bad, ("tcp://" + address).c_str()), 0);
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    if (zmq_send(bad, "a", 1, ZMQ_DONTWAIT | ZMQ_SNDMORE) == 1) {
      zmq_send(bad, "b", 1, ZMQ_DONTWAIT);  // two parts
      ++refused;
    }
    if (zmq_send(bad, "", 0, ZMQ_DONTWAIT) == 0) ++refused;  // empty
  }
  BOOST_TEST(refused > 0);
  BOOST_REQUIRE(RunUntil(*reactor, [&] {
    KeepTurning();
    return hub->counters().frames_refused >= static_cast<std::uint64_t>(refused);
  }));
  const Bytes giant(StreamLane::kMessageBytesMax + 1, 1);
  zmq_send(bad, giant.data(), giant.size(), ZMQ_DONTWAIT);
  Turn(100ms);
  BOOST_TEST(hub_listener.frames.size() == heard);
  BOOST_TEST(SendUntilHeard(*leaf, leaf_listener));
  zmq_close(bad);
  zmq_ctx_term(context);
}

BOOST_AUTO_TEST_CASE(a_peer_that_chooses_its_own_routing_id_is_not_heard) {
  StartHub();
  void* context = zmq_ctx_new();
  void* bad = RawPeer(context);
  zmq_setsockopt(bad, ZMQ_ROUTING_ID, "admin", 5);
  BOOST_REQUIRE_EQUAL(zmq_connect(bad, ("tcp://" + address).c_str()), 0);
  zmq_send(bad, "hello", 5, ZMQ_DONTWAIT);
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return hub->counters().frames_refused == 1; }));
  BOOST_TEST(hub_listener.frames.empty());
  zmq_close(bad);
  zmq_ctx_term(context);
}

BOOST_AUTO_TEST_CASE(a_full_queue_drops_and_counts_and_does_not_block) {
  StartHub();
  auto leaf = StartLeaf(leaf_keys, hub_keys->public_key, leaf_listener);
  BOOST_REQUIRE(SendUntilHeard(*leaf, leaf_listener));
  const std::uint64_t errors = leaf->counters().send_errors;
  // The hub does not read meanwhile: queues and socket buffers fill, then frames are dropped.
  const Bytes frame(8000, 1);
  for (int i = 0; i < 20000 && leaf->counters().send_errors == errors; ++i) {
    leaf->Send(leaf_listener.peers[0], frame);
  }
  BOOST_TEST(leaf->counters().send_errors > errors);
}

BOOST_AUTO_TEST_CASE(frames_for_an_unknown_peer_are_counted) {
  StartHub();
  hub->Send(PeerAddress::From(Bytes{kPeerTagAccepted, 0, 1, 2, 3, 4}), Bytes{1});
  hub->Send(PeerAddress::From(Bytes{kPeerTagAccepted, 0}), Bytes{1});
  hub->Send(PeerAddress::From(Bytes{kPeerTagDialled, 0, 9}), Bytes{1});
  hub->Send(PeerAddress::Broadcast(), Bytes{1});
  BOOST_TEST(hub->counters().send_errors == 4u);
  // And the next frame to a real peer is whole.
  auto leaf = StartLeaf(leaf_keys, hub_keys->public_key, leaf_listener);
  BOOST_REQUIRE(SendUntilHeard(*leaf, leaf_listener));
  hub->Send(hub_listener.frames[0].from, Bytes{9});
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !leaf_listener.frames.empty(); }));
  BOOST_TEST(leaf_listener.frames[0].bytes == Bytes{9});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
