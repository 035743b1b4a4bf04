#include "agents/runtime/stream_identity.h"

#include <zmq.h>

#include <algorithm>
#include <set>

namespace selvage {
namespace {

constexpr std::size_t kTextBytes = 40;
constexpr char kLabel[] = "selvage stream lane 1";

}  // namespace

std::string StreamKeyText(const CurveKey& key) {
  char text[kTextBytes + 1] = {};
  zmq_z85_encode(text, key.data(), key.size());
  return text;
}

bool ParseStreamKey(const std::string& text, CurveKey* out) {
  if (text.size() != kTextBytes) return false;
  CurveKey key{};
  if (zmq_z85_decode(key.data(), text.c_str()) == nullptr) return false;
  // libzmq 4.3.4 reads some characters outside the alphabet as if they were inside.
  if (StreamKeyText(key) != text) return false;
  *out = key;
  return true;
}

std::shared_ptr<const StreamKeys> MakeStreamKeys(Crypto& crypto, const Identity& identity,
                                                 const std::vector<std::string>& allowed) {
  auto keys = std::make_shared<StreamKeys>();
  Bytes seed(std::begin(kLabel), std::end(kLabel));
  seed.insert(seed.end(), identity.agreement_key.begin(), identity.agreement_key.end());
  keys->secret_key = crypto.Hash32(seed);
  std::fill(seed.begin(), seed.end(), std::uint8_t{0});
  keys->public_key = crypto.DerivePublic(keys->secret_key);
  std::set<CurveKey> known;
  for (const std::string& text : allowed) {
    CurveKey key{};
    if (ParseStreamKey(text, &key)) known.insert(key);
  }
  keys->is_allowed = [known = std::move(known)](const CurveKey& key) {
    return known.count(key) != 0;
  };
  return keys;
}

}  // namespace selvage
