#include "agents/node/record_pool.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/hash/hash.h"
#include "agents/node/link_state_codec.h"

namespace selvage {
namespace {

// Hostile peers cannot choose bytes that collide: Abseil's hash differs from process to process.
std::uint64_t HashOf(ByteSpan bytes) {
  return absl::HashOf(
      std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

bool Equal(const Bytes& a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

template <typename Map, typename IsGone>
void Sweep(Map* map, std::size_t* at, IsGone is_gone) {
  if (map->size() < *at) return;
  absl::erase_if(*map, is_gone);
  *at = std::max(RecordPool::kSweepMin, 2 * map->size());
}

}  // namespace

std::shared_ptr<const LinkStateRecord> RecordPool::Read(ByteSpan encoded) {
  const std::uint64_t hash = HashOf(encoded);
  if (const auto it = records_.find(hash); it != records_.end()) {
    auto known = it->second.record.lock();
    if (known != nullptr && Equal(known->encoded, encoded)) return known;
  }
  ++parsed_;
  std::optional<LinkStateRecord> parsed = ParseLinkState(encoded);
  if (!parsed) return nullptr;
  parsed->adjacencies.shrink_to_fit();
  auto record = std::make_shared<const LinkStateRecord>(*std::move(parsed));
  Sweep(&records_, &sweep_records_at_,
        [](const auto& entry) { return entry.second.record.expired(); });
  records_[hash] = {record, false, {}};
  return record;
}

bool RecordPool::IsSigned(Crypto& crypto, const VerifyKey& key, const LinkStateRecord& record) {
  const auto it = records_.find(HashOf(record.encoded));
  const bool here = it != records_.end() && it->second.record.lock().get() == &record;
  if (here && it->second.signature_good && it->second.key == key) return true;
  ++verified_;
  const bool good = VerifyLinkState(crypto, key, record.encoded);
  if (here && good) {
    it->second.signature_good = true;
    it->second.key = key;
  }
  return good;
}

std::shared_ptr<const Certificate> RecordPool::Share(const Certificate& certificate) {
  const std::uint64_t hash = HashOf(certificate.encoded);
  if (const auto it = certificates_.find(hash); it != certificates_.end()) {
    auto known = it->second.lock();
    if (known != nullptr && known->encoded == certificate.encoded) return known;
  }
  auto shared = std::make_shared<const Certificate>(certificate);
  Sweep(&certificates_, &sweep_certificates_at_,
        [](const auto& entry) { return entry.second.expired(); });
  certificates_[hash] = shared;
  return shared;
}

}  // namespace selvage
