// The key of a node on stream lanes (ZeroMQ with CURVE), and who may dial in with which.
//
// The key is derived from the node's agreement key (BLAKE2b over a label and it), so that there is
// no further file to keep, and yet no key serves two protocols. A hub lists the keys it lets in;
// whom it lets in still has to show a certificate inside, as on every link.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/membership/certificate.h"
#include "core/crypto.h"
#include "transports/stream_keys.h"

namespace selvage {

// `allowed` are keys as StreamKeyText() writes them; malformed ones let nobody in.
std::shared_ptr<const StreamKeys> MakeStreamKeys(Crypto& crypto, const Identity& identity,
                                                 const std::vector<std::string>& allowed);

// Z85 (ZeroMQ RFC 32), 40 characters.
std::string StreamKeyText(const CurveKey& key);
// False unless `text` is 40 characters of Z85.
bool ParseStreamKey(const std::string& text, CurveKey* out);

}  // namespace selvage
