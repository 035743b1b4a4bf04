#define BOOST_TEST_MODULE map_sync_test
#include "agents/node/map_sync.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "agents/node/link_state_codec.h"
#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);
const AdjacencyIndex kTo(1);

// Two neighbours; frames are passed on by hand and may be lost.
struct Pair {
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  TestNetwork members{crypto};
  TrustAnchor anchor = members.anchor();
  Identity ida = members.Admit("a"), idb = members.Admit("b"), idc = members.Admit("c");
  MapSync a{crypto.get(), &ida, &anchor, Epoch(1)};
  MapSync b{crypto.get(), &idb, &anchor, Epoch(1)};
  Time now = kStart;

  Pair() {
    a.SetWall(1000);
    b.SetWall(1000);
    a.AddCertificate(idb.certificate);
    b.AddCertificate(ida.certificate);
  }
  void Meet(std::size_t content = 1400) {
    a.OnNeighborUp(kTo, ShortId(0), content, false);
    b.OnNeighborUp(kTo, ShortId(0), content, false);
  }
  static void Give(Time now, MapSync* to, const ControlFrame& f) {
    ChunkReader reader(f.content);
    Chunk c;
    while (reader.Next(&c)) {
      if (c.type == ChunkType::kLinkState) to->OnLinkState(now, kTo, c.body);
      if (c.type == ChunkType::kCertificate) to->OnCertificate(now, kTo, c.body);
      if (c.type == ChunkType::kSummary) to->OnSummary(now, kTo, c.body);
      if (c.type == ChunkType::kRequest) to->OnRequest(now, kTo, c.body);
    }
    BOOST_TEST(reader.ok());
  }
  std::size_t Exchange() {
    std::size_t frames = 0;
    for (int round = 0; round < 50; ++round) {
      const auto from_a = a.TakeFrames(now);
      const auto from_b = b.TakeFrames(now);
      if (from_a.empty() && from_b.empty()) break;
      for (const auto& f : from_a) Give(now, &b, f);
      for (const auto& f : from_b) Give(now, &a, f);
      frames += from_a.size() + from_b.size();
      now += 1ms;
    }
    return frames;
  }
  LinkStateRecord Signed(const Identity& id, std::uint32_t epoch, std::uint32_t sequence) {
    LinkStateRecord r;
    r.origin = id.certificate.id;
    r.version = {Epoch(epoch), sequence};
    SignLinkState(*crypto, id.signing_key, &r);
    return r;
  }
  bool Equal() const { return a.database().Digest() == b.database().Digest(); }
};

BOOST_AUTO_TEST_CASE(neighbours_that_meet_have_one_map_afterwards_certificates_included) {
  Pair p;
  p.a.AddCertificate(p.idc.certificate);
  p.a.OnLinkState(p.now, kTo, p.Signed(p.idc, 5, 5).encoded);
  p.a.Advertise(p.now, {}, {});
  p.b.Advertise(p.now, {}, {});
  BOOST_TEST(!p.Equal());
  p.Meet();
  p.Exchange();
  BOOST_TEST(p.Equal());
  BOOST_TEST(p.b.database().records().size() == 3);
  BOOST_TEST((p.b.FindByName("c") == p.idc.certificate.id));
  BOOST_TEST(p.b.TakeChanged());
  BOOST_TEST(!p.b.TakeChanged());
  BOOST_TEST(p.Exchange() == 0);  // and then it is quiet
}

BOOST_AUTO_TEST_CASE(news_is_flooded_and_a_lost_frame_is_made_up_for) {
  Pair p;
  p.Meet();
  p.Exchange();
  p.a.Advertise(p.now, {}, {"10.99.0.1"});
  const auto lost = p.a.TakeFrames(p.now);
  BOOST_REQUIRE(lost.size() == 1);
  BOOST_TEST(lost[0].origins.size() == 1);
  BOOST_TEST(p.a.TakeFrames(p.now).empty());
  p.a.OnFrameLost(p.now, kTo, lost[0].origins);
  p.Exchange();
  BOOST_TEST(p.Equal());
}

