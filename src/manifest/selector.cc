#include <algorithm>

#include "manifest/objects.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

// Kubernetes: NotIn and DoesNotExist also match when the label is absent.
bool matches_one(const Requirement& requirement, const Labels& labels) {
  const auto found = labels.find(requirement.key);
  const bool present = found != labels.end();
  const auto in_values = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), found->second) !=
           requirement.values.end();
  };
  switch (requirement.op) {
    case Requirement::Operator::kIn:
      return present && in_values();
    case Requirement::Operator::kNotIn:
      return !present || !in_values();
    case Requirement::Operator::kExists:
      return present;
    case Requirement::Operator::kDoesNotExist:
      return !present;
  }
  return false;
}

std::string str_one(const Requirement& requirement) {
  std::vector<std::string> values = requirement.values;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  switch (requirement.op) {
    case Requirement::Operator::kIn:
      return cat(requirement.key, " in (", join(values, ","), ")");
    case Requirement::Operator::kNotIn:
      return cat(requirement.key, " notin (", join(values, ","), ")");
    case Requirement::Operator::kExists:
      return requirement.key;
    case Requirement::Operator::kDoesNotExist:
      return cat("!", requirement.key);
  }
  return "";
}

}  // namespace

bool LabelSelector::matches(const Labels& labels) const {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const Requirement& requirement) { return matches_one(requirement, labels); });
}

std::string LabelSelector::str() const {
  std::vector<std::string> parts;
  parts.reserve(requirements.size());
  for (const Requirement& requirement : requirements) parts.push_back(str_one(requirement));
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  return join(parts, ",");
}

}  // namespace outrigger::manifest
