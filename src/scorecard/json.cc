// The scorecard for programs.  Stable: a field is added, never renamed; what is not known is null.
#include <cmath>
#include <nlohmann/json.hpp>

#include "scorecard/scorecard.h"

namespace outrigger::scorecard {

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json json_of(const std::optional<stats::Interval>& interval) {
  if (!interval) return nullptr;
  return {{"estimate", interval->estimate}, {"low", interval->low}, {"high", interval->high}};
}

Json json_of(const Figure& figure) {
  return {{"name", figure.name},
          {"title", figure.title},
          {"unit", figure.unit},
          {"before", json_of(figure.before)},
          {"after", json_of(figure.after)},
          {"log_change", json_of(figure.log_change)},
          {"strict_log_change", json_of(figure.strict)},
          {"noise_floor", json_of(figure.noise_floor)},
          {"n_before", figure.n_before},
          {"n_after", figure.n_after},
          {"less_is_better", figure.less_is_better},
          {"decides", figure.decides},
          {"role", name(figure.role)},
          {"margin", figure.margin},
          {"least", figure.least},
          {"judged", figure.judged},
          {"why", figure.why}};
}

Json json_of(const Section& section) {
  Json figures = Json::array();
  for (const Figure& figure : section.figures) figures.push_back(json_of(figure));
  return {{"name", section.name}, {"title", section.title}, {"verdict", name(section.verdict)},
          {"why", section.why},   {"figures", figures},     {"lines", section.lines}};
}

}  // namespace

std::string to_json(const Scorecard& card) {
  Json sections = Json::array(), services = Json::array();
  for (const Section& section : card.sections) sections.push_back(json_of(section));
  for (const ServiceVerdict& one : card.services)
    services.push_back({{"service", one.service}, {"verdict", name(one.verdict)}, {"why", one.why}});
  const Json json = {{"verdict", name(card.verdict)}, {"why", card.why},       {"services", services},
                     {"sections", sections},          {"limits", card.limits}, {"sources", card.sources}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace outrigger::scorecard
