// A table for people: columns as wide as their widest cell, numbers to the right.
#pragma once

#include <string>
#include <vector>

namespace selvage {
namespace cli {

class Table {
 public:
  // A heading that begins with '>' is of a column of numbers.
  explicit Table(std::vector<std::string> headings);
  // As many cells as headings; missing ones are empty. An empty cell shows as "-".
  void Add(std::vector<std::string> cells);
  // Lines with their ends; just the headings when there are no rows.
  std::string ToString() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace cli
}  // namespace selvage
