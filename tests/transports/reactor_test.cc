// The reactor serves descriptors before the timer, survives handlers that change it, and stops.
#define BOOST_TEST_MODULE reactor_test
#include "transports/reactor.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>
#include <vector>

namespace selvage {
namespace {

class EventFd {
 public:
  EventFd() : fd_(eventfd(0, EFD_NONBLOCK)) {}
  ~EventFd() { close(fd_); }
  int fd() const { return fd_; }
  void Raise() { BOOST_REQUIRE_EQUAL(eventfd_write(fd_, 1), 0); }
  void Clear() {
    eventfd_t ignored;
    eventfd_read(fd_, &ignored);
  }

 private:
  int fd_;
};

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {}
  std::unique_ptr<Reactor> reactor;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(reactor, Fixture)

BOOST_AUTO_TEST_CASE(ready_descriptors_come_before_the_timer) {
  EventFd event;
  std::string order;
  reactor->AddFd(event.fd(), [&] {
    order += "fd ";
    event.Clear();
  });
  reactor->SetTurnEnd([&](Time) {
    order += "timer ";
    return kNever;
  });
  event.Raise();
  reactor->RunOnce();
  BOOST_TEST(order == "fd timer ");
}

BOOST_AUTO_TEST_CASE(the_turn_comes_no_earlier_than_asked_for_and_time_never_goes_back) {
  std::vector<Time> turns;
  reactor->SetTurnEnd([&](Time now) {
    turns.push_back(now);
    return now + 300us;
  });
  reactor->RunOnce();
  for (int i = 0; i < 5; ++i) {
    const Time before = turns.back();
    // A turn may be idle (an old alarm), but none may pass the time asked for unseen.
    while (turns.back() < before + 300us) reactor->RunOnce();
  }
  for (std::size_t i = 1; i < turns.size(); ++i) BOOST_TEST((turns[i] >= turns[i - 1]));
}

BOOST_AUTO_TEST_CASE(an_earlier_deadline_replaces_a_later_one) {
  EventFd event;
  Duration ask = 3600s;
  reactor->AddFd(event.fd(), [&] { event.Clear(); });
  Time asked{};
  reactor->SetTurnEnd([&](Time now) {
    asked = now + ask;
    return asked;
  });
  reactor->RunOnce();  // an hour from now
  ask = 1ms;
  event.Raise();
  reactor->RunOnce();  // a millisecond from now
  const Time due = asked;
  ask = 3600s;
  reactor->RunOnce();  // would hang for an hour
  BOOST_TEST((reactor->now() >= due));
}

BOOST_AUTO_TEST_CASE(a_deadline_that_moved_away_is_kept_at_its_new_time) {
  EventFd event;
  reactor->AddFd(event.fd(), [&] { event.Clear(); });
  Time wanted{};
  reactor->SetTurnEnd([&](Time now) {
    if (wanted == Time{}) wanted = now + 1ms;
    return wanted;
  });
  reactor->RunOnce();
  wanted += 2ms;  // armed for the old time; the event makes the reactor ask again
  event.Raise();
  while (reactor->now() < wanted) reactor->RunOnce();
  BOOST_TEST((reactor->now() >= wanted));
}

BOOST_AUTO_TEST_CASE(a_handler_may_remove_itself_and_others_and_add_new_ones) {
  EventFd first, second, third;
  std::string order;
  reactor->AddFd(first.fd(), [&] {
    order += "first ";
    reactor->RemoveFd(first.fd());
    reactor->RemoveFd(second.fd());
    reactor->AddFd(third.fd(), [&] {
      order += "third ";
      reactor->RemoveFd(third.fd());
    });
  });
  reactor->AddFd(second.fd(), [&] { order += "second "; });
  first.Raise();
  second.Raise();
  third.Raise();
  reactor->RunOnce();
  reactor->RunOnce();
  BOOST_TEST(order == "first third ");
}

BOOST_AUTO_TEST_CASE(a_zeromq_socket_is_served_while_it_has_messages) {
  void* context = zmq_ctx_new();
  void* pull = zmq_socket(context, ZMQ_PULL);
  void* push = zmq_socket(context, ZMQ_PUSH);
  BOOST_REQUIRE_EQUAL(zmq_bind(pull, "inproc://test"), 0);
  BOOST_REQUIRE_EQUAL(zmq_connect(push, "inproc://test"), 0);
  int received = 0;
  reactor->AddZmqSocket(pull, [&] {
    char byte;  // one a turn: readiness is a level, the second is not forgotten
    if (zmq_recv(pull, &byte, 1, ZMQ_DONTWAIT) == 1) ++received;
  });
  zmq_send(push, "a", 1, 0);
  zmq_send(push, "b", 1, 0);
  while (received < 2) reactor->RunOnce();
  BOOST_TEST(received == 2);
  reactor->RemoveZmqSocket(pull);
  zmq_close(pull);
  zmq_close(push);
  zmq_ctx_term(context);
}

BOOST_AUTO_TEST_CASE(a_message_whose_wake_up_was_consumed_elsewhere_is_served) {
  void* context = zmq_ctx_new();
  void* pull = zmq_socket(context, ZMQ_PULL);
  void* push = zmq_socket(context, ZMQ_PUSH);
  BOOST_REQUIRE_EQUAL(zmq_bind(pull, "inproc://test"), 0);
  BOOST_REQUIRE_EQUAL(zmq_connect(push, "inproc://test"), 0);
  int received = 0;
  reactor->AddZmqSocket(pull, [&] {
    char byte;
    if (zmq_recv(pull, &byte, 1, ZMQ_DONTWAIT) == 1) ++received;
  });
  zmq_send(push, "a", 1, 0);
  int events = 0;
  std::size_t size = sizeof(events);
  zmq_getsockopt(pull, ZMQ_EVENTS, &events, &size);  // as any send on the socket does
  reactor->RunOnce();                                // would sleep for ever
  BOOST_TEST(received == 1);
  reactor->RemoveZmqSocket(pull);
  zmq_close(pull);
  zmq_close(push);
  zmq_ctx_term(context);
}

BOOST_AUTO_TEST_CASE(stop_from_another_thread_ends_a_run_that_waits_for_nothing) {
  std::thread stopper([&] { reactor->Stop(); });
  reactor->Run();
  stopper.join();
  // And it can run again.
  EventFd event;
  reactor->AddFd(event.fd(), [&] { reactor->Stop(); });
  event.Raise();
  reactor->Run();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
