// Two nodes in one program on loopback: one sends, the other answers.
//   node_consumer STATE_A STATE_B PORT_A PORT_B
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <selvage/node.h>

namespace {

std::string Config(const std::string& name, const std::string& state, const std::string& here,
                   const std::string& there) {
  return "[node]\nname = \"" + name + "\"\nstate_dir = \"" + state +
         "\"\n[[link]]\ntransport = \"ethernet\"\nlisten = \"127.0.0.1:" + here +
         "\"\npeers = [\"udp://127.0.0.1:" + there + "\"]\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  auto a = selvage::Node::CreateFromText(Config("a", argv[1], argv[3], argv[4]));
  auto b = selvage::Node::CreateFromText(Config("b", argv[2], argv[4], argv[3]));
  if (!a || !b) {
    std::fprintf(stderr, "%s%s\n", a.error.c_str(), b.error.c_str());
    return 1;
  }

  std::atomic<bool> answered{false};
  selvage::Node& back = *b.node;
  back.OnReceive(7000, [&back](const selvage::Node::Received& r) {
    back.Send(r.from, selvage::Node::Class::kReliable, r.port, "you said " + r.payload);
  });
  a.node->OnReceive(7000, [&answered](const selvage::Node::Received& r) {
    std::printf("%s: %s\n", r.from.c_str(), r.payload.c_str());
    answered = r.payload == "you said hello";
  });
  for (selvage::Node* node : {a.node.get(), b.node.get()}) {
    if (std::string error = node->Start(); !error.empty()) {
      std::fprintf(stderr, "%s\n", error.c_str());
      return 1;
    }
  }

  bool sent = false;
  for (int i = 0; i < 10'000 && !answered; ++i) {
    const selvage::Node::Status status = a.node->GetStatus();
    if (!sent && status.neighbors.size() == 1 && status.neighbors[0].state == "up") {
      sent = a.node->Send("b", selvage::Node::Class::kReliable, 7000, "hello").empty();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  a.node->Stop();
  b.node->Stop();
  return answered ? 0 : 1;
}
