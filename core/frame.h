// What travels inside a sealed frame: a row of chunks; and the header of a data packet.
//
// docs/wire-format.md is the prose to this file. Decoding never trusts: every length is checked, a
// malformed chunk makes the whole frame malformed, unknown chunk types are skipped by their length
// (so that a later version may add some). Integers are big endian.
//
//   chunk   := type (1) | fixed or length-prefixed body
//   content := chunk* [data chunk, always last: it runs to the end of the frame]
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

enum class ChunkType : std::uint8_t {
  kFeedback = 0x01,     // what the sender of this frame has received on this link
  kHello = 0x02,        // how often it will be heard, what it hears, which map it has
  kData = 0x03,         // one data packet, to the end of the frame
  kLinkState = 0x04,    // length (2) | signed advertisement
  kCertificate = 0x05,  // length (2) | certificate
  kSummary = 0x06,      // length (2) | (short id, epoch, sequence)*
  kRequest = 0x07,      // length (2) | (what (1), short id)*
  kTestimony = 0x09,    // length (2) | signed testimony: what a node says of others as relays
  kPadding = 0x0a,      // length (2) | zeros: makes a probe as long as the frames it stands for
  kModelDigest = 0x0b,  // length (2) | what a model of links has learnt, for others of its kind
  kDirect = 0x08,       // one datagram to the neighbour itself, to the end: class/port/payload
};

// A directed edge of the network: an adjacency, named by the node that owns it. Five bytes.
// Adjacencies are numbered from 1: among the failures that a packet carries index 0 means the node
// itself, "not through this node".
struct EdgeId {
  ShortId node;
  AdjacencyIndex index;
  friend bool operator==(EdgeId a, EdgeId b) { return a.node == b.node && a.index == b.index; }
  friend bool operator!=(EdgeId a, EdgeId b) { return !(a == b); }
  friend bool operator<(EdgeId a, EdgeId b) {
    return a.node != b.node ? a.node < b.node : a.index < b.index;
  }
  static EdgeId WholeNode(ShortId node) { return {node, AdjacencyIndex(0)}; }
  bool names_node() const { return index.value == 0; }
  // One integer, unique per edge.
  std::uint64_t Key() const { return (std::uint64_t{node.value} << 8) | index.value; }
};

// Feedback: which of the neighbour's frames arrived. 8 bytes while nothing is missing.
struct Feedback {
  std::uint32_t highest = 0;  // low bits of the highest counter received
  std::uint64_t missing = 0;  // bit i: counter highest - 1 - i has not arrived (64 before it)
  Duration held{0};           // from its arrival to this frame; 8 us steps, at most 524 ms
};
inline constexpr int kFeedbackHistory = 64;

struct Hello {
  std::uint32_t interval_ms = 0;  // another frame follows within this time, if all is well
  bool wants_reply = false;       // answer at once: this is a probe
  bool not_hearing = false;       // the sender hears nothing from the receiver of this frame
  bool reply = false;             // answers a probe
  AdjacencyIndex index;           // the sender's own index of this adjacency
  std::uint32_t map_digest = 0;   // over (origin, epoch, sequence) of the link-state database
};

// The longest interval a hello can name. From 32,768 ms on it is rounded up to a multiple of 64 ms.
inline constexpr std::uint32_t kHelloIntervalMaxMs = 0x7ffe * 64;
// Nothing is promised: the neighbour speaks when it has something to say.
inline constexpr std::uint32_t kHelloNoPromise = 0xffffffff;

// The most failures a packet carries; the newest are kept (172 bytes of header budget).
inline constexpr std::size_t kCarriedMax = 8;

// A set of failed edges in the order they were met. Inline storage: packets are copied.
class CarriedFailures {
 public:
  std::size_t size() const { return size_; }
  EdgeId operator[](std::size_t i) const { return edges_[i]; }
  const EdgeId* begin() const { return edges_.data(); }
  const EdgeId* end() const { return edges_.data() + size_; }
  bool Contains(EdgeId e) const;
  // Adds `e` unless it is there; a full set forgets its oldest member first.
  void Add(EdgeId e);

 private:
  std::array<EdgeId, kCarriedMax> edges_{};
  std::size_t size_ = 0;
};

// Names one packet of one origin over all its copies and resends.
struct PacketId {
  ShortId origin;
  std::uint16_t epoch = 0;  // low bits of the origin's epoch
  std::uint16_t flow = 0;
  std::uint64_t sequence = 0;  // 48 bits
  friend bool operator==(const PacketId& a, const PacketId& b) {
    return a.origin == b.origin && a.epoch == b.epoch && a.flow == b.flow &&
           a.sequence == b.sequence;
  }
};

struct DataHeader {
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  std::uint8_t walk = 0;  // 0..3: bumped when a packet is sent again on suspicion
  std::uint8_t copy = 0;  // 0..1: second disjoint copy
  // How often the origin has sent the packet anew for want of a receipt: each attempt is walks of
  // its own to the relays. Wraps from 255 to 1.
  std::uint8_t attempt = 0;
  std::uint8_t hop_limit = 0;
  ShortId destination;
  PacketId id;
  std::uint8_t fragment = 0;   // 0..fragments-1
  std::uint8_t fragments = 1;  // 1..255
  CarriedFailures carried;
};
inline constexpr std::uint8_t kWalkMax = 3;
inline constexpr std::size_t kDataHeaderBytesMin = 1 + 1 + 1 + 4 + 4 + 2 + 2 + 6;
inline constexpr std::size_t kDataHeaderBytesMax =
    kDataHeaderBytesMin + 1 + 2 + 1 + 5 * kCarriedMax;

// ---- writers: append one chunk
void WriteFeedback(const Feedback& f, ByteWriter* out);
void WriteHello(const Hello& h, ByteWriter* out);
void WriteBlob(ChunkType type, ByteSpan body, ByteWriter* out);  // body <= 65,535 bytes
// The data chunk's type byte and header; the (end-to-end sealed) payload follows, nothing after it.
void WriteDataHeader(const DataHeader& h, ByteWriter* out);

// ---- reader: one pass over the content of a frame
struct Chunk {
  ChunkType type;
  Feedback feedback;  // kFeedback
  Hello hello;        // kHello
  // kLinkState, kCertificate, kSummary, kRequest, kTestimony, kPadding; kData, kDirect: the rest.
  ByteSpan body;
};

class ChunkReader {
 public:
  explicit ChunkReader(ByteSpan content) : in_(content) {}
  // False at the end or at the first malformed chunk; tell them apart by ok().
  bool Next(Chunk* out);
  bool ok() const { return ok_; }

 private:
  ByteReader in_;
  bool ok_ = true;
};

// Parses the body of a kData chunk; *payload views into it. False when malformed.
bool ReadDataHeader(ByteSpan body, DataHeader* header, ByteSpan* payload);

}  // namespace selvage
