#include "agents/store/rocks_store.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <utility>

namespace selvage {
namespace {

rocksdb::Slice ToSlice(std::string_view s) { return {s.data(), s.size()}; }

bool Contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// The one place where RocksDB's errors become ours, with what a person can do about them.
absl::Status MapStatus(const rocksdb::Status& s, const std::string& doing,
                       const std::string& path) {
  if (s.ok()) return absl::OkStatus();
  const std::string what = doing + " " + path + ": " + s.ToString();
  if (s.IsNoSpace() || Contains(what, "No space left")) {
    return absl::ResourceExhaustedError(what + "; make room on that disk");
  }
  if (Contains(what, "Disk quota exceeded")) {
    return absl::ResourceExhaustedError(what + "; raise the quota or make room");
  }
  if (Contains(what, "While lock file") || Contains(what, "lock hold by current process")) {
    return absl::UnavailableError(what + "; another agent is using this directory: stop it first");
  }
  if (Contains(what, "Permission denied") || Contains(what, "Read-only file system")) {
    return absl::PermissionDeniedError(what + "; let this user write there");
  }
  if (Contains(what, "Too many open files")) {
    return absl::ResourceExhaustedError(what + "; raise the limit of open files (ulimit -n)");
  }
  // RocksDB reports files that belong to the database and are gone as an IO error or a corruption.
  if (s.IsCorruption()) {
    return absl::DataLossError(what + "; check the disk, then move " + path +
                               " away: the agent starts with an empty store, and what was waiting "
                               "in its outbox is lost");
  }
  if (Contains(what, "No such file or directory")) {
    return absl::NotFoundError(what + "; make the directory above it");
  }
  return absl::UnavailableError(what);
}

rocksdb::Options SmallOptions(rocksdb::WALRecoveryMode recovery) {
  rocksdb::Options o;
  o.create_if_missing = true;
  o.wal_recovery_mode = recovery;
  o.compression = rocksdb::kNoCompression;
  o.write_buffer_size = RocksStore::kWriteBufferBytes;
  o.max_write_buffer_number = 2;
  o.arena_block_size = 32 * 1024;
  o.max_total_wal_size = 4 * RocksStore::kWriteBufferBytes;
  o.max_open_files = RocksStore::kOpenFilesMax;
  o.table_cache_numshardbits = 0;
  o.max_file_opening_threads = 1;
  o.max_background_jobs = 1;
  o.max_subcompactions = 1;
  o.target_file_size_base = 2 * 1024 * 1024;
  o.max_bytes_for_level_base = 8 * 1024 * 1024;
  o.level0_file_num_compaction_trigger = 4;
  o.num_levels = 4;
  o.writable_file_max_buffer_size = 64 * 1024;
  o.compaction_readahead_size = 64 * 1024;
  o.max_manifest_file_size = 256 * 1024;
  o.manifest_preallocation_size = 16 * 1024;
  // No thread and no file for statistics, and a short log: selvaged has its own.
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  o.info_log_level = rocksdb::WARN_LEVEL;
  o.max_log_file_size = 64 * 1024;
  o.keep_log_file_num = 2;
  // One thread writes: no spinning for its turn.
  o.enable_write_thread_adaptive_yield = false;
  o.allow_concurrent_memtable_write = false;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  table.block_size = 4 * 1024;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return o;
}

}  // namespace

struct RocksStore::Impl {
  std::string path;
  std::unique_ptr<rocksdb::DB> db;  // null after a reopening that failed
  bool go_on = false;               // the last write failed
  absl::Status read_status;
  absl::Status recovery;

  rocksdb::Status OpenWith(rocksdb::WALRecoveryMode mode) {
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status s = rocksdb::DB::Open(SmallOptions(mode), path, &raw);
    db.reset(raw);
    return s;
  }

  absl::Status OpenDb() {
    // Flushes and compactions share one thread (the pools belong to the process).
    rocksdb::Env::Default()->SetBackgroundThreads(0, rocksdb::Env::HIGH);
    rocksdb::Env::Default()->SetBackgroundThreads(1, rocksdb::Env::LOW);
    const rocksdb::Status first = OpenWith(rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords);
    if (!first.IsCorruption()) return MapStatus(first, "cannot open the store", path);
    const rocksdb::Status second = OpenWith(rocksdb::WALRecoveryMode::kPointInTimeRecovery);
    if (second.ok()) {
      recovery =
          absl::DataLossError("the log of the store " + path + " is damaged (" + first.ToString() +
                              "); everything before the damage was recovered, what was "
                              "written after it is lost: check the disk");
    }
    return MapStatus(second, "cannot open the store", path);
  }

  absl::Status GoOn() {
    if (db != nullptr && db->Resume().ok()) return absl::OkStatus();
    db.reset();
    return OpenDb();
  }

  void NoteRead(const rocksdb::Status& s) {
    if (!s.ok() && read_status.ok()) read_status = MapStatus(s, "cannot read the store", path);
  }
};

RocksStore::RocksStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksStore::~RocksStore() = default;

absl::StatusOr<std::unique_ptr<RocksStore>> RocksStore::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  if (absl::Status s = impl->OpenDb(); !s.ok()) return s;
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(impl)));
}

std::optional<std::string> RocksStore::Get(std::string_view key) {
  if (impl_->db == nullptr) return std::nullopt;
  std::string value;
  const rocksdb::Status s = impl_->db->Get(rocksdb::ReadOptions(), ToSlice(key), &value);
  if (s.IsNotFound()) return std::nullopt;
  impl_->NoteRead(s);
  if (!s.ok()) return std::nullopt;
  return value;
}

bool RocksStore::Write(const std::vector<StoreWrite>& batch, std::string* error) {
  absl::Status status;
  if (impl_->go_on) status = impl_->GoOn();
  if (status.ok()) {
    rocksdb::WriteBatch writes;
    rocksdb::Status s;
    for (const StoreWrite& w : batch) {
      s = w.value ? writes.Put(w.key, *w.value) : writes.Delete(w.key);
      if (!s.ok()) break;
    }
    rocksdb::WriteOptions synced;
    synced.sync = true;
    if (s.ok()) s = impl_->db->Write(synced, &writes);
    status = MapStatus(s, "cannot write to the store", impl_->path);
  }
  impl_->go_on = !status.ok();
  if (!status.ok() && error != nullptr) *error = std::string(status.message());
  return status.ok();
}

void RocksStore::Scan(
    std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) {
  if (impl_->db == nullptr) return;
  const std::unique_ptr<rocksdb::Iterator> it(impl_->db->NewIterator(rocksdb::ReadOptions()));
  const rocksdb::Slice begin = ToSlice(prefix);
  for (it->Seek(begin); it->Valid() && it->key().starts_with(begin); it->Next()) {
    const rocksdb::Slice key = it->key();
    const rocksdb::Slice value = it->value();
    if (!visit({key.data(), key.size()}, {value.data(), value.size()})) return;
  }
  impl_->NoteRead(it->status());
}

const absl::Status& RocksStore::read_status() const { return impl_->read_status; }
const absl::Status& RocksStore::recovery() const { return impl_->recovery; }

}  // namespace selvage
