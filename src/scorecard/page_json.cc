#include <nlohmann/json.hpp>

#include "absl/strings/str_replace.h"
#include "scorecard/page_data.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::vector<std::optional<double>>& values) {
  Json out = Json::array();
  for (const auto& value : values) out.push_back(value ? Json(*value) : Json(nullptr));
  return out;
}

Json json_of(const Curve& curve) {
  return {{"x", curve.x}, {"before", json_of(curve.before)}, {"after", json_of(curve.after)}};
}

Json json_of(const Bars& bars) {
  Json names = Json::array();
  for (const std::string& one : bars.names) names.push_back(plain(one));
  return {{"names", names}, {"before", bars.before}, {"after", bars.after}};
}

Json json_of(const Happening& one) {
  const measure::Incident& incident = one.incident;
  return {{"after", one.after},
          {"at", incident.at_s},
          {"recover", incident.recover_s},
          {"domain", plain(incident.domain.empty() ? "unknown" : incident.domain)}};
}

Json changes_of(const Scorecard& card) {
  Json out = Json::array();
  for (const Section& section : card.sections) {
    for (const Figure& figure : section.figures) {
      if (!figure.log_change) continue;
      out.push_back({{"title", plain(figure.title)},
                     {"estimate", figure.log_change->estimate},
                     {"low", figure.log_change->low},
                     {"high", figure.log_change->high},
                     {"floor", figure.noise_floor ? Json(*figure.noise_floor) : Json(nullptr)},
                     {"decides", figure.decides},
                     {"judged", figure.judged}});
    }
  }
  return out;
}

}  // namespace

std::string to_script_json(const PageData& data, const Scorecard& card) {
  Json incidents = Json::array();
  for (const Happening& one : data.incidents) incidents.push_back(json_of(one));
  const Json json = {{"latency", json_of(data.latency)}, {"p99", json_of(data.p99)},
                     {"busy", json_of(data.busy)},       {"deviation", json_of(data.deviation)},
                     {"gaps", json_of(data.gaps)},       {"privilege", json_of(data.privilege)},
                     {"incidents", incidents},           {"changes", changes_of(card)},
                     {"budget", data.budget_ms}};
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  return absl::StrReplaceAll(text, {{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}});
}

}  // namespace outrigger::scorecard
