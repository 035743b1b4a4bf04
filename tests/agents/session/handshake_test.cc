#define BOOST_TEST_MODULE handshake_test
#include "agents/session/handshake.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

const LinkId kLink(0);

PeerAddress Address(std::uint32_t n) {
  Bytes b(4);
  ByteWriter w(b);
  w.U32(n);
  return PeerAddress::From(b);
}

// Two ends and the messages between them, passed on by hand.
struct Pair {
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  TestNetwork members{crypto};
  TrustAnchor anchor = members.anchor();
  Identity ida = members.Admit("a");
  Identity idb = members.Admit("b");
  Handshakes a{crypto.get(), &ida, &anchor, Epoch(3)};
  Handshakes b{crypto.get(), &idb, &anchor, Epoch(4)};
  Time now = TimeFromNanos(10'000'000'000);
  std::uint16_t session = 100;
  Duration retry;

  explicit Pair(Duration retry_after = Handshakes::kRetry) : retry(retry_after) {
    a.SetWall(1000);
    b.SetWall(1000);
  }
  void Begin() { a.Initiate(now, kLink, Address(2), ++session, retry); }
  std::vector<Bytes> From(Handshakes* h) {
    std::vector<Bytes> out;
    for (auto& o : h->TakeOutgoing()) out.push_back(std::move(o.frame));
    return out;
  }
  Bytes One(Handshakes* h) {
    std::vector<Bytes> all = From(h);
    BOOST_REQUIRE(all.size() == 1);
    return all[0];
  }
  void ToA(ByteSpan f) { a.OnFrame(now, kLink, Address(2), f, ++session, retry); }
  void ToB(ByteSpan f) { b.OnFrame(now, kLink, Address(1), f, ++session, retry); }
  // Passes everything on until it is quiet.
  void Exchange() {
    for (bool quiet = false; !quiet;) {
      quiet = true;
      for (const Bytes& f : From(&a)) {
        quiet = false;
        ToB(f);
      }
      for (const Bytes& f : From(&b)) {
        quiet = false;
        ToA(f);
      }
    }
  }
  void Wait(Duration d) {
    now += d;
    a.OnTimeout(now);
    b.OnTimeout(now);
  }
  // Both finished, once each, with keys that fit.
  void CheckEstablished() {
    const auto ea = a.TakeEstablished();
    const auto eb = b.TakeEstablished();
    BOOST_REQUIRE(ea.size() == 1);
    BOOST_REQUIRE(eb.size() == 1);
    BOOST_TEST((ea[0].keys.send == eb[0].keys.receive));
    BOOST_TEST((ea[0].keys.receive == eb[0].keys.send));
    BOOST_TEST((ea[0].keys.send != ea[0].keys.receive));
    BOOST_TEST(ea[0].local_session == eb[0].remote_session);
    BOOST_TEST(ea[0].remote_session == eb[0].local_session);
    BOOST_TEST(ea[0].certificate.name == "b");
    BOOST_TEST(eb[0].certificate.name == "a");
    BOOST_TEST((ea[0].epoch == Epoch(4)));
    BOOST_TEST((eb[0].epoch == Epoch(3)));
  }
};

BOOST_AUTO_TEST_CASE(three_messages_make_two_strangers_neighbours) {
  Pair p;
  p.Begin();
  BOOST_TEST(p.a.Pending(kLink, Address(2)));
  p.Exchange();
  p.CheckEstablished();
  BOOST_TEST(!p.a.Pending(kLink, Address(2)));
  BOOST_TEST(!p.b.Pending(kLink, Address(1)));
}

BOOST_AUTO_TEST_CASE(both_ends_learn_a_bound_of_the_round_trip) {
  Pair p;
  p.Begin();
  const Bytes first = p.One(&p.a);
  p.now += 20ms;
  p.ToB(first);
  const Bytes second = p.One(&p.b);
  p.now += 30ms;
  p.ToA(second);
  const Bytes third = p.One(&p.a);
  p.now += 40ms;
  p.ToB(third);
  BOOST_TEST((p.a.TakeEstablished().at(0).round_trip == 50ms));
  BOOST_TEST((p.b.TakeEstablished().at(0).round_trip == 70ms));
}

void CheckLosses(Duration retry) {
  for (int lost = 1; lost <= 3; ++lost) {
    Pair p(retry);
    p.Begin();
    const Bytes first = p.One(&p.a);
    if (lost > 1) p.ToB(first);
    if (lost == 2) p.From(&p.b);
    if (lost == 3) {
      p.ToA(p.One(&p.b));
      p.From(&p.a);
    }
    p.Wait(retry - Duration(1));
    BOOST_TEST(p.From(&p.a).empty());
    p.Wait(Duration(1));
    p.Exchange();
    p.CheckEstablished();
  }
}

BOOST_AUTO_TEST_CASE(any_one_lost_message_is_made_up_for) { CheckLosses(Handshakes::kRetry); }

BOOST_AUTO_TEST_CASE(so_is_one_on_a_slow_radio_where_the_repetition_comes_late) {
  CheckLosses(Handshakes::kRetrySlow);
}

BOOST_AUTO_TEST_CASE(repeated_messages_establish_nothing_twice) {
  Pair p;
  p.Begin();
  const Bytes first = p.One(&p.a);
  p.ToB(first);
  p.ToB(first);
  const std::vector<Bytes> seconds = p.From(&p.b);
  BOOST_REQUIRE(seconds.size() == 2);
  BOOST_TEST(seconds[0] == seconds[1]);
  p.ToA(seconds[0]);
  p.ToA(seconds[1]);
  const std::vector<Bytes> thirds = p.From(&p.a);
  BOOST_REQUIRE(thirds.size() == 2);
  BOOST_TEST(thirds[0] == thirds[1]);
  p.ToB(thirds[0]);
  p.ToB(thirds[1]);
  p.ToB(first);
  p.CheckEstablished();
  BOOST_TEST(p.From(&p.b).empty());
}

BOOST_AUTO_TEST_CASE(an_unanswered_handshake_is_tried_four_times_and_forgotten) {
  Pair p;
  p.Begin();
  std::size_t sent = p.From(&p.a).size();
  for (int i = 0; i < 20; ++i) {
    p.Wait(Handshakes::kRetry);
    sent += p.From(&p.a).size();
  }
  BOOST_TEST(sent == static_cast<std::size_t>(Handshakes::kTries));
  BOOST_TEST(!p.a.Pending(kLink, Address(2)));
  BOOST_TEST((p.a.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(two_that_begin_at_once_still_end_with_one_session) {
  for (int round = 0; round < 8; ++round) {
    Pair p;
    p.Begin();
    p.b.Initiate(p.now, kLink, Address(1), ++p.session, Handshakes::kRetry);
    const Bytes from_a = p.One(&p.a);
    const Bytes from_b = p.One(&p.b);
    p.ToB(from_a);
    p.ToA(from_b);
    p.Exchange();
    p.CheckEstablished();
  }
}

BOOST_AUTO_TEST_CASE(forged_and_cut_messages_establish_nothing) {
  Random random(1);
  for (int which = 1; which <= 3; ++which) {
    for (int round = 0; round < 20; ++round) {
      Pair p;
      p.Begin();
      Bytes m = p.One(&p.a);
      if (which > 1) {
        p.ToB(m);
        m = p.One(&p.b);
      }
      if (which > 2) {
        p.ToA(m);
        m = p.One(&p.a);
        p.a.TakeEstablished();
      }
      if (round % 2 == 0) {
        m.resize(random.Below(m.size()));
      } else {
        // Past the initiator's session id, which nobody can check in the first message.
        const std::size_t at = 3 + random.Below(m.size() - 3);
        m[at] ^= static_cast<std::uint8_t>(1 + random.Below(255));
      }
      which == 2 ? p.ToA(m) : p.ToB(m);
      // A changed first message is found out when the hashes of the transcripts differ.
      p.Exchange();
      BOOST_TEST(p.b.TakeEstablished().empty());
      BOOST_TEST(p.a.TakeEstablished().empty());
      BOOST_TEST(p.a.malformed() + p.b.malformed() + p.a.refused() + p.b.refused() >= 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(random_bytes_of_every_type_are_counted_and_establish_nothing) {
  Pair p;
  p.Begin();
  p.From(&p.a);
  Random random(2);
  for (int i = 0; i < 300; ++i) {
    Bytes b(random.Below(1100));
    for (auto& byte : b) byte = static_cast<std::uint8_t>(random.U64());
    if (!b.empty()) b[0] = static_cast<std::uint8_t>(0x11 + i % 3);
    p.ToB(b);
  }
  BOOST_TEST(p.b.TakeEstablished().empty());
  BOOST_TEST(p.b.malformed() > 100);
  const auto before = p.b.malformed();
  Bytes large(1025, 0);
  large[0] = 0x11;
  p.ToB(large);
  BOOST_TEST(p.b.malformed() == before + 1);
  p.ToB(Bytes{});
  BOOST_TEST(p.b.malformed() == before + 2);
}

BOOST_AUTO_TEST_CASE(a_certificate_of_another_network_or_another_key_is_refused_with_a_reason) {
  for (int kind = 0; kind < 3; ++kind) {
    Pair p;
    TestNetwork other(p.crypto, "other");
    if (kind == 0) p.ida = other.Admit("a");
    if (kind == 1) p.ida = p.members.Admit("a", 1, 999);  // expired
    if (kind == 2) p.ida.certificate = p.members.Admit("victim").certificate;
    p.Begin();
    p.Exchange();
    BOOST_TEST(p.b.TakeEstablished().empty());
    const auto refusals = p.b.TakeRefusals();
    BOOST_REQUIRE(refusals.size() == 1);
    BOOST_TEST(!refusals[0].reason.empty());
    BOOST_TEST((refusals[0].peer == Address(1)));
    BOOST_TEST(p.b.refused() == 1);
  }
}

BOOST_AUTO_TEST_CASE(strangers_get_a_hundred_key_agreements_a_second_and_no_more) {
  Pair p;
  std::vector<Bytes> firsts;
  for (std::uint32_t i = 0; i < 350; ++i) {
    Handshakes stranger(p.crypto.get(), &p.ida, &p.anchor, Epoch(1));
    stranger.Initiate(p.now, kLink, Address(2), 1, Handshakes::kRetry);
    firsts.push_back(p.One(&stranger));
  }
  std::size_t n = 0;
  auto knock = [&](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i, ++n) {
      p.b.OnFrame(p.now, kLink, Address(static_cast<std::uint32_t>(1000 + n)), firsts.at(n), 7,
                  Handshakes::kRetry);
    }
    return p.From(&p.b).size();
  };
  BOOST_TEST(knock(Handshakes::kNewPerSecond) ==
             static_cast<std::size_t>(Handshakes::kNewPerSecond));
  BOOST_TEST(p.b.throttled() == 0);
  BOOST_TEST(knock(50) == 0);
  BOOST_TEST(p.b.throttled() == 50);
  p.now += 500ms;
  BOOST_TEST(knock(100) == static_cast<std::size_t>(Handshakes::kNewPerSecond) / 2);
  p.now += std::chrono::hours(1);  // unused time is not saved up
  BOOST_TEST(knock(100) == static_cast<std::size_t>(Handshakes::kNewPerSecond));
}

BOOST_AUTO_TEST_CASE(at_most_256_are_pending_and_the_oldest_makes_room) {
  Pair p;
  for (std::uint32_t i = 0; i < Handshakes::kPendingMax; ++i) {
    p.a.Initiate(p.now, kLink, Address(i + 10), static_cast<std::uint16_t>(i + 1),
                 Handshakes::kRetrySlow);
    p.now += 20ms;
  }
  p.From(&p.a);
  BOOST_TEST(p.a.throttled() == 0);
  BOOST_TEST(p.a.Pending(kLink, Address(10)));
  p.a.Initiate(p.now, kLink, Address(5), 999, Handshakes::kRetrySlow);
  BOOST_TEST(p.a.Pending(kLink, Address(5)));
  BOOST_TEST(!p.a.Pending(kLink, Address(10)));
  for (std::uint32_t i = 1; i < Handshakes::kPendingMax; ++i) {
    BOOST_REQUIRE(p.a.Pending(kLink, Address(i + 10)));
  }
}

BOOST_AUTO_TEST_CASE(a_link_that_goes_down_takes_its_handshakes_along) {
  Pair p;
  p.Begin();
  p.a.Initiate(p.now, LinkId(1), Address(9), 55, Handshakes::kRetry);
  p.a.OnLinkDown(kLink);
  BOOST_TEST(!p.a.Pending(kLink, Address(2)));
  BOOST_TEST(p.a.Pending(LinkId(1), Address(9)));
}

}  // namespace
}  // namespace selvage
