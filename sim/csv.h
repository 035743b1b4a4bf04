// Result tables: rows of named values, appended to files that scripts read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace selvage::sim {

using Row = std::vector<std::pair<std::string, std::string>>;  // column, value

// Six digits; "nan" and "inf" as Python reads them.
std::string Number(double x);
// got / sent, "nan" when nothing was sent.
std::string Share(std::uint64_t got, std::uint64_t sent);

// Appends to `path`, with a header when the file is new; nothing when there are no rows.
// FailedPrecondition: the file has other columns. Unavailable: it cannot be written.
absl::Status AppendCsv(const std::string& path, const std::vector<Row>& rows);
// Replaces `path`.
absl::Status WriteFile(const std::string& path, const std::string& text);

}  // namespace selvage::sim
