#include "manifest/yaml.h"
#include "manifest/text.h"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

#include "absl/container/flat_hash_map.h"

namespace outrigger::manifest {
namespace {

constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

// What is YAML but not for us.
struct Refusal : YAML::ParserException {
  using ParserException::ParserException;
};

[[noreturn]] void refuse(const YAML::Mark& mark, const std::string& problem) { throw Refusal(mark, problem); }

Yaml::Type scalar_type(const YAML::Mark& mark, const std::string& tag) {
  if (tag == "?" || tag.empty()) return Yaml::Type::kPlain;
  if (tag == "!" || tag == cat(kCoreTag, "str")) return Yaml::Type::kQuoted;
  if (tag == cat(kCoreTag, "int") || tag == cat(kCoreTag, "bool")) return Yaml::Type::kPlain;
  refuse(mark, cat("has the tag ", tag, ", which is not known here; remove it"));
}

void check_collection_tag(const YAML::Mark& mark, const std::string& tag) {
  if (tag == "?" || tag == "!" || tag.empty()) return;
  if (tag == cat(kCoreTag, "map") || tag == cat(kCoreTag, "seq")) return;
  refuse(mark, cat("has the tag ", tag, ", which is not known here; remove it"));
}

// Builds the tree; throws Refusal to stop the parser.
class Builder : public YAML::EventHandler {
 public:
  Builder(int first_line, size_t& aliased, std::vector<SourceFault>& faults)
      : first_line_(first_line), aliased_(aliased), faults_(faults) {}

  [[nodiscard]] std::optional<Yaml> take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_) refuse(mark, "text after the end of the document; put --- between documents");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, {.line = line(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias stands inside its own anchor");
    spend(mark, found->second);
    add(mark, 0, found->second);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    add(mark, anchor, {.type = scalar_type(mark, tag), .line = line(mark), .text = value});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Yaml::Type::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, tag, anchor, Yaml::Type::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Yaml value;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    bool key_pending = false;                            // a map's last field has its key, not yet its value
    absl::flat_hash_map<std::string, size_t> positions;  // of the fields, once there are many
  };

  [[nodiscard]] int line(const YAML::Mark& mark) const { return first_line_ + std::max(mark.line, 0); }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Yaml::Type type) {
    check_collection_tag(mark, tag);
    if (frames_.size() >= kMaxDepth) {
      refuse(mark, cat("lists and mappings nest deeper than ", kMaxDepth, ", the limit"));
    }
    frames_.push_back({.value = {.type = type, .line = line(mark)}, .anchor = anchor, .mark = mark});
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.value.type == Yaml::Type::kMap) merge(frame);
    add(frame.mark, frame.anchor, std::move(frame.value));
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Yaml value) {
    if (anchor != 0) {
      spend(mark, value);
      anchors_[anchor] = value;
    }
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.value.type == Yaml::Type::kList) {
      frame.value.items.push_back(std::move(value));
    } else if (frame.key_pending) {
      frame.value.fields.back().value = std::move(value);
      frame.key_pending = false;
    } else {
      add_key(mark, frame, std::move(value));
    }
  }

  void add_key(const YAML::Mark& mark, Frame& frame, Yaml key) {
    if (key.type != Yaml::Type::kPlain && key.type != Yaml::Type::kQuoted) {
      refuse(mark, "the name of a field must be text");
    }
    if (const YamlField* earlier = find_key(frame, key.text)) {
      faults_.push_back({line(mark), cat("duplicate key \"", key.text, "\", already given on line ",
                                         earlier->line, " of the same mapping; remove one")});
    }
    frame.value.fields.push_back({.key = std::move(key.text), .line = line(mark), .value = {}});
    frame.key_pending = true;
  }

  // Short maps are searched, long ones indexed: a map of a million keys must not cost their square.
  static const YamlField* find_key(Frame& frame, const std::string& key) {
    constexpr size_t kShort = 16;
    const auto& fields = frame.value.fields;
    if (fields.size() < kShort) return frame.value.find(key);
    for (size_t i = frame.positions.size(); i < fields.size(); ++i) {
      if (!frame.positions.emplace(fields[i].key, i).second) frame.positions.emplace(cat("\n", i), i);
    }
    const auto found = frame.positions.find(key);
    return found == frame.positions.end() ? nullptr : &fields[found->second];
  }

  // "<<: *base" adds the fields of base that the mapping does not have itself (YAML merge keys, which kubectl
  // takes).
  void merge(Frame& frame) {
    std::vector<YamlField>& fields = frame.value.fields;
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].key != "<<") continue;
      const Yaml base = std::move(fields[i].value);
      fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(i--));
      if (base.type == Yaml::Type::kMap) merge_fields(frame, base);
      for (const Yaml& item : base.items) merge_fields(frame, item);
      if (base.type != Yaml::Type::kMap && base.type != Yaml::Type::kList) {
        refuse(frame.mark, "<< must merge a mapping");
      }
    }
  }

  static void merge_fields(Frame& frame, const Yaml& base) {
    if (base.type != Yaml::Type::kMap) refuse(frame.mark, "<< must merge a mapping");
    if (frame.value.fields.size() + base.fields.size() > kMaxMergedFields) {
      refuse(frame.mark, cat("<< makes a mapping of more than ", kMaxMergedFields, " fields, the limit"));
    }
    for (const YamlField& field : base.fields) {
      if (frame.value.find(field.key) == nullptr) frame.value.fields.push_back(field);
    }
  }

  void spend(const YAML::Mark& mark, const Yaml& value) {
    if (++aliased_ > kMaxAliasedValues) {
      refuse(mark, cat("anchors and aliases copy more than ", kMaxAliasedValues, " values, the limit"));
    }
    for (const Yaml& item : value.items) spend(mark, item);
    for (const YamlField& field : value.fields) spend(mark, field.value);
  }

  int first_line_;
  size_t& aliased_;
  std::vector<SourceFault>& faults_;
  std::vector<Frame> frames_;
  std::optional<Yaml> root_;
  absl::flat_hash_map<YAML::anchor_t, Yaml> anchors_;
};

// Tabs in indentation are the syntax error whose message helps least.
bool indented_by_tab(std::string_view text, int line) {
  for (; line > 0; --line) {
    const size_t end = text.find('\n');
    if (end == text.npos) return false;
    text.remove_prefix(end + 1);
  }
  const size_t first = text.find_first_not_of(' ');
  return first != text.npos && text[first] == '\t';
}

SourceFault syntax_fault(const Slice& slice, const YAML::Exception& error) {
  const int line = std::max(error.mark.line, 0);
  if (indented_by_tab(slice.text, line)) {
    return {slice.first_line + line, "a tab is used to indent; YAML allows only spaces"};
  }
  return {slice.first_line + line, cat("is not YAML: ", error.msg)};
}

}  // namespace

const YamlField* Yaml::find(std::string_view key) const {
  for (const YamlField& field : fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

YamlDocument parse_yaml(const Slice& slice, size_t& aliased) {
  YamlDocument document;
  std::istringstream stream{std::string(slice.text)};
  Builder builder(slice.first_line, aliased, document.faults);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    document.faults.push_back({slice.first_line + std::max(refusal.mark.line, 0), refusal.msg});
    return document;
  } catch (const YAML::Exception& error) {
    document.faults.push_back(syntax_fault(slice, error));
    return document;
  }
  document.root = builder.take();
  return document;
}

}  // namespace outrigger::manifest
