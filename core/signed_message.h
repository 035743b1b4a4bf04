// Bodies that travel signed: a schema message with the fields `body` and `signature`.
//
// The signature is over a context, which keeps what is signed for one purpose from meaning
// something for another, and the body's bytes as sent. `Message` is schema::LinkState and its like.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/bytes.h"
#include "core/crypto.h"

namespace selvage {

inline Bytes SignedBytes(std::string_view context, std::string_view body) {
  Bytes out = ByteSpan::Of(context).ToBytes();
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

// The encoded message with `body` and its signature.
template <class Message>
Bytes SignMessage(Crypto& crypto, const SigningKey& key, std::string_view context,
                  std::string body) {
  const Signature signature = crypto.Sign(key, SignedBytes(context, body));
  Message message;
  message.set_body(std::move(body));
  message.set_signature(signature.data(), signature.size());
  const std::string encoded = message.SerializeAsString();
  return Bytes(encoded.begin(), encoded.end());
}

// Whether `encoded` is such a message, signed with the key of `key` for `context`.
template <class Message>
bool VerifyMessage(Crypto& crypto, const VerifyKey& key, std::string_view context,
                   ByteSpan encoded) {
  Message message;
  if (!message.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())) ||
      message.signature().size() != sizeof(Signature)) {
    return false;
  }
  Signature signature;
  std::copy(message.signature().begin(), message.signature().end(), signature.begin());
  return crypto.Verify(key, SignedBytes(context, message.body()), signature);
}

}  // namespace selvage
