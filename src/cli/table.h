// Rows for people: columns as wide as their widest cell, numbers to the right, two spaces between, nothing
// behind the last.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace outrigger::cli {

class Table {
 public:
  // A heading that starts with '>' is a column of numbers: "NAME", ">COUNT".
  explicit Table(std::vector<std::string> headings);
  void row(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  void print(std::ostream& out) const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns of a terminal that a UTF-8 text takes, one a code point.
size_t width(const std::string& text);
// 1536 -> "1.5Ki", for sizes.
std::string binary(uint64_t value);
std::string plural(size_t count, const std::string& noun);  // "1 fault", "2 faults"

}  // namespace outrigger::cli
