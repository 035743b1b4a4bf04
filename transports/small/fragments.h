// Cuts frames into the units that a narrow radio carries, and puts them together again.
//
// The one place where this happens: radios and plug-ins below carry units of whatever size they can
// right now, and everything above sees frames. The first byte says what a unit is:
//
//   0x50 | frame                                             the frame fits
//   0x51 | id (6 bits) count - 1 (5) index (5) | part        one of `count` parts
//
// Parts of a frame are equally long but the last, which is shorter or the same. There is no
// acknowledgement here: a lost part loses its frame, and the hop's resending repeats it. What is
// unfinished is bounded in number and in time, because anybody can send first parts for ever; when
// there is no room the oldest goes. No clock, no socket. Not thread safe.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/link.h"
#include "core/time.h"

namespace selvage {

inline constexpr std::size_t kFragmentsMax = 32;
inline constexpr std::size_t kSingleHeaderBytes = 1;
inline constexpr std::size_t kPartHeaderBytes = 3;
// The narrowest unit that still carries something: a handshake message of 400 bytes in 32 parts.
inline constexpr std::size_t kUnitBytesMin = 16;

// The largest frame that units of this size carry, at most `most`.
std::size_t FrameBytesMax(std::size_t unit_bytes, std::size_t most);

// How many parts of the same frame follow this unit, if its sender goes on; 0 when it is no part.
int PartsToCome(ByteSpan unit);

class Fragmenter {
 public:
  // Empty when the frame is empty or too long for kFragmentsMax units.
  std::vector<Bytes> Split(ByteSpan frame, std::size_t unit_bytes);

 private:
  std::uint8_t next_id_ = 0;
};

struct ReassemblyCounters {
  std::uint64_t frames = 0;  // whole ones handed up
  std::uint64_t parts = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t timed_out = 0;  // frames given up
  std::uint64_t evicted = 0;
  std::uint64_t malformed = 0;
};

class Reassembler {
 public:
  static constexpr std::size_t kOpenMax = 16;
  static constexpr std::size_t kOpenPerPeerMax = 4;

  // `patience`: from the first part to the last; several times the air time of the longest frame.
  explicit Reassembler(Duration patience) : patience_(patience) {}
  void SetPatience(Duration patience) { patience_ = patience; }

  // A whole frame when this unit completes one.
  std::optional<Bytes> OnUnit(Time now, const PeerAddress& from, ByteSpan unit);
  void OnTimeout(Time now);
  Time NextDeadline() const;
  std::size_t open() const { return open_.size(); }
  const ReassemblyCounters& counters() const { return counters_; }

 private:
  struct Open {
    PeerAddress from;
    std::uint8_t id;
    std::uint8_t count;
    Time until;
    std::vector<Bytes> parts;  // empty: missing
    std::size_t present = 0;
  };
  std::optional<Bytes> OnPart(Time now, const PeerAddress& from, ByteSpan unit);
  std::list<Open>::iterator FindOrOpen(Time now, const PeerAddress& from, std::uint8_t id,
                                       std::uint8_t count);

  Duration patience_;
  std::list<Open> open_;  // oldest first
  ReassemblyCounters counters_;
};

}  // namespace selvage
