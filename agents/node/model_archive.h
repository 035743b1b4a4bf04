// What the models of a node's links have learnt, kept over restarts of the agent and of neighbours.
//
// One record a model: who and by which link, and the state as bytes. Records are sealed with a
// checksum, so a damaged one is told from a sane one before any of its numbers is believed; those
// of another version are refused as a whole, as a baseline read with the wrong meaning is worse
// than none. The store is read once; writes leave through TakeWrites. When there are more than
// kRecordsMax the one written longest ago gives way.
// Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/store.h"

namespace selvage {

class ModelArchive {
 public:
  static constexpr std::size_t kRecordsMax = 64;
  // A model of 16 features takes 7 kB.
  static constexpr std::size_t kStateBytesMax = 16 * 1024;
  static constexpr std::string_view kPrefix = "model/";

  struct Refusal {
    std::string name;
    std::string reason;  // for people
  };

  explicit ModelArchive(Crypto* crypto) : crypto_(crypto) {}

  // Takes what is sane; the rest is returned and will be deleted by the next writes.
  std::vector<Refusal> Load(Store& store);
  // The state last put under this name; nullptr: none. Valid until the next call that changes.
  const Bytes* Find(const std::string& name) const;
  // Longer than kStateBytesMax: not kept.
  void Put(const std::string& name, Bytes state);
  void Remove(const std::string& name);
  std::vector<StoreWrite> TakeWrites();
  std::size_t size() const { return records_.size(); }

 private:
  struct Record {
    std::uint64_t serial = 0;  // of its last Put
    Bytes state;
    bool unsaved = false;
  };

  std::string Seal(const Record& record) const;
  // Why not, in *reason.
  std::optional<Record> Open(ByteSpan value, std::string* reason) const;

  Crypto* crypto_;
  std::map<std::string, Record> records_;
  std::vector<std::string> removed_;
  std::uint64_t last_serial_ = 0;
};

}  // namespace selvage
