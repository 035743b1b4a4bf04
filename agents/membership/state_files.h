// Keys, certificates and trust anchor on disk: what `selvage network create` and `admit` write and
// what a node loads when it starts.
//
// Network directory (stays with whoever runs the network; never on a node), mode 0700:
//   network.key        0600  "selvage network key 1", then "signing " and 64 bytes in hexadecimal
//   trust-anchor.json  0644  {"format": "selvage trust anchor 1", "network": NET, "key": hex}
//   serial             0644  the last serial given, decimal; written before it is used, so that a
//                            crash skips a serial and never repeats one
//   issued.txt         0644  one line per certificate: serial, name, id, end of validity in
//                            seconds since 1970, fixed address or "-"
//   lock               0600  held while one of the functions here works in the directory
// State directory of a node, mode 0700 (the agent keeps its store beside):
//   identity.key       0600  "selvage identity 1", then "signing " and "agreement " lines
//   certificate.bin    0644  core/schema/certificate.proto, as signed
//   trust-anchor.json  0644  as above
//
// Every file is replaced as a whole (written beside, synced, renamed): a crash leaves the old or
// the new one. These functions do blocking file I/O and use libsodium's random numbers; no protocol
// code calls them. Thread safe; processes exclude each other by the lock. Errors name what failed,
// the path, and what to do.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agents/membership/certificate.h"

namespace selvage {

struct AdmitOptions {
  WallSeconds now = 0;  // REQUIRED: wall time, seconds since 1970
  int days = 3650;      // validity, 1..36500; begins a day early, for clocks that are behind
  std::string address;  // fixed TUN address without prefix length; empty: none
  std::vector<std::string> roles = {"node"};
  // A new identity even where the directory holds one or the name was issued before.
  bool replace = false;
};

struct MembershipFiles {
  TrustAnchor anchor;
  Identity identity;
};

// Makes the network `name` in `dir` (created with its parents when missing).
// Errors: InvalidArgument (name), AlreadyExists (a network is there: it is never overwritten),
// FailedPrecondition (`dir` is writable by everybody), what the file system says.
absl::Status CreateNetwork(const std::string& dir, const std::string& name);

// Makes an identity for `node_name`, signs its certificate with the key in `dir` and writes both
// into `out_dir` (created with its parents when missing). Returns the certificate.
// Errors: InvalidArgument (name or option), NotFound (no network in `dir`), AlreadyExists (the name
// or the address is taken, or `out_dir` holds an identity), FailedPrecondition (`out_dir` is
// writable by everybody or is a network directory, or the key file is open to others), DataLoss (a
// file is damaged), what the file system says. After an error the name is free again.
absl::StatusOr<Certificate> AdmitNode(const std::string& dir, const std::string& node_name,
                                      const std::string& out_dir, const AdmitOptions& options);

// Loads and cross-checks a node's files. Validity in time is not checked: the caller's clock may
// not be set yet (see certificate.h).
// Errors: NotFound (not admitted yet), FailedPrecondition (identity.key is open to others),
// DataLoss (a file is damaged or they do not belong together), PermissionDenied (the certificate is
// of another network), what the file system says.
absl::StatusOr<MembershipFiles> LoadMembership(const std::string& state_dir);

}  // namespace selvage
