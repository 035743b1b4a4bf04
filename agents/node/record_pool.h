// Advertisements and certificates, each held once however often it arrives and whoever holds it.
//
// A flooded advertisement reaches a node from each of its neighbours, and cores that share a
// process (a simulation, a test) hold the same ones. They are immutable: so whoever reads the same
// bytes again gets the record that is there, parsed and with its signature checked. Nothing is kept
// for the pool's own sake: a record goes with its last holder, and what a stranger sent with it.
//
// Bounded by its holders: entries of records that went are swept when they outnumber the others.
// Sans-I/O. Thread rule: one thread at a time, for all cores that share a pool; and one kind of
// Crypto, for a signature is checked by whichever comes first.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "agents/membership/certificate.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "routing/link_state_database.h"

namespace selvage {

class RecordPool {
 public:
  // Entries up to which nothing is swept.
  static constexpr std::size_t kSweepMin = 256;

  // What `encoded` says (ParseLinkState); nullptr when it is malformed. Not verified.
  std::shared_ptr<const LinkStateRecord> Read(ByteSpan encoded);
  // Whether `record` was signed with the key of `key`.
  bool IsSigned(Crypto& crypto, const VerifyKey& key, const LinkStateRecord& record);
  // `certificate`, which is verified, or the one with these bytes that is here.
  std::shared_ptr<const Certificate> Share(const Certificate& certificate);

  std::size_t entries() const { return records_.size() + certificates_.size(); }
  std::uint64_t parsed() const { return parsed_; }
  std::uint64_t verified() const { return verified_; }

 private:
  struct Entry {
    std::weak_ptr<const LinkStateRecord> record;
    bool signature_good = false;
    VerifyKey key{};  // ... with this key
  };
  // By hash of the encoded form; of two that collide the later one is here. Looked up and swept
  // only: their order decides nothing.
  absl::flat_hash_map<std::uint64_t, Entry> records_;
  absl::flat_hash_map<std::uint64_t, std::weak_ptr<const Certificate>> certificates_;
  std::size_t sweep_records_at_ = kSweepMin;
  std::size_t sweep_certificates_at_ = kSweepMin;
  std::uint64_t parsed_ = 0;
  std::uint64_t verified_ = 0;
};

}  // namespace selvage
