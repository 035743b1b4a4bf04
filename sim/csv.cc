#include "sim/csv.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace selvage::sim {
namespace {

std::string Joined(const Row& row, bool names) {
  std::string line;
  for (const auto& [name, value] : row) {
    absl::StrAppend(&line, line.empty() ? "" : ",", names ? name : value);
  }
  return line;
}

absl::Status WriteError(const std::string& path) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

}  // namespace

absl::Status AppendCsv(const std::string& path, const std::vector<Row>& rows) {
  if (rows.empty()) return absl::OkStatus();
  const std::string header = Joined(rows[0], true);
  std::string there;
  std::getline(std::ifstream(path), there);
  if (!there.empty() && there != header) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " has other columns (made by another version?); choose another --out directory"));
  }
  std::ofstream out(path, std::ios::app);
  if (there.empty()) out << header << "\n";
  for (const Row& row : rows) out << Joined(row, false) << "\n";
  out.flush();
  return out.good() ? absl::OkStatus() : WriteError(path);
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::trunc);
  out << text;
  out.flush();
  return out.good() ? absl::OkStatus() : WriteError(path);
}

std::string Number(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return "inf";
  std::ostringstream out;
  out.precision(6);
  out << x;
  return out.str();
}

std::string Share(std::uint64_t got, std::uint64_t sent) {
  return Number(sent == 0 ? std::nan("") : static_cast<double>(got) / static_cast<double>(sent));
}

}  // namespace selvage::sim
