#include "measure/fields.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace outrigger::measure {

namespace {

const Json kNull, kNoList = Json::array(), kNoObject = Json::object();

}  // namespace

Fields::Fields(const Json& object, std::string where, absl::Status& status)
    : object_(object.is_object() ? object : kNoObject), where_(std::move(where)), status_(status) {
  if (!object.is_object() && status_.ok())
    status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": no JSON object"));
}

void Fields::wrong(std::string_view name, std::string_view expected) {
  if (!status_.ok()) return;
  status_ = absl::InvalidArgumentError(
      absl::StrCat(where_, ": ", std::string(name), ": ", std::string(expected), " expected"));
}

bool Fields::has(std::string_view name) const { return object_.contains(std::string(name)); }

const Json& Fields::get(std::string_view name) {
  asked_.emplace(name);
  const auto at = object_.find(std::string(name));
  if (at != object_.end()) return *at;
  if (status_.ok())
    status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": no \"", std::string(name), "\""));
  return kNull;
}

std::string Fields::text(std::string_view name) {
  const Json& value = get(name);
  if (value.is_string()) return value.get<std::string>();
  wrong(name, "text");
  return "";
}

bool Fields::flag(std::string_view name) {
  const Json& value = get(name);
  if (value.is_boolean()) return value.get<bool>();
  wrong(name, "true or false");
  return false;
}

double Fields::number(std::string_view name, double least, double most) {
  const Json& value = get(name);
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (number >= least && number <= most) return number;
  wrong(name, absl::StrCat("a number from ", least, " to ", most));
  return 0;
}

uint64_t Fields::count(std::string_view name, uint64_t most) {
  const Json& value = get(name);
  if (value.is_number_unsigned() && value.get<uint64_t>() <= most) return value.get<uint64_t>();
  wrong(name, absl::StrCat("a whole number from 0 to ", most));
  return 0;
}

int64_t Fields::whole(std::string_view name, int64_t least) {
  constexpr auto kMost = static_cast<int64_t>(kMostNumber);
  const Json& value = get(name);
  const bool small = !value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(kMost);
  if (value.is_number_integer() && small && value.get<int64_t>() >= least && value.get<int64_t>() <= kMost)
    return value.get<int64_t>();
  wrong(name, absl::StrCat("a whole number from ", least, " to ", kMost));
  return 0;
}

stats::Sketch Fields::sketch(std::string_view name) {
  const auto parsed = stats::Sketch::parse(text(name));
  if (parsed.ok() && parsed->count() <= kMostCount) return *parsed;
  wrong(name, parsed.ok() ? "fewer samples" : "a sketch (\"MIN MAX GAP:COUNT ...\")");
  return {};
}

const Json& Fields::list(std::string_view name) {
  const Json& value = get(name);
  if (value.is_array()) return value;
  wrong(name, "a list");
  return kNoList;
}

const Json& Fields::object(std::string_view name) {
  const Json& value = get(name);
  if (value.is_object()) return value;
  wrong(name, "an object");
  return kNoObject;
}

void Fields::nothing_else() {
  for (const auto& [name, value] : object_.items()) {
    if (asked_.contains(name) || !status_.ok()) continue;
    status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": unknown field \"", name, "\""));
  }
}

bool cpu_of(const std::string& key, uint32_t& cpu) {
  return absl::SimpleAtoi(key, &cpu) && absl::StrCat(cpu) == key;
}

}  // namespace outrigger::measure
