#include "manifest/read.h"

#include <array>

#include "manifest/readers.h"
#include "manifest/syntax.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

constexpr std::string_view kOurs = "outrigger.dev/v1alpha1";
constexpr std::string_view kAdmin = "policy.networking.k8s.io/v1alpha1";

struct Kind {
  std::string_view name;
  std::string_view api_version;
  Scope scope;
  NameForm form;
  Object (*read)(const Map& top, Metadata meta);
};

constexpr std::array kKinds = {
    Kind{"Node", kOurs, Scope::kCluster, NameForm::kSubdomain, read_node},
    Kind{"Network", kOurs, Scope::kCluster, NameForm::kLabel, read_network},
    Kind{"Endpoint", kOurs, Scope::kNamespaced, NameForm::kLabel, read_endpoint},
    Kind{"Service", kOurs, Scope::kCluster, NameForm::kLabel, read_service},
    Kind{"Namespace", "v1", Scope::kCluster, NameForm::kLabel, read_namespace},
    Kind{"Pod", "v1", Scope::kNamespaced, NameForm::kSubdomain, read_pod},
    Kind{"NetworkPolicy", "networking.k8s.io/v1", Scope::kNamespaced, NameForm::kSubdomain,
         read_network_policy},
    Kind{"AdminNetworkPolicy", kAdmin, Scope::kCluster, NameForm::kSubdomain, read_admin_policy},
    Kind{"BaselineAdminNetworkPolicy", kAdmin, Scope::kCluster, NameForm::kSubdomain, read_baseline_policy},
};

const Kind* find_kind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

std::string unknown_kind(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Kind& kind : kKinds) names.push_back(kind.name);
  const std::string_view meant = nearest(name, names);
  if (!meant.empty())
    return cat("is \"", name.substr(0, 80), "\", which is not known; did you mean ", meant, "?");
  return cat("is \"", name.substr(0, 80), "\", which is not known; must be ", join(names, ", "));
}

// Text of a field that is looked at before it is judged: "" when it is missing or no text.
std::string_view peek(const Yaml& map, std::string_view key) {
  const YamlField* field = map.find(key);
  return field == nullptr ? std::string_view() : std::string_view(field->value.text);
}

// The name that faults inside the object bear, before its metadata is known to be sound.
std::string label(const Kind& kind, const Yaml& root) {
  const YamlField* metadata = root.find("metadata");
  if (metadata == nullptr) return std::string(kind.name);
  const std::string_view name = peek(metadata->value, "name").substr(0, 253);
  if (name.empty() || name.find('\n') != name.npos) return std::string(kind.name);
  if (kind.scope == Scope::kCluster) return cat(kind.name, " ", name);
  const std::string_view ns = peek(metadata->value, "namespace").substr(0, 63);
  return cat(kind.name, " ", ns.empty() || ns.find('\n') != ns.npos ? "default" : ns, "/", name);
}

// One read() call: what its documents have in common.
class Source {
 public:
  Source(const std::string& file, Reading& reading) : report_{file, "", reading.faults}, reading_(reading) {}

  void read(const Slice& slice) {
    YamlDocument document = parse_yaml(slice, aliased_);
    for (SourceFault& fault : document.faults) {
      reading_.faults.push_back({{report_.file, fault.line}, "", "", std::move(fault.problem)});
    }
    if (!document.root || document.root->type == Yaml::Type::kNull) return;
    const size_t sound = reading_.documents.size();
    read_root(*document.root, slice.text, "");
    // With a key given twice it would be a guess which was meant.
    if (!document.faults.empty())
      reading_.documents.erase(reading_.documents.begin() + static_cast<std::ptrdiff_t>(sound),
                               reading_.documents.end());
  }

 private:
  // `text` is the document's own, or empty when the root is an item of a list.
  void read_root(const Yaml& root, std::string_view text, std::string_view default_kind) {
    report_.object.clear();
    const Spot at(root, report_);
    if (!at.is_map()) return at.fault("must be an object with apiVersion, kind, metadata and spec");
    const std::string_view kind = peek(root, "kind").empty() ? default_kind : peek(root, "kind");
    if (kind == "List" || (kind.ends_with("List") && find_kind(kind.substr(0, kind.size() - 4)) != nullptr)) {
      return read_list_object(at, kind.substr(0, kind.size() - 4));
    }
    if (kind.empty()) {
      const auto found = Map(at).need("kind");
      if (found && read_text(*found)) found->fault("is empty");
      return;
    }
    const Kind* known = find_kind(kind);
    if (known == nullptr) return at.fault_at(root.find("kind")->line, "kind", unknown_kind(kind));
    read_object(at, *known, text, !default_kind.empty());
  }

  void read_list_object(const Spot& at, std::string_view item_kind) {
    const Map top(at, {"apiVersion", "kind", "metadata", "items"});
    const Kind* known = find_kind(item_kind);
    check_version(top, cat(item_kind, "List"), known == nullptr ? "v1" : known->api_version, false);
    const auto items = top.need("items");
    if (!items) return;
    if (items->value().type != Yaml::Type::kList) return items->fault("must be a list");
    for (const Yaml& item : items->value().items) read_root(item, "", item_kind);
  }

  void read_object(const Spot& at, const Kind& kind, std::string_view text, bool version_implied) {
    report_.object = label(kind, at.value());
    const size_t faults = reading_.faults.size();
    const bool ours = kind.api_version == kOurs;
    const Map top = ours ? Map(at, {"apiVersion", "kind", "metadata", "spec"})
                         : Map(at, {"apiVersion", "kind", "metadata", "spec", "status"});
    // Our kinds have one version, so leaving it out is no guess; Kubernetes' own must say theirs.
    check_version(top, kind.name, kind.api_version, ours || version_implied);
    Metadata meta = read_metadata(top, kind.scope, kind.form);
    meta.at = at.location();
    Object object = kind.read(top, std::move(meta));
    if (reading_.faults.size() != faults) return;
    std::string own = text.empty() ? with_kind(at.value(), kind) : std::string(text);
    reading_.documents.push_back({std::move(object), std::move(own)});
  }

  static void check_version(const Map& top, std::string_view kind, std::string_view api_version,
                            bool optional) {
    const auto at = optional ? top.get("apiVersion") : top.need("apiVersion");
    if (!at) return;
    const auto version = read_text(*at);
    if (version && *version != api_version) {
      at->fault(cat("is \"", version->substr(0, 80), "\", must be ", api_version, " for kind ", kind));
    }
  }

  // An item of a NetworkPolicyList need not say what it is; alone it must.
  static std::string with_kind(Yaml root, const Kind& kind) {
    const auto scalar = [&](std::string_view key, std::string_view text) {
      if (!peek(root, key).empty()) return;
      YamlField field{std::string(key), root.line, {}};
      field.value.type = Yaml::Type::kPlain;
      field.value.text = std::string(text);
      std::erase_if(root.fields, [&](const YamlField& other) { return other.key == key; });
      root.fields.insert(root.fields.begin(), std::move(field));
    };
    scalar("kind", kind.name);
    scalar("apiVersion", kind.api_version);
    return emit_yaml(root);
  }

  Report report_;
  Reading& reading_;
  size_t aliased_ = 0;
};

}  // namespace

Reading read(std::string_view text, const std::string& file) {
  Reading reading;
  if (const auto fault = check_source(text)) {
    reading.faults.push_back({{file, fault->line}, "", "", fault->problem});
    return reading;
  }
  Source source(file, reading);
  for (const Slice& slice : split_documents(text)) source.read(slice);
  return reading;
}

}  // namespace outrigger::manifest
