#include "agents/delivery/custody.h"

#include <algorithm>

namespace selvage {
namespace {

bool Contains(const std::vector<ShortId>& list, ShortId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

}  // namespace

Custody::Custody(Time now, ShortId self, RelayStore::Limits limits)
    : self_(self), started_(now), relay_(self, limits) {}

void Custody::OnReach(Time now, const std::vector<InReach>& reach, const std::vector<Own>& own) {
  ++round_;
  std::vector<ShortId> carriers;
  for (const InReach& r : reach) {
    const auto [it, arrived] = reach_.try_emplace(r.node.value);
    Seen& seen = it->second;
    if (arrived && now - started_ >= kSettle) {
      seen.arrived = now;
      if (!r.slow && carriers.size() < kCarriersPerMeeting) carriers.push_back(r.node);
    }
    seen.hops = r.hops;
    seen.slow = r.slow;
    seen.round = round_;
  }
  for (auto it = reach_.begin(); it != reach_.end();) {
    if (it->second.round == round_) {
      ++it;
      continue;
    }
    courier_.Leave(ShortId(it->first));
    it = reach_.erase(it);
  }
  for (const auto& [id, e] : relay_.entries()) GiveToDestination(now, id, e);
  for (const ShortId carrier : carriers) GiveToCarrier(now, carrier, own);
}

void Custody::GiveToDestination(Time now, const MessageId& id, const RelayStore::Entry& e) {
  const auto destination = reach_.find(id.destination.value);
  if (!e.durable || destination == reach_.end()) return;
  const auto origin = reach_.find(id.origin.value);
  if (origin != reach_.end()) {
    const Time both = std::max(destination->second.arrived, origin->second.arrived);
    if (both != Time::min() && now - both < kOriginFirst) return;
  }
  courier_.Add(now, id.destination, id,
               destination->second.slow ? Courier::kPauseSlow : Courier::kPauseFirst);
}

void Custody::GiveToCarrier(Time now, ShortId carrier, const std::vector<Own>& own) {
  for (const Own& o : own) {
    if (Reaches(o.id.destination)) continue;
    const auto given = own_given_.find(o.id);
    if (given != own_given_.end() && Contains(given->second, carrier)) continue;
    if (!courier_.Add(now, carrier, o.id)) return;
    own_given_[o.id];
  }
  for (const auto& [id, e] : relay_.entries()) {
    if (!e.durable || e.generation >= RelayStore::kGenerationsMax || Reaches(id.destination) ||
        id.origin == carrier || e.brought_by == carrier || Contains(e.given, carrier)) {
      continue;
    }
    if (!courier_.Add(now, carrier, id)) return;
  }
}

// The newest arrival, and the nearest neighbour; none that costs air time of a slow radio.
std::vector<ShortId> Custody::StandingCarriers() const {
  std::vector<ShortId> out;
  const std::pair<const std::uint32_t, Seen>* newest = nullptr;
  const std::pair<const std::uint32_t, Seen>* nearest = nullptr;
  for (const auto& r : reach_) {
    if (!r.second.slow && r.second.arrived != Time::min() &&
        (newest == nullptr || r.second.arrived > newest->second.arrived)) {
      newest = &r;
    }
    if (!r.second.slow && (nearest == nullptr || r.second.hops < nearest->second.hops)) {
      nearest = &r;
    }
  }
  if (newest != nullptr) out.push_back(ShortId(newest->first));
  if (nearest != nullptr && nearest != newest) out.push_back(ShortId(nearest->first));
  return out;
}

void Custody::OnTick(Time now, const std::vector<Own>& own) {
  for (const auto& [id, e] : relay_.entries()) {
    if (courier_.Waiting(id.destination) == 0) GiveToDestination(now, id, e);
  }
  std::vector<Own> waiting;
  for (const Own& o : own) {
    if (now - o.since >= kPatience && !Reaches(o.id.destination) &&
        own_given_.count(o.id) == 0) {
      waiting.push_back(o);
    }
  }
  if (waiting.empty()) return;
  for (const ShortId carrier : StandingCarriers()) {
    for (const Own& o : waiting) {
      if (!courier_.Add(now, carrier, o.id)) break;
      own_given_[o.id];
    }
  }
}

void Custody::Note(ShortId to, CustodyNote::What what, const MessageId& id) {
  if (to == self_) return;
  if (notes_.empty()) notes_waiting_ = 0;
  if (notes_waiting_ >= kNotesWaitingMax) return;
  ++notes_waiting_;
  notes_[to.value].push_back({what, id});
}

void Custody::Confirm(ShortId to, const MessageId& what) {
  Note(to, CustodyNote::What::kHeld, what);
}

void Custody::OnEnvelope(Time now, ShortId from, const CarriedMessage& message) {
  StoreWrite write;
  switch (relay_.Take(now, from, message, &write)) {
    case RelayStore::Answer::kTaken:
      ++counters_.taken;
      writes_.push_back({std::move(write), message.id});
      break;
    case RelayStore::Answer::kHave:
      if (relay_.Durable(message.id)) Confirm(from, message.id);
      break;
    case RelayStore::Answer::kRefused:
      break;  // it stays with the giver
  }
}

void Custody::Keep(Time now, ShortId first, const CarriedMessage& message) {
  StoreWrite write;
  if (relay_.Take(now, self_, message, &write) != RelayStore::Answer::kTaken) return;
  writes_.push_back({std::move(write), message.id});
  if (Reaches(first)) courier_.Add(now, first, message.id);
}

void Custody::OnDurable(Time now, const MessageId& id) {
  const auto brought_by = relay_.OnDurable(id);
  if (!brought_by) return;
  Confirm(*brought_by, id);
  GiveToDestination(now, id, relay_.entries().at(id));
}

void Custody::OnWriteRefused(const MessageId& id) {
  if (auto write = relay_.Withdraw(id)) writes_.push_back({*std::move(write), std::nullopt});
}

void Custody::OnNotes(Time now, ShortId from, const std::vector<CustodyNote>& notes) {
  for (const CustodyNote& note : notes) {
    if (note.what == CustodyNote::What::kHeld) {
      OnHeld(now, from, note.id);
    } else {
      OnNeedless(from, note.id);
    }
  }
}

void Custody::OnHeld(Time now, ShortId from, const MessageId& id) {
  courier_.OnConfirmed(now, from, id);
  const auto it = relay_.entries().find(id);
  if (it != relay_.entries().end()) {
    if (from == id.destination) {
      ++counters_.passed_on;
      Drop(id);
    } else {
      ++counters_.copies;
      relay_.NoteGiven(id, from);
    }
    return;
  }
  const auto own = own_given_.find(id);
  if (own == own_given_.end() || Contains(own->second, from)) return;
  ++counters_.copies;
  if (own->second.size() < kOwnGivenMax) own->second.push_back(from);
}

// Only those may say so who would know: whoever brought it, the origin and the destination.
void Custody::OnNeedless(ShortId from, const MessageId& id) {
  const auto it = relay_.entries().find(id);
  if (it == relay_.entries().end()) return;
  if (from == it->second.brought_by || from == id.origin || from == id.destination) Drop(id);
}

void Custody::Drop(const MessageId& id) {
  courier_.Forget(id);
  auto dropped = relay_.Drop(id);
  if (!dropped) return;
  writes_.push_back({std::move(dropped->write), std::nullopt});
  for (const ShortId carrier : dropped->given) Note(carrier, CustodyNote::What::kNeedless, id);
}

void Custody::OnOwnSettled(const MessageId& id) {
  const auto it = own_given_.find(id);
  if (it == own_given_.end()) return;
  courier_.Forget(id);
  for (const ShortId carrier : it->second) Note(carrier, CustodyNote::What::kNeedless, id);
  own_given_.erase(it);
}

void Custody::OnTimeout(Time now) {
  courier_.OnTimeout(now);
  for (RelayStore::Dropped& d : relay_.Expire(now)) {
    ++counters_.expired;
    writes_.push_back({std::move(d.write), std::nullopt});
  }
}

Time Custody::NextDeadline() const {
  return std::min(courier_.NextDeadline(), relay_.NextDeadline());
}

}  // namespace selvage
