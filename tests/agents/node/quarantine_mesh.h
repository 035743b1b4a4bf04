// Meshes with nodes that misbehave, for the tests of quarantine.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/agents/node/mesh.h"

namespace selvage {

// Packets from one node to another at a steady rate.
struct SteadyFlow {
  Mesh* mesh;
  std::string from;
  std::string to;
  Duration gap = 5ms;
  std::uint32_t sent = 0;
  bool running = true;
  std::map<std::uint32_t, Time> sent_at{};
  void Next() {
    if (!running) return;
    Bytes b(200);
    ByteWriter w(b);
    w.U32(sent);
    sent_at[sent++] = mesh->now();
    mesh->Send(from, to, TrafficClass::kTelemetry, std::move(b));
    mesh->At(gap, [this] { Next(); });
  }
  double Arrived(Time begin, Time end) {
    const NodeId sender = mesh->Find(from).identity.certificate.id;
    std::set<std::uint32_t> seen;
    for (const Delivered& d : mesh->Find(to).delivered) {
      if (d.what.from != sender) continue;
      ByteReader in(d.what.payload);
      seen.insert(in.U32());
    }
    int all = 0;
    int got = 0;
    for (const auto& [number, at] : sent_at) {
      if (at < begin || at >= end) continue;
      ++all;
      got += static_cast<int>(seen.count(number));
    }
    return all == 0 ? 1 : static_cast<double>(got) / all;
  }
};

using LinkList = std::vector<std::pair<std::string, std::string>>;

inline LinkList GridLinks(int side) {
  LinkList links;
  auto name = [](int r, int c) { return "r" + std::to_string(r) + "c" + std::to_string(c); };
  for (int r = 0; r < side; ++r) {
    for (int c = 0; c < side; ++c) {
      if (c + 1 < side) links.push_back({name(r, c), name(r, c + 1)});
      if (r + 1 < side) links.push_back({name(r, c), name(r + 1, c)});
    }
  }
  return links;
}

inline void BuildSuspects(Mesh* mesh, const LinkList& links, const ChannelModel& model = {}) {
  NodeConfig lab;
  lab.lab = true;
  std::set<std::string> names;
  for (const auto& [a, b] : links) {
    names.insert(a);
    names.insert(b);
  }
  for (const std::string& n : names) mesh->Add(n, mesh->members(), lab);
  for (const auto& [a, b] : links) mesh->Join(a, b, model);
  mesh->StartAll();
  mesh->Run(2s);
}

inline std::vector<std::string> TelemetryPath(Mesh* mesh, const std::string& from,
                                              const std::string& to) {
  return mesh->Find(from).core->Path(mesh->now(), mesh->Find(to).identity.certificate.id,
                                     TrafficClass::kTelemetry);
}

// "" when `node` is not in the table of `at`.
inline std::string QuarantineState(Mesh* mesh, const std::string& at, const std::string& node) {
  for (const QuarantineInfo& q : mesh->Find(at).core->Quarantined(mesh->now())) {
    if (q.name == node) return q.state;
  }
  return "";
}

inline std::string QuarantineCause(Mesh* mesh, const std::string& at, const std::string& node) {
  for (const QuarantineInfo& q : mesh->Find(at).core->Quarantined(mesh->now())) {
    if (q.name == node && q.state == "quarantined") return q.cause;
  }
  return "";
}

// Nodes that have anybody in quarantine, and whom, for messages of failing tests.
inline std::string QuarantineStory(Mesh* mesh) {
  std::string text;
  for (auto& n : mesh->nodes()) {
    if (n->core == nullptr) continue;
    for (const Event& e : n->events) {
      if (e.kind.rfind("node-", 0) != 0 && e.kind != "accused" && e.kind != "path-suspect") {
        continue;
      }
      text += "\n  " + std::to_string(ToMillis(e.time.time_since_epoch())) + " " + n->name + " " +
              e.kind + ": " + e.text;
    }
  }
  return text;
}

}  // namespace selvage
