// What `selvage-flow` puts into each message: a number, when it was due and when it was sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace selvage {
namespace flow {

// Times are nanoseconds of CLOCK_MONOTONIC: comparable between processes of one machine only.
struct FlowPacket {
  static constexpr std::size_t kBytes = 45;  // without padding

  std::uint64_t run = 0;       // tells one run of a sender from the next
  std::uint64_t sequence = 0;  // from 0; in the end marker: how many were sent
  std::int64_t due_ns = 0;
  std::int64_t sent_ns = 0;
  std::uint64_t interval_ns = 0;
  bool end = false;  // the sender is through

  // Padded with zeros to `size`; never shorter than kBytes.
  std::string Encode(std::size_t size) const;
  // nullopt when it is not of this kind.
  static std::optional<FlowPacket> Decode(std::string_view bytes);
};

}  // namespace flow
}  // namespace selvage
