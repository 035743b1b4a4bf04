// Who is not to carry the traffic of others any more, on whose word, and how it comes back.
//
// A quarantined node is a stub: it stays a destination, keeps its sessions and still leads on where
// nothing else does, so quarantine alone cuts nobody off; an operator may ask for more (`force`).
// Four ways in: an operator's word; this node's own check of a neighbour (neighbor_check.h), asked
// for by its own path watch or by somebody's testimony; the accusations of at least kWitnessesMin
// disjoint witnesses (transit.h) that outnumber those who vouch; and having accused kStrikes nodes
// that work. Own evidence comes before anybody's words. Always asked: does the map without the
// transit of all in quarantine still connect everybody else? If not, it is withheld.
//
// Who counts as a witness: a neighbour of the accused by a link that both list, that accuses no
// more than half of its neighbours (and two at most of few), is no false witness, and is not in
// quarantine here by evidence or by hand. Accusers are not believed twice: an accusation that the
// accused's other neighbours outvote, or that this node's own later check contradicts, for
// kStrikeAfter, is a strike.
//
// Way back: at the end of a hold, which doubles with each relapse up to kHoldMax, a neighbour
// checks again; who passes is on probation and is vouched for. Who stands accused by others alone
// is free when they take it back or let it lapse.
//
// Bounded: kEntriesMax entries, kChecksMax checks at a time, rationed per witness. Sans-I/O: time
// in; probes, words, findings and writes out. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agents/quarantine/neighbor_check.h"
#include "agents/quarantine/testimony.h"
#include "agents/quarantine/testimony_book.h"
#include "agents/quarantine/transit.h"
#include "core/random.h"
#include "core/store.h"
#include "core/time.h"
#include "routing/topology.h"

namespace selvage {

class Quarantine {
 public:
  static constexpr std::size_t kEntriesMax = 64;
  static constexpr std::size_t kChecksMax = 2;
  static constexpr std::size_t kWantedMax = 16;
  static constexpr int kWitnessesMin = 2;
  static constexpr int kStrikes = 2;
  static constexpr Duration kHoldFirst = 10s;
  static constexpr Duration kHoldMax = std::chrono::hours(1);
  static constexpr Duration kProbation = 600s;
  static constexpr Duration kExempt = std::chrono::hours(1);  // taken out by hand
  static constexpr Duration kCheckGap = 10s;  // between checks of one neighbour
  static constexpr Duration kAskGap = 300s;   // one witness asks for a check of one node
  // On a shared channel not all neighbours begin at once when somebody asks: within this time.
  static constexpr Duration kSpreadShared = 4s;
  static constexpr std::size_t kAsksMax = 1024;
  static constexpr Duration kFresh = 120s;    // a check that was passed says something that long
  static constexpr Duration kRefresh = 60s;   // words that stand are said again
  static constexpr Duration kStatementGap = 500ms;
  static constexpr Duration kStrikeAfter = 5s;
  static constexpr Duration kStrikeLife = 600s;

  enum class Cause : std::uint8_t { kOperator, kEvidence, kWitnesses, kFalseWitness };

  struct Entry {
    ShortId node;
    Cause cause = Cause::kOperator;
    bool barred = false;     // by force: nothing leads on through it
    bool withheld = false;   // others would be cut off: not in effect
    bool probation = false;  // free again
    Time since{};
    Duration hold{0};        // 0: until somebody takes it out
    Time until = kNever;
    std::string evidence;    // kEvidence: for people
    std::vector<ShortId> witnesses;
    std::pair<ShortId, ShortId> cut;  // withheld: who could not reach whom
    bool active() const { return !withheld && !probation; }
  };

  // How a neighbour can be checked now; nullopt: it cannot be.
  struct Access {
    bool shared = false;
    Duration wait{0};  // an answer takes no longer
  };
  using FindAccess = std::function<std::optional<Access>(ShortId neighbor)>;

  Quarantine(ShortId self, FindAccess access, Random* random);

  void Load(Time now, Store& store);

  // ---- events
  void OnMap(Time now, Topology map);
  // This node's own path watch blames `node` for what `destination` does not get.
  void OnDistrusted(Time now, ShortId node, ShortId destination);
  // A verified testimony of somebody else entered the book.
  void OnTestimony(Time now, ShortId witness);
  bool OnAnswer(Time now, ShortId from, std::uint64_t nonce);
  void OnTimeout(Time now);
  Time NextDeadline() const;
  TestimonyBook& book() { return book_; }
  const TestimonyBook& book() const { return book_; }

  // ---- the operator
  // False: refused; *reason says why, *cut who would be cut off (if that is why).
  enum class Refusal : std::uint8_t { kNone, kSelf, kCutsOff, kFull };
  Refusal Add(Time now, ShortId node, bool force, std::pair<ShortId, ShortId>* cut);
  // False: it was not in quarantine. It is not put back on anybody's word for kExempt.
  bool Remove(Time now, ShortId node);

