#define BOOST_TEST_MODULE symptoms
#include "agents/healer/symptoms.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

Time At(double seconds) { return Time{} + Duration(static_cast<std::int64_t>(seconds * 1e9)); }

// A neighbour that three others have too and that is heard all the time, unless said otherwise.
Symptoms::Surroundings Usual(double now) {
  Symptoms::Surroundings s;
  s.last_heard = At(now);
  s.listed_before = s.listed = 3;
  return s;
}

std::string Name(const Symptoms& symptoms, double now, const Symptoms::Surroundings& s) {
  return std::string(ToString(symptoms.Name(At(now), s)));
}

// Suspected and, 150 ms later, gone for certain.
void GoDown(Symptoms* s, double at, LinkState state = LinkState::kDown) {
  s->OnState(At(at), LinkState::kSuspect, false);
  s->OnState(At(at + 0.15), state, true);
}
void ComeBack(Symptoms* s, double at) { s->OnState(At(at), LinkState::kUp, false); }

BOOST_AUTO_TEST_CASE(nothing_is_wrong_until_something_is) {
  Symptoms s;
  BOOST_TEST(Name(s, 1, Usual(1)) == "no fault");
  s.OnState(At(2), LinkState::kSuspect, false);
  BOOST_TEST(Name(s, 2.05, Usual(2)) == "no fault");
  ComeBack(&s, 2.06);
  BOOST_TEST(Name(s, 3, Usual(3)) == "no fault");
}

BOOST_AUTO_TEST_CASE(a_dead_link_a_dead_node_and_a_partition_differ_in_what_others_have) {
  Symptoms s;
  GoDown(&s, 10);
  Symptoms::Surroundings around = Usual(10);
  BOOST_TEST(Name(s, 11.5, around) == "link silent");
  around.listed = 2;
  BOOST_TEST(Name(s, 11.5, around) == "neighbor gone");
  around.reachable = false;
  around.others_unreachable = 4;
  BOOST_TEST(Name(s, 11.5, around) == "partitioned");
  around.listed = 0;  // nobody has it, whoever else is out of reach
  BOOST_TEST(Name(s, 11.5, around) == "neighbor gone");
  around.all_out = true;
  BOOST_TEST(Name(s, 11.5, around) == "isolated");
}

BOOST_AUTO_TEST_CASE(a_link_that_is_heard_and_does_not_hear_is_one_way) {
  Symptoms s;
  GoDown(&s, 10, LinkState::kOneway);
  BOOST_TEST(Name(s, 11.5, Usual(11.5)) == "link one-way");
  BOOST_TEST(Name(s, 12, Usual(10)) == "link silent");  // not heard any more either
}

BOOST_AUTO_TEST_CASE(losses_while_some_arrives_are_losses_and_then_nothing_is_fading) {
  Symptoms s;
  s.OnQuality(At(10), true, false);
  BOOST_TEST(Name(s, 10.5, Usual(10.5)) == "loses frames");
  GoDown(&s, 11);
  BOOST_TEST(Name(s, 11.5, Usual(11.4)) == "loses frames");
  BOOST_TEST(Name(s, 13, Usual(11.4)) == "fading");
}

BOOST_AUTO_TEST_CASE(suspected_and_cleared_in_turns_means_that_frames_get_lost) {
  Symptoms s;
  for (double at : {10.0, 10.5}) {
    s.OnState(At(at), LinkState::kSuspect, false);
    ComeBack(&s, at + 0.1);
  }
  BOOST_TEST(Name(s, 11, Usual(11)) == "no fault");
  s.OnState(At(11), LinkState::kSuspect, false);
  ComeBack(&s, 11.1);
  BOOST_TEST(Name(s, 11.2, Usual(11.2)) == "loses frames");
  BOOST_TEST(Name(s, 22, Usual(22)) == "no fault");
}

BOOST_AUTO_TEST_CASE(gone_back_and_gone_again_is_flapping_and_two_outages_far_apart_are_not) {
  Symptoms s;
  GoDown(&s, 10);
  BOOST_TEST(Name(s, 11, Usual(10)) == "link silent");
  ComeBack(&s, 12);
  GoDown(&s, 12.1);
  BOOST_TEST(Name(s, 13, Usual(12.1)) == "flapping");
  ComeBack(&s, 14);
  BOOST_TEST(Name(s, 15, Usual(15)) == "flapping");
  BOOST_TEST(Name(s, 20, Usual(20)) == "no fault");
  GoDown(&s, 40);
  BOOST_TEST(Name(s, 41, Usual(40)) == "link silent");
}

BOOST_AUTO_TEST_CASE(a_size_above_which_frames_get_lost_outweighs_the_losses_it_makes) {
  Symptoms s;
  s.OnQuality(At(10), true, false);
  s.OnLossAlarm(At(10));
  s.OnQuality(At(10.2), true, true);
  BOOST_TEST(Name(s, 11, Usual(11)) == "loses large frames");
  s.OnQuality(At(11), true, false);  // the search for the size goes on
  BOOST_TEST(Name(s, 30, Usual(30)) == "loses large frames");
  s.OnQuality(At(40), false, false);
  BOOST_TEST(Name(s, 51, Usual(51)) == "no fault");
}

BOOST_AUTO_TEST_CASE(a_full_link_is_congested_and_a_falling_signal_fades) {
  Symptoms s;
  Symptoms::Surroundings full = Usual(10);
  full.link_full = true;
  BOOST_TEST(Name(s, 10, full) == "link congested");
  s.OnFadingAlarm(At(10));
  BOOST_TEST(Name(s, 10, full) == "fading");
}

}  // namespace
}  // namespace selvage
