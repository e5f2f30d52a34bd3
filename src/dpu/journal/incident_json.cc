// Incidents as lines of JSON.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "dpu/journal/incidents.h"

namespace outrigger::agent {

namespace {

using Json = nlohmann::json;

std::optional<IncidentState> state_named(std::string_view text) {
  for (const auto state : {IncidentState::kOpen, IncidentState::kRecovering, IncidentState::kOver}) {
    if (name(state) == text) return state;
  }
  return std::nullopt;
}

template <typename T>
bool take(const Json& object, const char* field, T& into) {
  const auto found = object.find(field);
  if (found == object.end()) return false;
  constexpr bool kText = std::is_same_v<T, std::string>;
  constexpr bool kReal = std::is_same_v<T, double>;
  if (kText ? !found->is_string() : kReal ? !found->is_number() : !found->is_number_unsigned()) return false;
  into = found->template get<T>();
  return true;
}

bool take_evidence(const Json& object, std::vector<std::string>& into) {
  const auto found = object.find("evidence");
  if (found == object.end() || !found->is_array() || found->size() > Incidents::kMostEvidence) return false;
  for (const Json& line : *found) {
    if (!line.is_string()) return false;
    into.push_back(line.get<std::string>());
  }
  return true;
}

bool take_names(const Json& object, Incident& incident) {
  std::string kind, domain, state, began;
  if (!take(object, "kind", kind) || !take(object, "domain", domain) || !take(object, "state", state) ||
      !take(object, "began", began))
    return false;
  const auto kind_value = kind_named(kind);
  const auto domain_value = domain_named(domain);
  const auto state_value = state_named(state);
  const auto began_value = time_from_text(began);
  if (!kind_value || !domain_value || !state_value || !began_value) return false;
  incident.kind = *kind_value;
  incident.domain = *domain_value;
  incident.state = *state_value;
  incident.began = *began_value;
  return true;
}

}  // namespace

std::string to_json(const Incident& incident) {
  const Json line = {{"number", incident.number},
                     {"kind", name(incident.kind)},
                     {"domain", outrigger::name(incident.domain)},
                     {"service", incident.service},
                     {"subject", incident.subject},
                     {"summary", incident.summary},
                     {"side", incident.side},
                     {"state", name(incident.state)},
                     {"began", time_to_text(incident.began)},
                     {"detect_ms", incident.detect_ms},
                     {"act_ms", incident.act_ms},
                     {"recover_ms", incident.recover_ms},
                     {"evidence", incident.evidence},
                     {"cause", incident.cause},
                     {"count", incident.count}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Incident> incident_from_json(std::string_view line) {
  const Json object = Json::parse(line, nullptr, false);
  Incident incident;
  const bool whole =
      object.is_object() && take(object, "number", incident.number) && take_names(object, incident) &&
      take(object, "service", incident.service) && take(object, "subject", incident.subject) &&
      take(object, "summary", incident.summary) && take(object, "side", incident.side) &&
      take(object, "detect_ms", incident.detect_ms) && take(object, "act_ms", incident.act_ms) &&
      take(object, "recover_ms", incident.recover_ms) && take_evidence(object, incident.evidence) &&
      take(object, "cause", incident.cause) && take(object, "count", incident.count) &&
      incident.number != 0 && incident.cause < incident.number + Incidents::kMost;
  if (!whole) return absl::DataLossError("not an incident");
  return incident;
}

}  // namespace outrigger::agent