BOOST_AUTO_TEST_CASE(what_is_lost_over_a_slow_radio_leaves_again_soon_and_ever_more_rarely) {
  Pair p;
  p.a.OnNeighborUp(kTo, ShortId(0), 200, false, true);
  p.a.Advertise(p.now, {}, {});
  std::vector<double> sent_at;
  for (int i = 0; i < 3000; ++i, p.now += 1s) {
    for (const ControlFrame& f : p.a.TakeFrames(p.now)) {
      if (f.origins.empty()) continue;  // the summary
      sent_at.push_back(ToSeconds(p.now - kStart));
      if (sent_at.size() < 4) p.a.OnFrameLost(p.now, kTo, f.origins);
    }
  }
  BOOST_TEST(sent_at == (std::vector<double>{20, 40, 80, 160}), boost::test_tools::per_element());
  // What is new after that waits as news does.
  p.a.Advertise(p.now, {}, {"10.99.0.1"});
  BOOST_TEST(p.a.TakeFrames(p.now).empty());
  BOOST_TEST(p.a.TakeFrames(p.now + 19s).empty());
  BOOST_TEST(p.a.TakeFrames(p.now + 20s).size() == 1u);
}

BOOST_AUTO_TEST_CASE(news_with_a_gap_waits_and_is_told_in_its_newest_version_only) {
  Pair p;
  p.Meet();
  p.a.SetNewsGap(kTo, 2min);
  p.b.SetNewsGap(kTo, 2min);
  p.Exchange();
  std::size_t frames = 0;
  for (int i = 0; i < 240; ++i) {
    p.a.Advertise(p.now, {}, {"10.99.0." + std::to_string(i)});
    frames += p.Exchange();
    p.now += 1s;
  }
  BOOST_TEST(frames >= 2u);
  BOOST_TEST(frames <= 3u);
  BOOST_TEST(!p.Equal());
  // Nor do digests that differ meanwhile make summaries of it.
  std::size_t summaries = 0;
  for (int i = 0; i < 240; ++i) {
    p.now += 1s;
    p.b.OnPeerDigest(p.now, kTo, p.a.Digest() + 1);
    summaries += p.b.TakeFrames(p.now).size();
  }
  BOOST_TEST(summaries >= 1u);
  BOOST_TEST(summaries <= 2u);
  p.a.SetNewsGap(kTo, Duration(0));
  p.Exchange();
  BOOST_TEST(p.Equal());
}

BOOST_AUTO_TEST_CASE(the_first_news_leaves_at_once_and_that_of_a_storm_in_frames_of_several) {
  Pair p;
  const AdjacencyIndex other(2);
  p.a.OnNeighborUp(other, ShortId(0), 1400, false);
  p.a.TakeFrames(p.now);
  p.now += 1s;
  std::size_t frames = 0, news = 0, origins = 0;
  const auto storm = [&](int changes) {
    for (int i = 0; i < changes; ++i, p.now += 1ms) {
      const Identity id = p.members.Admit("storm" + std::to_string(++origins));
      p.a.AddCertificate(id.certificate);
      p.a.OnLinkState(p.now, kTo, p.Signed(id, 1, 1).encoded);
      for (const auto& f : p.a.TakeFrames(p.now)) {
        ++frames;
        news += f.origins.size();
      }
    }
  };
  storm(MapSync::kFloodBurst);
  BOOST_TEST(frames == static_cast<std::size_t>(MapSync::kFloodBurst));
  BOOST_TEST(news == frames);
  storm(100);
  BOOST_TEST(frames <= MapSync::kFloodBurst + 110ms / MapSync::kFloodGap);
  BOOST_TEST((p.a.NextDeadline() <= p.now + MapSync::kFloodGap));
  p.now += MapSync::kFloodGap;
  for (const auto& f : p.a.TakeFrames(p.now)) news += f.origins.size();
  BOOST_TEST(news == static_cast<std::size_t>(MapSync::kFloodBurst) + 100);
}

