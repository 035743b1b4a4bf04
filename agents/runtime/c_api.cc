// The C face of selvage::Node: translates types and texts, decides nothing.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "selvage/node.h"
#include "selvage/selvage.h"

struct selvage_node {
  std::unique_ptr<selvage::Node> node;
};

namespace {

using selvage::Node;

constexpr int kFine = 0;
constexpr int kError = -1;

int Fail(const std::string& text, char* error, std::size_t error_size) {
  if (error != nullptr && error_size > 0) {
    const std::size_t length = std::min(text.size(), error_size - 1);
    std::memcpy(error, text.data(), length);
    error[length] = '\0';
  }
  return kError;
}

bool ToInner(selvage_class from, Node::Class* to) {
  switch (from) {
    case SELVAGE_CRITICAL:
      *to = Node::Class::kCritical;
      return true;
    case SELVAGE_RELIABLE:
      *to = Node::Class::kReliable;
      return true;
    case SELVAGE_TELEMETRY:
      *to = Node::Class::kTelemetry;
      return true;
    case SELVAGE_BULK:
      *to = Node::Class::kBulk;
      return true;
  }
  return false;  // C lets any number in
}

selvage_class ToOuter(Node::Class from) {
  switch (from) {
    case Node::Class::kCritical:
      return SELVAGE_CRITICAL;
    case Node::Class::kReliable:
      return SELVAGE_RELIABLE;
    case Node::Class::kTelemetry:
      return SELVAGE_TELEMETRY;
    case Node::Class::kBulk:
      break;
  }
  return SELVAGE_BULK;
}

selvage_outcome ToOuter(Node::Report::What from) {
  switch (from) {
    case Node::Report::What::kAccepted:
      return SELVAGE_ACCEPTED;
    case Node::Report::What::kDelivered:
      return SELVAGE_DELIVERED;
    case Node::Report::What::kFailed:
      break;
  }
  return SELVAGE_FAILED;
}

// Our own code throws nothing; memory may still run out while texts are copied.
template <typename F>
int Guarded(char* error, std::size_t error_size, F&& body) {
  try {
    return body();
  } catch (const std::exception& e) {
    return Fail(e.what(), error, error_size);
  }
}

selvage_node* Create(const char* text, Node::Created (*create)(const std::string&), char* error,
                     std::size_t error_size) {
  selvage_node* out = nullptr;
  Guarded(error, error_size, [&] {
    if (text == nullptr) return Fail("no configuration given (NULL)", error, error_size);
    Node::Created created = create(text);
    if (!created) return Fail(created.error, error, error_size);
    out = new selvage_node{std::move(created.node)};
    return kFine;
  });
  return out;
}

}  // namespace

const char* selvage_version(void) { return SELVAGE_VERSION; }

selvage_node* selvage_create_from_file(const char* path, char* error, size_t error_size) {
  return Create(path, &Node::CreateFromFile, error, error_size);
}

selvage_node* selvage_create_from_text(const char* toml, char* error, size_t error_size) {
  return Create(toml, &Node::CreateFromText, error, error_size);
}

int selvage_start(selvage_node* node, char* error, size_t error_size) {
  return Guarded(error, error_size, [&] {
    if (node == nullptr) return Fail("no node given (NULL)", error, error_size);
    std::string problem = node->node->Start();
    return problem.empty() ? kFine : Fail(problem, error, error_size);
  });
}

int selvage_send(selvage_node* node, const char* to, selvage_class traffic_class, uint16_t port,
                 const void* payload, size_t size, uint32_t deadline_ms, selvage_report_fn report,
                 void* context, char* error, size_t error_size) {
  return Guarded(error, error_size, [&] {
    if (node == nullptr) return Fail("no node given (NULL)", error, error_size);
    if (to == nullptr) return Fail("no destination given (NULL)", error, error_size);
    if (payload == nullptr && size > 0) return Fail("no payload given", error, error_size);
    if (size > Node::kPayloadBytesMax) return Fail("payload too large", error, error_size);
    Node::Class inner;
    if (!ToInner(traffic_class, &inner)) return Fail("no such class", error, error_size);
    Node::ReportFunction tell;
    if (report != nullptr) {
      tell = [report, context](const Node::Report& r) {
        report(context, ToOuter(r.what), r.reason.c_str());
      };
    }
    std::string problem = node->node->Send(
        to, inner, port, std::string(static_cast<const char*>(size > 0 ? payload : ""), size),
        std::move(tell), std::chrono::milliseconds(deadline_ms));
    return problem.empty() ? kFine : Fail(problem, error, error_size);
  });
}

int selvage_on_receive(selvage_node* node, uint16_t port, selvage_receive_fn receive,
                       void* context) {
  return Guarded(nullptr, 0, [&] {
    if (node == nullptr || port == 0) return kError;
    Node::ReceiveFunction take;
    if (receive != nullptr) {
      take = [receive, context](const Node::Received& r) {
        receive(context, r.from.c_str(), r.port, ToOuter(r.traffic_class), r.payload.data(),
                r.payload.size());
      };
    }
    node->node->OnReceive(port, std::move(take));
    return kFine;
  });
}

int selvage_neighbors_up(const selvage_node* node) {
  return Guarded(nullptr, 0, [&] {
    if (node == nullptr) return kError;
    const Node::Status status = node->node->GetStatus();
    if (!status.running) return kError;
    return static_cast<int>(
        std::count_if(status.neighbors.begin(), status.neighbors.end(),
                      [](const Node::Neighbor& neighbor) { return neighbor.state == "up"; }));
  });
}

void selvage_destroy(selvage_node* node) { delete node; }
