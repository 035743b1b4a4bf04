// Handshake messages from a stranger, at each point where one is read.
//
// The first message carries no authentication and may be accepted; a forged second or third never.
#include <cassert>

#include "agents/session/noise.h"

using namespace selvage;  // NOLINT: a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto crypto = NewSodiumCrypto();
  if (size == 0) return 0;
  PrivateKey key_a, key_b;
  key_a.fill(1);
  key_b.fill(2);
  NoiseXx a(crypto.get(), NoiseXx::Role::kInitiator, {}, key_a, key_b);
  NoiseXx b(crypto.get(), NoiseXx::Role::kResponder, {}, key_b, key_a);
  const ByteSpan input(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      const auto payload = b.ReadMessage(input);
      assert(payload.has_value() == (input.size() >= 32 && input.size() <= 65535));
      b.WriteMessage({});  // must cope with any key the stranger chose
      assert(!b.finished());
      break;
    }
    case 1: {
      a.WriteMessage({});
      assert(!a.ReadMessage(input) && !a.finished());
      break;
    }
    default: {
      const bool first = b.ReadMessage(a.WriteMessage({})).has_value();
      const bool second = a.ReadMessage(b.WriteMessage({})).has_value();
      assert(first && second);
      assert(!b.ReadMessage(input) && !b.finished());
    }
  }
  return 0;
}
