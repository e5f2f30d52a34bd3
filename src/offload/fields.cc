#include "offload/fields.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "manifest/yaml.h"

namespace outrigger::offload {

using manifest::Map;
using manifest::Spot;
using manifest::Yaml;

namespace {

constexpr size_t kMaxItems = 100'000;

template <typename T, typename Read>
void take_if(const Map& map, std::string_view key, T& to, Read read) {
  if (!map.valid()) return;
  const std::optional<Spot> at = map.get(key);
  if (!at) return;
  if (auto value = read(*at)) to = static_cast<T>(*std::move(value));
}

std::optional<bool> read_bool(const Spot& at) {
  const Yaml& value = at.value();
  if (value.type == Yaml::Type::kPlain && (value.text == "true" || value.text == "false"))
    return value.text == "true";
  at.fault("must be true or false");
  return std::nullopt;
}

std::optional<double> read_real(const Spot& at) {
  const Yaml& value = at.value();
  double number = 0;
  if (value.type == Yaml::Type::kPlain && absl::SimpleAtod(value.text, &number) && std::isfinite(number) &&
      number >= 0)
    return number;
  at.fault("must be a number, not negative");
  return std::nullopt;
}

absl::Status refused(const std::vector<manifest::Fault>& faults) {
  std::string text;
  for (const manifest::Fault& fault : faults) absl::StrAppend(&text, text.empty() ? "" : "\n", fault.str());
  return absl::InvalidArgumentError(text);
}

}  // namespace

absl::Status read_document(std::string_view yaml, const std::string& file, const std::string& what,
                           const std::function<void(const Spot&)>& read) {
  std::vector<manifest::Fault> faults;
  const auto fault = [&](int line, const std::string& problem) {
    faults.push_back({{file, line}, what, "", problem});
  };
  if (const auto wrong = manifest::check_source(yaml)) {
    fault(wrong->line, wrong->problem);
    return refused(faults);
  }
  const std::vector<manifest::Slice> slices = manifest::split_documents(yaml);
  if (slices.size() != 1) {
    fault(1,
          slices.empty() ? "is empty" : absl::StrCat("holds ", slices.size(), " documents, one is expected"));
    return refused(faults);
  }
  size_t aliased = 0;
  const manifest::YamlDocument document = manifest::parse_yaml(slices[0], aliased);
  for (const manifest::SourceFault& one : document.faults) fault(one.line, one.problem);
  if (!document.root && faults.empty()) fault(1, "is empty");
  if (faults.empty()) {
    manifest::Report report{file, what, faults};
    read(Spot(*document.root, report));
  }
  return faults.empty() ? absl::OkStatus() : refused(faults);
}

void take(const Map& map, std::string_view key, std::string& to) {
  take_if(map, key, to, manifest::read_text);
}
void take(const Map& map, std::string_view key, bool& to) { take_if(map, key, to, read_bool); }
void take(const Map& map, std::string_view key, double& to) { take_if(map, key, to, read_real); }
void take(const Map& map, std::string_view key, uint64_t& to) {
  take_if(map, key, to, [](const Spot& at) { return manifest::read_number(at, 0, uint64_t{1} << 62); });
}
void take(const Map& map, std::string_view key, uint32_t& to) {
  take_if(map, key, to, [](const Spot& at) { return manifest::read_number(at, 0, UINT32_MAX); });
}
void take(const Map& map, std::string_view key, std::vector<std::string>& to) {
  if (!map.valid()) return;
  const std::optional<Spot> at = map.get(key);
  if (!at) return;
  manifest::read_list(*at, kMaxItems, [&](const Spot& item) {
    if (auto text = manifest::read_text(item)) to.push_back(*std::move(text));
  });
}

}  // namespace outrigger::offload
