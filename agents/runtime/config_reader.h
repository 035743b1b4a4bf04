// Reads one table of a TOML file key by key and remembers what is wrong and where.
//
// Usage: construct a Section for a table, ask for each key that may be there, then Finish(): what
// was not asked for is unknown and becomes an error with the nearest known key as a suggestion.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selvage {

// The mistakes found so far, at most kMax of them: later ones are usually consequences.
class ConfigProblems {
 public:
  static constexpr std::size_t kMax = 20;

  explicit ConfigProblems(std::string source) : source_(std::move(source)) {}
  void Add(const toml::source_region& where, const std::string& what);
  bool empty() const { return lines_.empty(); }
  // In the order of the file, one line each: "file:line:column: what".
  std::string Text() const;

 private:
  struct Line {
    std::uint32_t line;
    std::uint32_t column;
    std::string what;
  };
  std::string source_;
  std::vector<Line> lines_;
};

class Section {
 public:
  static constexpr std::size_t kSettingsMax = 64;
  static constexpr std::size_t kSettingBytesMax = 1024;

  // `title` is for messages: "[tun]", "[[link]]". Table and problems must outlive the section.
  Section(const toml::table& table, std::string title, ConfigProblems* problems)
      : table_(table), title_(std::move(title)), problems_(problems) {}

  // The value, or nullopt when the key is absent or its value has the wrong type (then reported).
  // `example` is what would be right, as TOML: "\"gateway-1\"", "1280".
  std::optional<std::string> Text(const std::string& key, const std::string& example);
  std::optional<std::int64_t> Integer(const std::string& key, const std::string& example);
  // An integer does too.
  std::optional<double> Number(const std::string& key, const std::string& example);
  std::optional<bool> Boolean(const std::string& key, const std::string& example);
  std::vector<std::string> Texts(const std::string& key, const std::string& example);
  // Reports the key as missing when it is not there.
  void Require(const std::string& key, const std::string& example);
  // A sub-table; nullptr when absent or not a table (then reported).
  const toml::table* Table(const std::string& key);
  // An array of tables; reported when it is something else. Empty when absent.
  std::vector<const toml::table*> Tables(const std::string& key);

  // A table of whatever a plug-in understands, each value as text: at most kSettingsMax of at most
  // kSettingBytesMax bytes; others are reported. Empty when absent.
  std::map<std::string, std::string> Settings(const std::string& key);

  // Says that the value of `key` is wrong. REQUIRES: the key is there.
  void Wrong(const std::string& key, const std::string& what);
  void WrongHere(const std::string& what) { problems_->Add(table_.source(), title_ + " " + what); }
  // Reports every key that was not asked for.
  void Finish();

 private:
  const toml::node* Find(const std::string& key);
  void WrongType(const toml::node& node, const std::string& key, const std::string& wanted,
                 const std::string& example);

  const toml::table& table_;
  std::string title_;  // empty: the top of the file
  ConfigProblems* problems_;
  std::vector<std::string> known_;
};

// The word of `known` that `word` was most probably meant to be; empty when none is near.
std::string NearestWord(std::string_view word, const std::vector<std::string>& known);

}  // namespace selvage