BOOST_AUTO_TEST_CASE(a_suspicion_that_is_withdrawn_costs_no_summary_and_loses_no_news) {
  Pair p;
  p.Meet();
  p.Exchange();
  p.a.Advertise(p.now, {}, {});
  const auto lost = p.a.TakeFrames(p.now);
  BOOST_REQUIRE(lost.size() == 1);
  p.a.OnFrameLost(p.now, kTo, lost[0].origins);
  p.a.OnNeighborSuspected(kTo);
  BOOST_TEST(p.a.TakeFrames(p.now).empty());
  BOOST_TEST((p.a.NextDeadline() == kNever));
  p.a.OnLinkState(p.now, AdjacencyIndex(2), p.Signed(p.idb, 1, 1).encoded);
  p.a.OnNeighborUp(kTo, ShortId(0), 1400, false);
  const auto frames = p.a.TakeFrames(p.now);
  BOOST_REQUIRE(frames.size() == 1);
  BOOST_TEST(frames[0].origins.size() == 2);  // what was lost, and what came meanwhile
  ChunkReader reader(frames[0].content);
  Chunk c;
  while (reader.Next(&c)) BOOST_TEST((c.type == ChunkType::kLinkState));
}

BOOST_AUTO_TEST_CASE(
    maps_that_differ_for_whatever_reason_are_repaired_by_the_digest_once_a_second) {
  Pair p;
  p.Meet();
  p.Exchange();
  p.a.Advertise(p.now, {}, {});
  p.a.TakeFrames(p.now);  // lost, and nobody noticed
  const Time met = p.now;
  p.now += MapSync::kSummaryGap - 10ms;
  p.b.OnPeerDigest(kStart + MapSync::kSummaryGap - Duration(1), kTo, p.a.database().Digest());
  BOOST_TEST(p.b.TakeFrames(p.now).empty());
  p.now = met + MapSync::kSummaryGap;
  p.b.OnPeerDigest(p.now, kTo, p.a.database().Digest());
  p.Exchange();
  BOOST_TEST(p.Equal());
  p.now += 10s;
  p.b.OnPeerDigest(p.now, kTo, p.a.database().Digest());
  BOOST_TEST(p.b.TakeFrames(p.now).empty());
}

BOOST_AUTO_TEST_CASE(narrow_links_carry_the_map_in_pieces_that_fit) {
  Pair p;
  std::vector<Identity> many;
  for (int i = 0; i < 30; ++i) {
    many.push_back(p.members.Admit("n" + std::to_string(i)));
    p.a.AddCertificate(many.back().certificate);
    p.a.OnLinkState(p.now, kTo, p.Signed(many.back(), 1, 1).encoded);
  }
  constexpr std::size_t kContent = 300;
  p.Meet(kContent);
  for (int round = 0; round < 50 && !p.Equal(); ++round) {
    for (const auto& f : p.a.TakeFrames(p.now)) {
      BOOST_REQUIRE(f.content.size() <= kContent);
      Pair::Give(p.now, &p.b, f);
    }
    for (const auto& f : p.b.TakeFrames(p.now)) {
      BOOST_REQUIRE(f.content.size() <= kContent);
      Pair::Give(p.now, &p.a, f);
    }
    p.now += MapSync::kRequestGap;
  }
  BOOST_TEST(p.Equal());
}

BOOST_AUTO_TEST_CASE(on_51_byte_frames_nothing_too_long_is_tried) {
  Pair p;
  p.a.AddCertificate(p.idc.certificate);
  p.a.OnLinkState(p.now, kTo, p.Signed(p.idc, 5, 5).encoded);
  p.Meet(38);
  p.a.OnRequest(p.now, kTo, [&] {
    Bytes b(5);
    ByteWriter w(b);
    w.U8(2);
    w.U32(p.idc.certificate.id.Short().value);
    return b;
  }());
  for (int i = 0; i < 10; ++i) {
    for (const auto& f : p.a.TakeFrames(p.now)) BOOST_TEST(f.content.size() <= 38);
    for (const auto& f : p.b.TakeFrames(p.now)) BOOST_TEST(f.content.size() <= 38);
    p.now += 1s;
  }
}

