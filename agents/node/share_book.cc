#include "agents/node/share_book.h"

#include <algorithm>

namespace selvage {

ShareBook::Verdict ShareBook::OnDigest(Time now, ShortId from, ByteSpan packet,
                                       const std::vector<Kind>& kinds) {
  anomaly::Digest digest;
  if (!anomaly::Digest::Decode(packet.data(), packet.size(), &digest)) return Verdict::kMalformed;
  const Kind kind{digest.kind, digest.count};
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) return Verdict::kForeign;
  auto at = kinds_.find(digest.kind);
  if (at == kinds_.end()) {
    if (kinds_.size() >= kKindsMax) return Verdict::kForeign;
    at = kinds_.emplace(digest.kind, std::map<std::uint32_t, Voice>()).first;
  }
  auto& voices = at->second;
  const auto voice = voices.find(from.value);
  if (voice != voices.end() && now - voice->second.at < kGapMin) return Verdict::kTooSoon;
  if (voice == voices.end() && voices.size() >= kPeersMax) {
    voices.erase(std::min_element(voices.begin(), voices.end(), [](const auto& a, const auto& b) {
      return a.second.at < b.second.at;
    }));
  }
  voices[from.value] = {now, digest};
  return Verdict::kTaken;
}

std::optional<ShareBook::Prior> ShareBook::PriorOf(Time now, const Kind& kind,
                                                   const std::vector<anomaly::Digest>& own) const {
  std::vector<const anomaly::Digest*> all;
  for (const anomaly::Digest& d : own) {
    if (d.kind == kind.hash && d.count == kind.features && all.size() < kPeersMax) {
      all.push_back(&d);
    }
  }
  if (const auto at = kinds_.find(kind.hash); at != kinds_.end()) {
    for (const auto& [from, voice] : at->second) {
      if (now - voice.at < kHeardFor && voice.digest.count == kind.features) {
        all.push_back(&voice.digest);
      }
    }
  }
  if (all.size() < kQuorum) return std::nullopt;
  Prior prior;
  prior.voices = all.size();
  if (!anomaly::Digest::Aggregate(all.data(), all.size(), &prior.digest)) return std::nullopt;
  return prior;
}

std::size_t ShareBook::size() const {
  std::size_t sum = 0;
  for (const auto& [kind, voices] : kinds_) sum += voices.size();
  return sum;
}

}  // namespace selvage
