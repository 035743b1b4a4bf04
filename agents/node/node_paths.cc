// NodeCore: progress of flows end to end: reports, probes, and what is told of both.
#include <algorithm>

#include "agents/delivery/flow_report.h"
#include "agents/node/node_impl.h"

namespace selvage {
namespace {

// Answers to probes per second: what a member that floods us with probes costs at most.
constexpr int kAnswersPerSecond = 1000;
// A probe's size: like the data it is to be taken for, within what every path carries whole.
constexpr std::size_t kProbeBodyBytesMax = 1024;
constexpr std::size_t kProbeNodesMax = 16;
constexpr std::size_t kNonceBytes = 8;

std::string Share(int answered, int sent) {
  return std::to_string(answered) + " of " + std::to_string(sent);
}

}  // namespace

std::string NodeCore::Impl::NamesOf(const std::vector<ShortId>& nodes) const {
  std::string text;
  for (ShortId node : nodes) text += (text.empty() ? "" : " > ") + NameOf(node);
  return text;
}

bool NodeCore::Impl::OnPathMessage(Time now, const DataHeader& header, AdjacencyIndex in,
                                   const ReceivedMessage& m) {
  const Adjacency* a = FindAdjacency(in);
  switch (m.kind) {
    case PayloadKind::kMessage:
      // Of what came over a slow radio a report would cost more than it is worth.
      if (!WantsReceipt(m.traffic_class) && (a == nullptr || !a->slow)) {
        DataHeader last = header;
        last.id.sequence += static_cast<std::uint64_t>(header.fragments - 1 - header.fragment);
        progress_.OnPackets(now, last, header.fragments, m.body.size());
      }
      return false;
    case PayloadKind::kReceipt:
      if (const auto reports = DecodeReports(m.body)) {
        for (const FlowReport& r : *reports) {
          const std::uint64_t newest = r.ranges.empty() ? r.floor - 1 : r.ranges.back().last;
          if (r.epoch == epoch_ && r.floor > 0) paths_.OnReceipt(now, m.origin, r.flow, newest);
        }
      }
      return false;
    case PayloadKind::kGone:
    case PayloadKind::kCarry:
    case PayloadKind::kCustody:
      return false;
    case PayloadKind::kProgress:
      if (const auto report = DecodeProgress(m.body)) {
        paths_.OnReport(now, m.origin, *report);
      } else {
        ++counters_.malformed;
      }
      return true;
    case PayloadKind::kProbe:
      AnswerProbe(now, m);
      return true;
    case PayloadKind::kProbeAnswer: {
      ByteReader body(m.body);
      const std::uint64_t nonce = body.U64();
      if (body.ok() && !quarantine_.OnAnswer(now, m.origin, nonce)) {
        paths_.OnAnswer(now, m.origin, nonce);
      }
      return true;
    }
  }
  return true;
}

// Receipts answer packets as reports do: they keep off what the newest packet kept off.
void NodeCore::Impl::NoteWayBack(const DataHeader& header) {
  if (!WantsReceipt(header.traffic_class)) return;
  std::vector<ShortId> avoid;
  for (EdgeId e : header.carried) {
    if (e.names_node()) avoid.push_back(e.node);
  }
  const auto it = way_back_.find(header.id.origin.value);
  if (it != way_back_.end()) {
    it->second = std::move(avoid);
  } else if (!avoid.empty()) {
    if (way_back_.size() >= kWaysBackMax) way_back_.erase(way_back_.begin());
    way_back_[header.id.origin.value] = std::move(avoid);
  }
}

void NodeCore::Impl::SendReceipt(Time now, ShortId to, TrafficClass c,
                                 std::vector<OutgoingPacket> packets) {
  std::vector<ShortId> avoid = paths_.AvoidFor(to, c);
  const auto it = way_back_.find(to.value);
  if (it != way_back_.end()) avoid.insert(avoid.end(), it->second.begin(), it->second.end());
  SendAround(now, std::move(packets), avoid);
}

// Where the answer shall not lead through is the asker's wish, sealed by it: what it suspects.
void NodeCore::Impl::AnswerProbe(Time now, const ReceivedMessage& m) {
  if (now - answers_since_ >= 1s) {
    answers_since_ = now;
    answers_ = 0;
  }
  ByteReader body(m.body);
  body.Take(kNonceBytes);
  const int n = body.U8();
  std::vector<ShortId> avoid;
  for (int i = 0; i < n && body.ok(); ++i) avoid.push_back(ShortId(body.U32()));
  if (!body.ok() || avoid.size() > kProbeNodesMax || ++answers_ > kAnswersPerSecond) return;
  if (LeadsOverSlow(m.origin)) return;
  OutgoingMessage answer;
  answer.to = m.origin;
  answer.kind = PayloadKind::kProbeAnswer;
  answer.port = kControlPort;
  answer.body.assign(m.body.begin(), m.body.begin() + kNonceBytes);
  SendAround(now, sender_.SealNow(answer), avoid);
}

void NodeCore::Impl::SendAround(Time now, std::vector<OutgoingPacket> packets,
                                const std::vector<ShortId>& avoid) {
  note_routes_ = false;
  for (OutgoingPacket& p : packets) {
    ++counters_.frames_originated;
    for (ShortId node : avoid) {
      if (node == p.header.destination || node == self_) continue;
      p.header.carried.Add(EdgeId::WholeNode(node));
    }
    Forward(now, p.header, p.payload, AdjacencyIndex(0));
  }
  note_routes_ = true;
}

void NodeCore::Impl::SettlePaths(Time now) {
  if (now >= progress_.NextDeadline()) {
    for (Progress::Due& d : progress_.TakeDue(now)) {
      OutgoingMessage report;
      report.to = d.to;
      report.kind = PayloadKind::kProgress;
      report.port = kControlPort;
      report.body = EncodeProgress(d.report);
      for (ShortId node : paths_.AvoidFor(d.to, report.traffic_class)) d.avoid.push_back(node);
      ++counters_.progress_reports;
      SendAround(now, sender_.SealNow(report), d.avoid);
    }
  }
  while (!paths_.idle()) {
    for (const PathWatch::Finding& f : paths_.TakeFindings()) TellFinding(now, f);
    for (const PathWatch::Probe& p : paths_.TakeProbes()) {
      if (LeadsOverSlow(p.to)) continue;
      OutgoingMessage probe;
      probe.to = p.to;
      // Flows with receipts are numbered without gaps on disk: probes stay out of their classes.
      probe.traffic_class =
          WantsReceipt(p.traffic_class) ? TrafficClass::kTelemetry : p.traffic_class;
      probe.kind = PayloadKind::kProbe;
      probe.port = probe_port_;
      const std::size_t nodes = std::min(p.answer_avoid.size(), kProbeNodesMax);
      probe.body.resize(std::max(kNonceBytes + 1 + 4 * nodes,
                                 std::min(watched_bytes_, kProbeBodyBytesMax)));
      ByteWriter w(probe.body);
      w.U64(p.nonce);
      w.U8(nodes);
      for (std::size_t i = 0; i < nodes; ++i) w.U32(p.answer_avoid[i].value);
      ++counters_.path_probes;
      SendAround(now, sender_.SealNow(probe), p.avoid);
    }
  }
}

void NodeCore::Impl::TellFinding(Time now, const PathWatch::Finding& f) {
  using What = PathWatch::Finding::What;
  const std::string to = NameOf(f.to);
  const std::string c(ToString(f.traffic_class));
  std::map<std::string, std::string> fields;
  if (f.what != What::kTrusted) fields = {{"destination", to}, {"class", c}};
  if (!f.path.empty()) fields["path"] = NamesOf(f.path);
  if (!f.around.empty()) fields["alternative"] = NamesOf(f.around);
  const std::string flow = c + " traffic to " + to;
  switch (f.what) {
    case What::kSuspected: {
      ++counters_.path_suspicions;
      const std::string evidence =
          f.alarm.stalled
              ? "no progress reported for " + std::to_string(f.alarm.silence / 1ms) + " ms over " +
                    std::to_string(f.alarm.packets) + " packets that the next hop took"
              : "only " + std::to_string(f.alarm.arrived) + " of " +
                    std::to_string(f.alarm.packets) + " packets arrived that the next hop took";
      fields["evidence"] = evidence;
      Tell(now, "path-suspect",
           flow + " over " + NamesOf(f.path) + ": " + evidence +
               (f.around.empty() ? "; it stays there until the trial ends or another path shows"
                                 : "; meanwhile it goes " + NamesOf(f.around)),
           std::move(fields));
      break;
    }
    case What::kDistrusted: {
      ++counters_.distrusts;
      if (config_.quarantine) quarantine_.OnDistrusted(now, f.node, f.to);
      const std::string node = NameOf(f.node);
      const std::string after = NameOf(f.verdict.after);
      const std::string evidence =
          Share(f.verdict.through_answered, f.verdict.through_sent) + " probes to " + after +
          " through " + node + " were answered, " +
          Share(f.verdict.around_answered, f.verdict.around_sent) +
          (f.verdict.beside ? "" : " to " + to) + " around it";
      fields["node"] = node;
      fields["evidence"] = evidence;
      Tell(now, "node-distrusted",
           node + " takes packets and does not pass them on: " + evidence + "; " + flow +
               " now goes " + NamesOf(f.around),
           std::move(fields));
      NameDropper(now, f.node, evidence);
      break;
    }
    case What::kAvoided:
      fields["evidence"] = "stuck again, and no relay on it is to blame";
      Tell(now, "path-avoided",
           flow + " keeps off " + NamesOf(f.path) + " for " + std::to_string(f.hold / 1s) +
               " s: stuck again, and no relay on it is to blame",
           std::move(fields));
      break;
    case What::kCleared:
      fields["evidence"] = "probes or packets over it arrive";
      Tell(now, "path-cleared", flow + " may use " + NamesOf(f.path) + " again",
           std::move(fields));
      break;
    case What::kWayBack:
      fields["evidence"] = "probes there and back over the path are answered, reports get lost";
      Tell(now, "path-way-back",
           flow + " stays on " + NamesOf(f.path) + ": it arrives, but what " + to +
               " sends back by another way gets lost; for " + std::to_string(f.hold / 1s) +
               " s it shall come back by this one",
           std::move(fields));
      break;
    case What::kGivenUp:
      fields["evidence"] = "the destination answers over no path";
      Tell(now, "path-unclear", flow + ": " + to + " answers over no path; nobody is blamed",
           std::move(fields));
      break;
    case What::kTrusted:
      fields["node"] = NameOf(f.node);
      fields["evidence"] = "probes through it are answered, or no path of ours uses it";
      Tell(now, "node-trusted", NameOf(f.node) + " is used again for what it passes on",
           std::move(fields));
      ClearDropper(now, f.node);
      break;
  }
}

}  // namespace selvage
