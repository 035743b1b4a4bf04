// Session frames from a stranger: never opened, and never in the way of the true ones after them.
#include <algorithm>
#include <cassert>

#include "agents/session/session_cipher.h"

using namespace selvage;  // NOLINT: a program of its own

namespace {

constexpr std::uint16_t kLocal = 0x0102;
constexpr std::uint16_t kRemote = 0x0304;

void Try(Crypto* crypto, bool slow, ByteSpan input, bool address_it) {
  SessionCipher::Keys ours, theirs;
  ours.receive.fill(1);
  ours.send.fill(2);
  theirs.send = ours.receive;
  theirs.receive = ours.send;
  SessionCipher receiver(crypto, ours, kLocal, kRemote, slow, 0);
  SessionCipher sender(crypto, theirs, kRemote, kLocal, slow, 0);

  Bytes frame = input.ToBytes();
  if (address_it && frame.size() >= 3) {
    const std::uint8_t type = slow ? 0x15 : 0x14;
    const std::uint8_t header[] = {type, kLocal >> 8, kLocal & 0xff};
    std::copy(std::begin(header), std::end(header), frame.begin());
  }
  std::uint64_t counter = 0;
  MutableByteSpan content;
  SealedFrameSession(frame);
  assert(receiver.Open(frame, &counter, &content) != SessionCipher::OpenResult::kOk);

  Bytes good(10 + sender.overhead_bytes());
  sender.Seal(Bytes(10), good, &counter);
  assert(receiver.Open(good, &counter, &content) == SessionCipher::OpenResult::kOk);
  assert(counter == 0 && content.size() == 10);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Real tags: a fuzzer that watches comparisons would guess the stand-in's.
  static const auto crypto = NewSodiumCrypto();
  if (size == 0) return 0;
  const bool slow = (data[0] & 1) != 0;
  Try(crypto.get(), slow, {data + 1, size - 1}, (data[0] & 2) != 0);
  return 0;
}
