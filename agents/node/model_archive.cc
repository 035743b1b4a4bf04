#include "agents/node/model_archive.h"

#include <algorithm>
#include <utility>

namespace selvage {
namespace {

constexpr std::uint32_t kMagic = 0x53564d41;  // "SVMA"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 4 + 2 + 8 + 8;
// Refused names kept until they are deleted; what is beyond stays on the disk for the next start.
constexpr std::size_t kRemovedMax = 4096;

}  // namespace

std::string ModelArchive::Seal(const Record& record) const {
  Bytes out(kHeaderBytes + record.state.size());
  ByteWriter w(out);
  w.U32(kMagic);
  w.U16(kVersion);
  w.U64(record.serial);
  const auto hash = crypto_->Hash32(record.state);
  w.Put(ByteSpan(hash).Sub(0, 8));
  w.Put(record.state);
  return ByteSpan(out).ToString();
}

std::optional<ModelArchive::Record> ModelArchive::Open(ByteSpan value, std::string* reason) const {
  ByteReader r(value);
  if (r.U32() != kMagic) {
    *reason = "it is no state of a model";
    return std::nullopt;
  }
  if (const std::uint16_t version = r.U16(); version != kVersion) {
    *reason = "it is of version " + std::to_string(version) + ", this program writes " +
              std::to_string(kVersion);
    return std::nullopt;
  }
  Record record;
  record.serial = r.U64();
  const ByteSpan hash = r.Take(8);
  const ByteSpan state = r.Rest();
  const auto right = crypto_->Hash32(state);
  if (!r.ok() || state.size() > kStateBytesMax || hash != ByteSpan(right).Sub(0, 8)) {
    *reason = "it is damaged";
    return std::nullopt;
  }
  record.state = state.ToBytes();
  return record;
}

std::vector<ModelArchive::Refusal> ModelArchive::Load(Store& store) {
  std::vector<Refusal> refusals;
  store.Scan(kPrefix, [&](std::string_view key, std::string_view value) {
    std::string name(key.substr(kPrefix.size()));
    std::string reason;
    std::optional<Record> record = Open(ByteSpan::Of(value), &reason);
    if (record && records_.size() >= kRecordsMax) {
      record.reset();
      reason = "there are more than " + std::to_string(kRecordsMax);
    }
    if (record) {
      // A serial near the end of its range would make every later one older than this.
      record->serial = std::min(record->serial, UINT64_MAX / 2);
      last_serial_ = std::max(last_serial_, record->serial);
      records_[std::move(name)] = *std::move(record);
    } else {
      removed_.push_back(name);
      refusals.push_back({std::move(name), std::move(reason)});
    }
    return removed_.size() < kRemovedMax;
  });
  return refusals;
}

const Bytes* ModelArchive::Find(const std::string& name) const {
  const auto it = records_.find(name);
  return it == records_.end() ? nullptr : &it->second.state;
}

void ModelArchive::Put(const std::string& name, Bytes state) {
  if (state.size() > kStateBytesMax) return;
  if (records_.find(name) == records_.end() && records_.size() >= kRecordsMax) {
    const auto oldest = std::min_element(
        records_.begin(), records_.end(),
        [](const auto& a, const auto& b) { return a.second.serial < b.second.serial; });
    Remove(oldest->first);
  }
  Record& record = records_[name];
  record.serial = ++last_serial_;
  record.state = std::move(state);
  record.unsaved = true;
  removed_.erase(std::remove(removed_.begin(), removed_.end(), name), removed_.end());
}

void ModelArchive::Remove(const std::string& name) {
  const std::string copy = name;  // it may be the key of what is erased
  records_.erase(copy);
  if (removed_.size() < kRemovedMax) removed_.push_back(copy);
}

std::vector<StoreWrite> ModelArchive::TakeWrites() {
  std::vector<StoreWrite> writes;
  for (std::string& name : removed_) {
    writes.push_back({std::string(kPrefix) + name, std::nullopt});
  }
  removed_.clear();
  for (auto& [name, record] : records_) {
    if (!record.unsaved) continue;
    record.unsaved = false;
    writes.push_back({std::string(kPrefix) + name, Seal(record)});
  }
  return writes;
}

}  // namespace selvage