BOOST_AUTO_TEST_CASE(old_and_forged_advertisements_are_counted_and_change_nothing) {
  Pair p;
  p.Meet();
  p.b.AddCertificate(p.idc.certificate);
  p.b.OnLinkState(p.now, kTo, p.Signed(p.idc, 5, 5).encoded);
  const auto digest = p.b.database().Digest();
  p.b.TakeChanged();
  p.b.OnLinkState(p.now, kTo, p.Signed(p.idc, 5, 5).encoded);
  p.b.OnLinkState(p.now, kTo, p.Signed(p.idc, 4, 99).encoded);
  BOOST_TEST(p.b.counters().stale == 2);
  LinkStateRecord stolen = p.Signed(p.idc, 6, 1);
  stolen.encoded.clear();
  SignLinkState(*p.crypto, p.ida.signing_key, &stolen);  // by another member's key
  p.b.OnLinkState(p.now, kTo, stolen.encoded);
  BOOST_TEST(p.b.counters().forged == 1);
  p.b.OnLinkState(p.now, kTo, Bytes(50, 7));
  p.b.OnSummary(p.now, kTo, Bytes(5));
  p.b.OnRequest(p.now, kTo, Bytes(4));
  BOOST_TEST(p.b.counters().malformed == 3);
  TestNetwork other(p.crypto, "other");
  p.b.OnCertificate(p.now, kTo, other.Admit("x").certificate.encoded);
  BOOST_TEST(p.b.counters().forged == 2);
  BOOST_TEST(p.b.database().Digest() == digest);
  BOOST_TEST(!p.b.TakeChanged());
  BOOST_TEST(!p.b.FindByName("x").has_value());
}

BOOST_AUTO_TEST_CASE(whoever_offers_an_old_advertisement_is_told_the_new_one) {
  Pair p;
  p.Meet();
  p.Exchange();
  p.b.AddCertificate(p.idc.certificate);
  p.b.OnLinkState(p.now, AdjacencyIndex(9), p.Signed(p.idc, 5, 5).encoded);
  p.b.TakeFrames(p.now);  // lost
  p.b.OnLinkState(p.now, kTo, p.Signed(p.idc, 5, 4).encoded);
  const auto frames = p.b.TakeFrames(p.now);
  BOOST_REQUIRE(frames.size() == 1);
  BOOST_TEST((frames[0].origins == std::vector<ShortId>{p.idc.certificate.id.Short()}));
}

BOOST_AUTO_TEST_CASE(advertisements_without_a_certificate_wait_in_a_bounded_room) {
  Pair p;
  p.Meet();
  for (std::uint32_t i = 0; i <= MapSync::kWaitingMax; ++i) {
    LinkStateRecord r;
    for (int k = 0; k < 4; ++k) {
      r.origin.bytes[static_cast<std::size_t>(k)] =
          static_cast<std::uint8_t>((i + 1) >> (24 - 8 * k));
    }
    r.version = {Epoch(1), 1};
    SignLinkState(*p.crypto, p.idc.signing_key, &r);
    BOOST_TEST(p.b.counters().waiting_dropped == 0);
    p.b.OnLinkState(p.now, kTo, r.encoded);
  }
  BOOST_TEST(p.b.counters().waiting_dropped == 1);
  BOOST_TEST(p.b.database().records().empty());
}

BOOST_AUTO_TEST_CASE(a_node_whose_state_was_set_back_goes_on_from_what_the_network_knows) {
  Pair p;
  p.Meet();
  p.a.Advertise(p.now, {}, {});
  p.a.OnLinkState(p.now, kTo, p.Signed(p.ida, 9, 7).encoded);  // its own, from a later life
  BOOST_TEST(p.a.TakeOutrun());
  BOOST_TEST(!p.a.TakeOutrun());
  p.a.Advertise(p.now, {}, {});
  BOOST_TEST((p.a.database().Find(p.ida.certificate.id.Short())->version ==
              LinkStateVersion{Epoch(9), 8}));
}

BOOST_AUTO_TEST_CASE(the_map_is_there_again_after_a_restart_and_verified_anew) {
  Pair p;
  p.b.AddCertificate(p.idc.certificate);
  p.b.OnLinkState(p.now, kTo, p.Signed(p.idc, 5, 5).encoded);
  auto store = NewMemoryStore();
  std::string error;
  const auto writes = p.b.TakeWrites();
  store->Write(writes, &error);
  BOOST_TEST(p.b.TakeWrites().empty());
  MapSync again(p.crypto.get(), &p.idb, &p.anchor, Epoch(2));
  again.Load(p.now, *store);
  BOOST_TEST(again.database().Find(p.idc.certificate.id.Short()) != nullptr);
  BOOST_TEST(again.TakeWrites().empty());
  std::vector<StoreWrite> damaged = writes;
  for (StoreWrite& w : damaged) (*w.value)[w.value->size() / 2] ^= 1;
  store->Write(damaged, &error);
  MapSync wary(p.crypto.get(), &p.idb, &p.anchor, Epoch(3));
  wary.Load(p.now, *store);
  BOOST_TEST(wary.database().records().empty());
  BOOST_TEST(!wary.FindByName("c").has_value());
}

