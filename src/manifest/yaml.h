// One YAML document as a tree with line numbers.  yaml-cpp's own nodes let duplicate keys through, expand
// aliases without bound and cost a map per node; its events do not, so the tree is built here from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifest/source.h"

namespace outrigger::manifest {

inline constexpr size_t kMaxDepth = 64;           // nested lists and mappings
inline constexpr size_t kMaxMergedFields = 1000;  // of a mapping with a merge key
inline constexpr size_t kMaxAliasedValues =
    100000;  // values that anchors and aliases may copy, in one source

struct YamlField;

struct Yaml {
  enum class Type : uint8_t { kNull, kPlain, kQuoted, kList, kMap };
  Type type = Type::kNull;
  int line = 0;
  std::string text;               // kPlain, kQuoted
  std::vector<Yaml> items;        // kList
  std::vector<YamlField> fields;  // kMap, in the order of the source; keys are unique

  [[nodiscard]] const YamlField* find(std::string_view key) const;
};

struct YamlField {
  std::string key;
  int line = 0;
  Yaml value;
};

struct YamlDocument {
  std::optional<Yaml> root;         // absent: the text is no YAML
  std::vector<SourceFault> faults;  // syntax error, duplicate keys
};

// `aliased` counts the values copied so far and is shared by the documents of one source.
YamlDocument parse_yaml(const Slice& slice, size_t& aliased);

// Block-style text that parses to an equal tree, lines apart.
std::string emit_yaml(const Yaml& value);

}  // namespace outrigger::manifest
