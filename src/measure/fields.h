// A measurement with a field that is missing, doubled in meaning or unknown must not become a figure that
// looks fine.  Every object is read through this: each field is asked for once, with its bounds; what was not
// asked for is an error, as is what was asked for and is not there.  The first error stays.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "stats/sketch.h"

namespace outrigger::measure {

using Json = nlohmann::ordered_json;

inline constexpr double kMostNumber = 1e15;       // of any figure: sums of a million of them are still finite
inline constexpr uint64_t kMostCount = 1u << 30;  // of anything counted in a window

class Fields {
 public:
  // `where` says in errors what this is: "line 3: cpu 0".
  Fields(const Json& object, std::string where, absl::Status& status);

  [[nodiscard]] bool has(std::string_view name) const;
  std::string text(std::string_view name);
  bool flag(std::string_view name);
  double number(std::string_view name, double least = 0, double most = kMostNumber);
  uint64_t count(std::string_view name, uint64_t most = static_cast<uint64_t>(kMostNumber));
  int64_t whole(std::string_view name, int64_t least);  // up to kMostNumber
  stats::Sketch sketch(std::string_view name);
  const Json& list(std::string_view name);    // an empty one when it is none
  const Json& object(std::string_view name);  // likewise
  // Call last.
  void nothing_else();
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  const Json& get(std::string_view name);
  void wrong(std::string_view name, std::string_view expected);

  const Json& object_;
  std::string where_;
  absl::Status& status_;
  std::set<std::string, std::less<>> asked_;
};

// "12" of a key as a number; false when it is none or written otherwise ("012").
bool cpu_of(const std::string& key, uint32_t& cpu);

}  // namespace outrigger::measure