BOOST_AUTO_TEST_CASE(all_that_is_lacking_is_asked_for_in_as_many_frames_as_that_takes) {
  Pair p;
  constexpr std::size_t kMany = 100;
  std::vector<Identity> others;
  for (std::size_t i = 0; i < kMany; ++i) {
    others.push_back(p.members.Admit("n" + std::to_string(i)));
    p.a.AddCertificate(others.back().certificate);
    p.a.OnLinkState(p.now, kTo, p.Signed(others.back(), 1, 1).encoded);
  }
  p.a.TakeFrames(p.now);
  // Room for 58 requests in a frame, but for advertisements and certificates too.
  constexpr std::size_t kContent = 300;
  p.b.OnNeighborUp(kTo, p.ida.certificate.id.Short(), kContent, false);
  Bytes summary(1 + kMany * 12);
  ByteWriter w(summary);
  w.U8(0);
  for (const Identity& id : others) {
    w.U32(id.certificate.id.Short().value);
    w.U32(1);
    w.U32(1);
  }
  p.b.OnSummary(p.now, kTo, summary);
  // Asked for at once, and once.
  std::set<std::uint32_t> asked;
  std::size_t entries = 0;
  for (int round = 0; round < 3; ++round) {
    for (const ControlFrame& f : p.b.TakeFrames(p.now)) {
      BOOST_TEST(f.content.size() <= kContent);
      ChunkReader reader(f.content);
      Chunk c;
      while (reader.Next(&c)) {
        if (c.type != ChunkType::kRequest) continue;
        ByteReader in(c.body);
        for (; in.remaining() > 0; ++entries) {
          in.U8();
          asked.insert(in.U32());
        }
      }
    }
  }
  BOOST_TEST(asked.size() == kMany);
  BOOST_TEST(entries == kMany);
}

BOOST_AUTO_TEST_CASE(a_certificate_with_a_new_name_takes_the_old_name_away) {
  Pair p;
  p.a.AddCertificate(p.idc.certificate);
  BOOST_TEST(p.a.FindByName("c").has_value());
  Certificate renamed = p.idc.certificate;
  renamed.name = "c2";
  ++renamed.serial;
  renamed.encoded.push_back(1);  // issued anew: other bytes
  BOOST_TEST(p.a.AddCertificate(renamed));
  BOOST_TEST(!p.a.FindByName("c").has_value());
  BOOST_TEST((p.a.FindByName("c2") == p.idc.certificate.id));
  // Another member with a name that is taken: the later one has it, as ever.
  Certificate twin = p.idb.certificate;
  twin.name = "c2";
  ++twin.serial;
  twin.encoded.push_back(1);
  BOOST_TEST(p.a.AddCertificate(twin));
  BOOST_TEST((p.a.FindByName("c2") == p.idb.certificate.id));
  BOOST_TEST(!p.a.FindByName("b").has_value());
}

// Node a with neighbours b, c and d in reach of one channel; b and c hear each other too.
struct SharedChannel : Pair {
  static constexpr std::uint8_t kB = 1, kC = 2, kD = 3;
  Identity idd = members.Admit("d"), ide = members.Admit("e");

  SharedChannel() {
    for (const Identity* id : {&idc, &idd, &ide}) a.AddCertificate(id->certificate);
    Neighbor(kB, idb);
    Neighbor(kC, idc);
    Neighbor(kD, idd);
    LinkStateRecord r = Signed(idb, 1, 1);
    r.adjacencies.push_back(
        {AdjacencyIndex(1), idc.certificate.id.Short(), AdjacencyIndex(1), EdgeMetric()});
    SignLinkState(*crypto, idb.signing_key, &r);
    a.OnLinkState(now, AdjacencyIndex(kB), r.encoded);
    Drain();
  }
  void Neighbor(std::uint8_t index, const Identity& id) {
    a.OnNeighborUp(AdjacencyIndex(index), id.certificate.id.Short(), 1400, true);
  }
  // Who is sent something within a second.
  std::set<int> Drain() {
    std::set<int> to;
    for (int i = 0; i < 1000; ++i, now += 1ms) {
      for (const ControlFrame& f : a.TakeFrames(now)) to.insert(f.to.value);
    }
    return to;
  }
};

