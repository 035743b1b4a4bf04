#include "agents/delivery/receiver.h"

#include <algorithm>
#include <utility>

namespace selvage {
namespace {

constexpr char kPrefix[] = "received/";

std::string StoreKey(std::uint32_t origin, std::uint32_t epoch, std::uint16_t flow) {
  Bytes b(10);
  ByteWriter w(b);
  w.U32(origin);
  w.U32(epoch);
  w.U16(flow);
  return kPrefix + ToHex(b);
}

}  // namespace

Receiver::Receiver(EndToEndCipher* cipher, Store& store) : cipher_(cipher) {
  store.Scan(kPrefix, [&](std::string_view key, std::string_view value) {
    Bytes b;
    auto set = IntervalSet::Decode(value);
    if (set && FromHex(key.substr(sizeof kPrefix - 1), &b) && b.size() == 10) {
      ByteReader in(b);
      const std::uint32_t origin = in.U32();
      const std::uint32_t epoch = in.U32();
      const FlowKey flow(origin, epoch, in.U16());
      durable_[flow] = set->Floor();
      received_[flow] = *std::move(set);
    }
    return received_.size() < kFlowsMax;
  });
}

Receiver::Window* Receiver::WindowOf(const FlowKey& flow) {
  auto it = windows_.find(flow);
  if (it == windows_.end()) {
    if (windows_.size() >= kFlowsMax) {
      windows_.erase(std::min_element(
          windows_.begin(), windows_.end(),
          [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    }
    it = windows_.emplace(flow, Window()).first;
  }
  it->second.used = ++uses_;
  return &it->second;
}

std::vector<ReceivedMessage> Receiver::OnPacket(Time now, const DataHeader& header, Epoch epoch,
                                                ByteSpan sealed) {
  std::vector<ReceivedMessage> out;
  const FlowKey flow(header.id.origin.value, epoch.value, header.id.flow);
  const std::uint64_t sequence = header.id.sequence;
  if (sequence < header.fragment) {
    ++counters_.malformed;
    return out;
  }
  const bool durable =
      WantsReceipt(header.traffic_class) && (header.id.flow & 0x3fffu) != kReceiptPort;
  bool duplicate = false;
  if (durable) {
    const auto seen = received_.find(flow);
    duplicate = (seen != received_.end() && seen->second.Contains(sequence)) ||
                reorder_.Around(flow, sequence).has_value();
  } else {
    const auto window = windows_.find(flow);
    if (window != windows_.end() && !window->second.window.WouldAccept(sequence)) {
      ++counters_.duplicates;
      return out;
    }
  }
  std::optional<Bytes> plain = cipher_->Open(header, epoch, sealed);
  if (!plain) {
    ++counters_.forged;
    return out;
  }
  // The class decides what is promised, the flow's number what is remembered: they must agree.
  if (plain->size() < kPayloadHeaderBytes || (*plain)[0] >= kPayloadKinds ||
      header.id.flow >> 14 != static_cast<unsigned>(header.traffic_class) ||
      (durable && (*plain)[0] != static_cast<std::uint8_t>(PayloadKind::kMessage))) {
    ++counters_.malformed;
    return out;
  }
  if (duplicate) {  // its receipt got lost, or this is the second copy: told (again) either way
    ++counters_.duplicates;
    Owe(now, flow, sequence, false);
    return out;
  }
  if (!durable) WindowOf(flow)->window.Accept(sequence);
  if (header.copy != 0) ++counters_.second_copies;
  ReceivedMessage message;
  message.origin = header.id.origin;
  message.traffic_class = header.traffic_class;
  message.kind = static_cast<PayloadKind>((*plain)[0]);
  message.port = static_cast<std::uint16_t>(((*plain)[1] << 8) | (*plain)[2]);
  const std::uint64_t first = sequence - header.fragment;
  std::optional<Bytes> whole =
      header.fragments == 1 ? std::move(plain) : Assemble(now, header, flow, *std::move(plain));
  if (!whole) return out;
  whole->erase(whole->begin(), whole->begin() + kPayloadHeaderBytes);
  message.body = *std::move(whole);
  if (message.kind == PayloadKind::kGone) {
    OnGone(now, message.origin, message.body, &out);
  } else if (!durable) {
    out.push_back(std::move(message));
  } else {
    Complete(now, flow, {first, first + header.fragments - 1u}, std::move(message), &out);
  }
  return out;
}

std::optional<Bytes> Receiver::Assemble(Time now, const DataHeader& header, const FlowKey& flow,
                                        Bytes plain) {
  const PartialKey key(flow, header.id.sequence - header.fragment);
  DropPartials(now, partials_.count(key) == 0);
  Partial& p = partials_[key];
  if (p.pieces.empty()) {
    p.started = now;
    p.pieces.resize(header.fragments);
    p.missing = header.fragments;
  }
  if (p.pieces.size() != header.fragments || !p.pieces[header.fragment].empty())
    return std::nullopt;
  p.bytes += plain.size();
  partial_bytes_ += plain.size();
  p.pieces[header.fragment] = std::move(plain);
  if (--p.missing > 0) return std::nullopt;
  Bytes whole = std::move(p.pieces[0]);
  for (std::size_t i = 1; i < p.pieces.size(); ++i) {
    whole.insert(whole.end(), p.pieces[i].begin() + kPayloadHeaderBytes, p.pieces[i].end());
  }
  partial_bytes_ -= p.bytes;
  partials_.erase(key);
  return whole;
}

IntervalSet* Receiver::SetOf(const FlowKey& flow) {
  if (received_.size() >= kFlowsMax && received_.count(flow) == 0) {
    // One row has to go, on the disk as well. The first in order belongs to the oldest epoch of its
    // origin: the one least likely to still have anything in flight.
    const auto [origin, epoch, old_flow] = received_.begin()->first;
    deleted_.push_back({StoreKey(origin, epoch, old_flow), std::nullopt});
    owed_.erase(received_.begin()->first);
    unsaved_.erase(received_.begin()->first);
    durable_.erase(received_.begin()->first);
    received_.erase(received_.begin());
  }
  return &received_[flow];
}

void Receiver::Complete(Time now, const FlowKey& flow, const SequenceRange& range,
                        ReceivedMessage message, std::vector<ReceivedMessage>* out) {
  if (message.traffic_class == TrafficClass::kCritical) {
    InOrder(now, flow, range, std::move(message), out);
    return;
  }
  if (!SetOf(flow)->Insert(range.first, range.last)) {
    ++counters_.refused_full;
    return;
  }
  Owe(now, flow, range.first, true);
  out->push_back(std::move(message));
}

void Receiver::InOrder(Time now, const FlowKey& flow, const SequenceRange& range,
                       ReceivedMessage message, std::vector<ReceivedMessage>* out) {
  IntervalSet* set = SetOf(flow);
  if (range.first == set->Floor()) {
    if (!set->Insert(range.first, range.last)) {
      ++counters_.refused_full;
      return;
    }
    Owe(now, flow, range.first, true);
    out->push_back(std::move(message));
    Drain(now, flow, out);
    return;
  }
  if (!reorder_.Add(now, flow, range.first, {range.last, message.port, std::move(message.body)})) {
    ++counters_.refused_full;
    return;
  }
  ++counters_.reordered;
  Owe(now, flow, range.first, false);
}

void Receiver::Drain(Time now, const FlowKey& flow, std::vector<ReceivedMessage>* out) {
  IntervalSet* set = SetOf(flow);
  for (;;) {
    const std::uint64_t first = set->Floor();
    std::optional<HeldMessage> held = reorder_.Take(flow, first);
    if (!held || !set->Insert(first, held->last)) return;
    Owe(now, flow, first, true);
    ReceivedMessage m;
    m.origin = ShortId(std::get<0>(flow));
    m.traffic_class = TrafficClass::kCritical;
    m.port = held->port;
    m.body = std::move(held->body);
    out->push_back(std::move(m));
  }
}

void Receiver::OnGone(Time now, ShortId origin, ByteSpan body, std::vector<ReceivedMessage>* out) {
  const auto reports = DecodeReports(body);
  if (!reports) {
    ++counters_.malformed;
    return;
  }
  for (const FlowReport& report : *reports) {
    const FlowKey flow(origin.value, report.epoch.value, report.flow);
    const auto set = received_.find(flow);
    // Nothing waits in a flow that is not known; only what is critical waits at all.
    if (set == received_.end() ||
        report.flow >> 14 != static_cast<unsigned>(TrafficClass::kCritical)) {
      continue;
    }
    auto close = [&](const SequenceRange& range) {
      reorder_.Drop(flow, range);
      if (set->second.Close(range.first, range.last)) ++counters_.gone;
    };
    if (report.floor > set->second.Floor()) close({set->second.Floor(), report.floor - 1});
    for (const SequenceRange& range : report.ranges) close(range);
    Owe(now, flow, set->second.Floor(), true);
    Drain(now, flow, out);
  }
}

void Receiver::Owe(Time now, const FlowKey& flow, std::uint64_t sequence, bool changed) {
  if (owed_.empty()) receipts_due_ = std::max(now, last_batch_ + kReceiptGap);
  Owed& owed = owed_[flow];
  owed.changed = owed.changed || changed;
  if (sequence >= SetOf(flow)->Floor()) owed.news.insert(sequence);
  if (owed.news.size() >= kNewsMax) receipts_due_ = now;
}

// The floor says most of it; beyond it the runs that contain news, the lowest first.
FlowReport Receiver::ReportOf(const FlowKey& flow, const Owed& owed) const {
  const auto set = received_.find(flow);
  FlowReport report;
  report.epoch = Epoch(std::get<1>(flow));
  report.flow = std::get<2>(flow);
  report.floor = set == received_.end() ? 0 : set->second.Floor();
  const bool critical = report.flow >> 14 == static_cast<unsigned>(TrafficClass::kCritical);
  std::uint64_t from = report.floor;
  for (const std::uint64_t n : owed.news) {
    if (n < from || report.ranges.size() == kReportRangesMax) continue;
    std::optional<SequenceRange> run;
    if (critical) {
      run = reorder_.Around(flow, n);
    } else if (set != received_.end()) {
      if (const auto i = set->second.Around(n)) run = SequenceRange{i->first, i->second};
    }
    if (!run) continue;
    report.ranges.push_back(*run);
    from = run->last + 1;
  }
  return report;
}

// Flows are in order of their origin: those of one origin and class share a packet.
void Receiver::Append(const FlowKey& flow, const FlowReport& report,
                      std::vector<ReceiptBatch::Receipt>* out) {
  const ShortId origin(std::get<0>(flow));
  const auto c = static_cast<TrafficClass>(std::get<2>(flow) >> 14);
  const Bytes encoded = EncodeReport(report);
  if (out->empty() || out->back().to != origin || out->back().traffic_class != c ||
      out->back().body.size() + encoded.size() > kReportBytesMax) {
    out->push_back({origin, c, {}});
  }
  Bytes& body = out->back().body;
  body.insert(body.end(), encoded.begin(), encoded.end());
}

std::optional<ReceiptBatch> Receiver::TakeReceipts(Time now) {
  if (now < NextDeadline()) return std::nullopt;
  ReceiptBatch batch;
  batch.writes = std::exchange(deleted_, {});
  for (const auto& [flow, owed] : owed_) {
    const auto [origin, epoch, number] = flow;
    if (unsaved_.erase(flow) != 0 || owed.changed) {
      batch.writes.push_back({StoreKey(origin, epoch, number), received_.at(flow).Encode()});
    }
    FlowReport report = ReportOf(flow, owed);
    Append(flow, report, &batch.receipts);
    if (batches_waiting_ == 0 || number >> 14 != static_cast<unsigned>(TrafficClass::kCritical)) {
      continue;
    }
    const auto durable = durable_.find(flow);
    const std::uint64_t floor = durable == durable_.end() ? 0 : durable->second;
    if (floor < report.floor) {
      if (report.ranges.size() == kReportRangesMax) report.ranges.pop_back();
      report.ranges.insert(report.ranges.begin(), {floor, report.floor - 1});
      report.floor = floor;
    }
    Append(flow, report, &batch.early);
  }
  owed_.clear();
  last_batch_ = now;
  ++batches_waiting_;
  return batch;
}

void Receiver::OnDurable(const std::vector<ReceiptBatch::Receipt>& receipts) {
  if (batches_waiting_ > 0) --batches_waiting_;
  for (const ReceiptBatch::Receipt& r : receipts) {
    if (r.traffic_class != TrafficClass::kCritical) continue;
    const auto reports = DecodeReports(r.body);
    for (const FlowReport& report : *reports) {
      const FlowKey flow(r.to.value, report.epoch.value, report.flow);
      if (received_.count(flow) != 0) durable_[flow] = report.floor;
    }
  }
}

void Receiver::OnRefused(const std::vector<ReceiptBatch::Receipt>& receipts) {
  if (batches_waiting_ > 0) --batches_waiting_;
  for (const ReceiptBatch::Receipt& r : receipts) {
    const auto reports = DecodeReports(r.body);
    for (const FlowReport& report : *reports) {
      const FlowKey flow(r.to.value, report.epoch.value, report.flow);
      if (received_.count(flow) != 0) unsaved_.insert(flow);
    }
  }
}

bool Receiver::Recorded(const MessageId& id) const {
  const auto set = received_.find(FlowKey(id.origin.value, id.epoch.value, id.flow));
  return set != received_.end() && set->second.Contains(id.sequence);
}

// Makes room: those whose time is up, and for a new one the oldest while there are too many.
void Receiver::DropPartials(Time now, bool room_for_one) {
  auto drop = [this](std::map<PartialKey, Partial>::iterator it) {
    ++counters_.partial_dropped;
    partial_bytes_ -= it->second.bytes;
    return partials_.erase(it);
  };
  for (auto it = partials_.begin(); it != partials_.end();) {
    it = now - it->second.started > kPartialLifetime ? drop(it) : std::next(it);
  }
  while (!partials_.empty() && partial_bytes_ >= kPartialBytesMax) drop(OldestPartial());
  while (room_for_one && partials_.size() >= kPartialsMax) drop(OldestPartial());
}

std::map<Receiver::PartialKey, Receiver::Partial>::iterator Receiver::OldestPartial() {
  return std::min_element(partials_.begin(), partials_.end(), [](const auto& a, const auto& b) {
    return a.second.started < b.second.started;
  });
}

}  // namespace selvage