  // ---- what it decides
  bool Contains(ShortId node) const;
  // By short id; all that matters to the map, `active` or not.
  const std::map<std::uint32_t, Entry>& entries() const { return entries_; }
  // Applies what is in effect to a map.
  void Restrict(Topology* map) const;
  bool idle() const { return findings_.empty() && probes_.empty() && writes_.empty() && !changed_; }
  // True once after what is in effect changed.
  bool TakeChanged() { return std::exchange(changed_, false); }

  struct Probe {
    ShortId neighbor;  // that is checked
    ShortId to;
    std::uint64_t nonce = 0;
    bool through = false;  // to be given to the neighbour; else around it, there and back
  };
  std::vector<Probe> TakeProbes() { return std::exchange(probes_, {}); }
  // What this node says now, when it is time to say something.
  std::optional<std::vector<Word>> TakeStatement(Time now);
  std::vector<StoreWrite> TakeWrites() { return std::exchange(writes_, {}); }

  struct Finding {
    enum class What : std::uint8_t {
      kQuarantined,
      kWithheld,  // `entry.cut` would be cut off
      kReleased,  // free again, on probation
      kPassed,    // a check asked for by somebody found nothing
      kAccused,   // this node itself, by `entry.witnesses`
    };
    What what;
    Entry entry;
    NeighborCheck::Result result;
  };
  std::vector<Finding> TakeFindings() { return std::exchange(findings_, {}); }

  struct Counters {
    std::uint64_t checks = 0;
    std::uint64_t probes = 0;
    std::uint64_t strikes = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Own {  // what this node's last check of a neighbour showed
    NeighborCheck::Result result;
    Time at{};
  };
  struct Wanted {
    ShortId destination;
    Time not_before{};
    bool asked = false;  // by others: a good result is worth telling
  };
  struct Said {
    Word word;
    Time until = kNever;
  };
  struct Votes {
    std::vector<ShortId> accusers;  // that count
    std::vector<ShortId> vouchers;
  };
  using Pair = std::pair<std::uint32_t, std::uint32_t>;  // witness, accused

  // ---- quarantine.cc
  void Decide(Time now);
  void DecideOn(Time now, ShortId node);
  void Enter(Time now, ShortId node, Cause cause, std::vector<ShortId> witnesses);
  void Leave(Time now, Entry* e);
  bool Consents(ShortId node, std::pair<ShortId, ShortId>* cut) const;
  void Save(const Entry& e);
  void Tell(Finding::What what, const Entry& e);
  bool Dropping(ShortId node) const;
  bool Passing(Time now, ShortId node) const;
  // ---- quarantine_checks.cc
  // Not before `after` from now.
  void WantCheck(Time now, ShortId node, ShortId destination, bool asked,
                 Duration after = Duration(0));
  void StepChecks(Time now);
  bool BeginCheck(Time now, ShortId node, const Wanted& w);
  void EndCheck(Time now, const NeighborCheck& check, bool asked);
  void Say(Time now, Word word, Duration lifetime);
  void Unsay(ShortId node);
  // ---- quarantine_witnesses.cc
  Votes Count(ShortId node) const;
  bool MayAccuse(ShortId witness, const Testimony& t) const;
  bool FalseWitness(ShortId witness) const;
  void Strike(Time now);
  std::vector<ShortId> FindDisjoint(ShortId node, const std::vector<ShortId>& accusers) const;

  ShortId self_;
  FindAccess access_;
  Random* random_;
  Topology map_;
  TestimonyBook book_;
  std::map<std::uint32_t, Entry> entries_;
  std::map<std::uint32_t, Own> own_;
  std::map<std::uint32_t, Time> exempt_;  // until
  std::map<std::uint32_t, Wanted> wanted_;
  std::vector<std::pair<NeighborCheck, bool>> checks_;  // with: asked for by others
  std::map<std::uint32_t, Said> said_;
  bool speak_ = false;
  Time last_statement_ = Time::min();
  std::map<Pair, Time> asked_;         // when a witness last made us check
  std::map<Pair, Time> accused_;       // since when
  std::map<Pair, Time> contradicted_;  // since when
  std::map<Pair, Time> strikes_;       // when
  std::map<std::uint32_t, Time> told_accused_;  // witness -> when it was last told
  std::vector<Probe> probes_;
  std::vector<StoreWrite> writes_;
  std::vector<Finding> findings_;
  bool changed_ = false;
  Time next_ = kNever;  // something here expires
  Counters counters_;
};

std::string_view ToString(Quarantine::Cause c);

}  // namespace selvage