BOOST_AUTO_TEST_CASE(on_a_shared_channel_news_goes_only_to_those_who_cannot_have_it) {
  SharedChannel w;
  // From b: c hears b itself.
  w.a.OnLinkState(w.now, AdjacencyIndex(SharedChannel::kB), w.Signed(w.ide, 1, 1).encoded);
  BOOST_TEST((w.Drain() == std::set<int>{SharedChannel::kD}));
  // About d: d knows.
  w.a.OnLinkState(w.now, AdjacencyIndex(SharedChannel::kB), w.Signed(w.idd, 1, 1).encoded);
  BOOST_TEST(w.Drain().empty());
  // From c, who is not known to hear anybody: b and d.
  w.a.OnLinkState(w.now, AdjacencyIndex(SharedChannel::kC), w.Signed(w.ide, 1, 2).encoded);
  BOOST_TEST((w.Drain() == std::set<int>{SharedChannel::kB, SharedChannel::kD}));
}

BOOST_AUTO_TEST_CASE(on_a_shared_channel_own_news_does_not_leave_in_one_burst) {
  SharedChannel w;
  w.a.Advertise(w.now, {}, {});
  std::set<int> to;
  int at_once = 0;
  for (int i = 0; i < 1000; ++i, w.now += 1ms) {
    const auto frames = w.a.TakeFrames(w.now);
    at_once = std::max(at_once, static_cast<int>(frames.size()));
    for (const ControlFrame& f : frames) to.insert(f.to.value);
  }
  BOOST_TEST(to.size() == 3);
  BOOST_TEST(at_once < 3);
}

BOOST_AUTO_TEST_CASE(on_a_shared_channel_a_storm_of_news_is_told_at_a_pace_newest_version_last) {
  SharedChannel w;
  const auto origin = w.ide.certificate.id.Short();
  const auto self = w.ida.certificate.id.Short();
  constexpr int kSeconds = 60;
  std::size_t bytes = 0;
  std::uint32_t told = 0;
  std::size_t own = 0;
  std::uint32_t version = 1;
  const Time begin = w.now;
  const auto drain = [&] {
    for (const ControlFrame& f : w.a.TakeFrames(w.now)) {
      const bool others = std::count(f.origins.begin(), f.origins.end(), origin) > 0;
      if (others) told = w.a.database().Find(origin)->version.sequence;
      if (others) bytes += f.content.size();
      own += static_cast<std::size_t>(std::count(f.origins.begin(), f.origins.end(), self));
    }
  };
  // A node far away whose links change a hundred times a second.
  while (w.now < begin + std::chrono::seconds(kSeconds)) {
    LinkStateRecord r = w.Signed(w.ide, 1, ++version);
    for (std::uint8_t i = 1; i <= 10; ++i) {
      r.adjacencies.push_back({AdjacencyIndex(i), ShortId(i), AdjacencyIndex(1), EdgeMetric()});
    }
    SignLinkState(*w.crypto, w.ide.signing_key, &r);
    w.a.OnLinkState(w.now, AdjacencyIndex(SharedChannel::kB), r.encoded);
    w.now += 10ms;
    drain();
  }
  BOOST_TEST(bytes > 10'000u);
  BOOST_TEST(bytes < MapSync::kSharedBurstBytes + kSeconds * MapSync::kSharedBytesPerSecond);
  // In the middle of it this node's own news does not wait.
  w.a.Advertise(w.now, {}, {});
  for (int i = 0; i < 500; ++i, w.now += 1ms) drain();
  BOOST_TEST(own == 3u);
  for (int i = 0; i < 5000; ++i, w.now += 1ms) drain();
  BOOST_TEST(told == version);
}

}  // namespace
}  // namespace selvage
