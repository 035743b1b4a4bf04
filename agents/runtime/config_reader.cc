#include "agents/runtime/config_reader.h"

#include <algorithm>
#include <utility>

namespace selvage {
namespace {

std::string TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a point";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

// Levenshtein distance: insertions, deletions and changes of one character.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row[b.size()];
}

constexpr std::size_t kWordMax = 64;  // longer words are no typing errors

}  // namespace

std::string NearestWord(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > kWordMax) return "";
  std::string best;
  // About one mistake in three characters; two letters exchanged count as two.
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& k : known) {
    const std::size_t distance = EditDistance(word, k);
    if (distance < best_distance && distance < k.size()) {
      best_distance = distance;
      best = k;
    }
  }
  return best;
}

void ConfigProblems::Add(const toml::source_region& where, const std::string& what) {
  if (lines_.size() >= kMax) return;
  lines_.push_back({where.begin.line, where.begin.column, what});
}

std::string ConfigProblems::Text() const {
  std::vector<Line> lines = lines_;
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  std::string out;
  for (const Line& l : lines) {
    if (!out.empty()) out += '\n';
    // A table that is not in the file (a missing section) has no place: point at the start.
    out += source_ + ":" + std::to_string(std::max(1u, l.line)) + ":" +
           std::to_string(std::max(1u, l.column)) + ": " + l.what;
  }
  return out;
}

const toml::node* Section::Find(const std::string& key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  return table_.get(key);
}

void Section::WrongType(const toml::node& node, const std::string& key, const std::string& wanted,
                        const std::string& example) {
  problems_->Add(node.source(), "'" + key + "'" + (title_.empty() ? "" : " in " + title_) +
                                    " must be " + wanted + ", not " + TypeName(node) +
                                    "; for example: " + key + " = " + example);
}

std::optional<std::string> Section::Text(const std::string& key, const std::string& example) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_string()) {
    WrongType(*node, key, "a string", example);
    return std::nullopt;
  }
  return node->value<std::string>();
}

std::optional<std::int64_t> Section::Integer(const std::string& key, const std::string& example) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_integer()) {
    WrongType(*node, key, "an integer", example);
    return std::nullopt;
  }
  return node->value<std::int64_t>();
}

std::optional<double> Section::Number(const std::string& key, const std::string& example) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_number()) {
    WrongType(*node, key, "a number", example);
    return std::nullopt;
  }
  return node->value<double>();
}

std::optional<bool> Section::Boolean(const std::string& key, const std::string& example) {
  const toml::node* node = Find(key);
  if (node == nullptr) return std::nullopt;
  if (!node->is_boolean()) {
    WrongType(*node, key, "true or false", example);
    return std::nullopt;
  }
  return node->value<bool>();
}

std::vector<std::string> Section::Texts(const std::string& key, const std::string& example) {
  std::vector<std::string> out;
  const toml::node* node = Find(key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    WrongType(*node, key, "a list of strings", example);
    return out;
  }
  for (const toml::node& item : *array) {
    if (!item.is_string()) {
      WrongType(item, key, "a list of strings", example);
      return out;
    }
    out.push_back(*item.value<std::string>());
  }
  return out;
}

void Section::Require(const std::string& key, const std::string& example) {
  if (Find(key) == nullptr) WrongHere("needs '" + key + "'; for example: " + key + " = " + example);
}

const toml::table* Section::Table(const std::string& key) {
  const toml::node* node = Find(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) {
    problems_->Add(node->source(), "'" + key + "' must be a section, not " + TypeName(*node) +
                                       "; write [" + key + "] on a line of its own");
  }
  return node->as_table();
}

std::vector<const toml::table*> Section::Tables(const std::string& key) {
  std::vector<const toml::table*> out;
  const toml::node* node = Find(key);
  if (node == nullptr) return out;
  const toml::array* array = node->as_array();
  const bool tables = array != nullptr && std::all_of(array->begin(), array->end(),
                                                      [](const auto& n) { return n.is_table(); });
  if (!tables) {
    problems_->Add(node->source(), "'" + key + "' must be a list of sections, not " +
                                       (array != nullptr ? "a list of values" : TypeName(*node)) +
                                       "; write [[" + key + "]] before each");
    return out;
  }
  for (const toml::node& item : *array) out.push_back(item.as_table());
  return out;
}

std::map<std::string, std::string> Section::Settings(const std::string& key) {
  std::map<std::string, std::string> out;
  const toml::table* table = Table(key);
  if (table == nullptr) return out;
  if (table->size() > kSettingsMax) {
    Wrong(key, "has " + std::to_string(table->size()) + " entries; at most " +
                   std::to_string(kSettingsMax));
    return out;
  }
  for (const auto& [name, node] : *table) {
    std::string text;
    if (node.is_string()) {
      text = *node.value<std::string>();
    } else if (node.is_boolean()) {
      text = *node.value<bool>() ? "true" : "false";
    } else if (node.is_integer()) {
      text = std::to_string(*node.value<std::int64_t>());
    } else if (node.is_floating_point()) {
      text = std::to_string(*node.value<double>());
    } else {
      Wrong(key, "has '" + std::string(name.str()) + "', which is no text, number, true or false");
      continue;
    }
    if (text.size() > kSettingBytesMax || text.find('\0') != std::string::npos) {
      Wrong(key, "has '" + std::string(name.str()) + "', which is longer than " +
                     std::to_string(kSettingBytesMax) + " bytes or binary");
      continue;
    }
    out[std::string(name.str())] = text;
  }
  return out;
}

void Section::Wrong(const std::string& key, const std::string& what) {
  const toml::node* node = table_.get(key);
  problems_->Add(node != nullptr ? node->source() : table_.source(),
                 "'" + key + "'" + (title_.empty() ? "" : " in " + title_) + " " + what);
}

void Section::Finish() {
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::string what = title_.empty() ? (node.is_table() || node.is_array_of_tables()
                                             ? "unknown section '" + name + "'"
                                             : "unknown key '" + name + "' outside any section")
                                      : "unknown key '" + name + "' in " + title_;
    const std::string near = NearestWord(name, known_);
    if (!near.empty()) {
      what += "; did you mean '" + near + "'?";
    } else {
      std::string all;
      for (const std::string& k : known_) all += (all.empty() ? "" : ", ") + k;
      what += "; known are: " + all;
    }
    problems_->Add(key.source(), what);
  }
}

}  // namespace selvage
