// Reading a field should be one line, and its fault should still name file, line and full path.  A Spot is a
// value with the way to it; the path is only spelt out when there is a fault.  A Spot points to its parent:
// keep it on the stack.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "manifest/objects.h"
#include "manifest/yaml.h"

namespace outrigger::manifest {

struct Report {
  std::string file;
  std::string object;  // being read: "Endpoint shop/web-1"
  std::vector<Fault>& faults;
};

class Spot {
 public:
  Spot(const Yaml& value, Report& report) : value_(&value), report_(&report) {}

  [[nodiscard]] Spot field(std::string_view key, const Yaml& value) const { return {*this, value, key, -1}; }
  [[nodiscard]] Spot item(size_t index) const {
    return {*this, value_->items[index], {}, static_cast<int>(index)};
  }
  [[nodiscard]] const Yaml& value() const { return *value_; }
  [[nodiscard]] Report& report() const { return *report_; }
  [[nodiscard]] Location location() const { return {report_->file, value_->line}; }
  [[nodiscard]] bool is_map() const { return value_->type == Yaml::Type::kMap; }
  [[nodiscard]] bool is_null() const { return value_->type == Yaml::Type::kNull; }
  [[nodiscard]] std::string path() const;  // "spec.ports[0].port"

  void fault(std::string problem) const { fault_at(value_->line, "", std::move(problem)); }
  // About the field `key` below this one, which may be missing or unknown.
  void fault_at(int line, std::string_view key, std::string problem) const;

 private:
  Spot(const Spot& parent, const Yaml& value, std::string_view key, int index)
      : value_(&value), report_(parent.report_), parent_(&parent), key_(key), index_(index) {}

  const Yaml* value_;
  Report* report_;
  const Spot* parent_ = nullptr;
  std::string_view key_;
  int index_ = -1;
};

// A mapping with known fields.  `at` must outlive it and what get() returns.
class Map {
 public:
  using Known = std::initializer_list<std::string_view>;
  // Faults when `at` is no mapping, and for every field that is not in `known`.
  Map(const Spot& at, Known known);
  // Any field is accepted: parts of Kubernetes' objects that do not concern us.
  explicit Map(const Spot& at);

  [[nodiscard]] bool valid() const { return at_ != nullptr; }
  // Absent and null fields are nullopt, as in Kubernetes; need() says so.
  [[nodiscard]] std::optional<Spot> get(std::string_view key) const;
  [[nodiscard]] std::optional<Spot> need(std::string_view key) const;

 private:
  const Spot* at_ = nullptr;  // null: not a mapping, which has been said
};

// Scalars.  nullopt: of another type or out of range, and the fault is reported.
std::optional<std::string> read_text(const Spot& at);
std::optional<uint64_t> read_number(const Spot& at, uint64_t least, uint64_t most);
std::optional<size_t> read_choice(const Spot& at, Map::Known choices);  // index into choices
std::optional<Protocol> read_protocol(const Spot& at);
std::optional<IpAddress> read_address(const Spot& at);
// Needs "/length".  `exact` refuses bits beyond the length.
enum class HostBits { kRefuse, kClear };
std::optional<IpPrefix> read_prefix(const Spot& at, HostBits host_bits);
std::optional<MacAddress> read_mac(const Spot& at);

[[nodiscard]] bool is_number_or_bool(
    const Yaml& value);  // what YAML 1.1 and 1.2 readers would not take for text

// Calls read(item) for each item of a list of at most `most`; false, with a fault, when it is no list.
template <typename Read>
bool read_list(const Spot& at, size_t most, Read read);
bool check_list(const Spot& at, size_t most);

template <typename Read>
bool read_list(const Spot& at, size_t most, Read read) {
  if (!check_list(at, most)) return false;
  for (size_t i = 0; i < at.value().items.size(); ++i) read(at.item(i));
  return true;
}

}  // namespace outrigger::manifest
