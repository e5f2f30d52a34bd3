#include "scorecard/rule.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scorecard/judge.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

using Figures = std::vector<const Figure*>;

std::string said(const Figure& figure) { return absl::StrCat(figure.title, ": ", moved(figure)); }

std::string said(const Figures& figures) {
  std::vector<std::string> all;
  for (const Figure* figure : figures) all.push_back(said(*figure));
  return absl::StrJoin(all, "; ");
}

// Everything that the rule asks of the figures.
struct Findings {
  Figures gains, losses, forbidding, doubtful, deciding;
  bool no_gain_left = true;  // shown of all that decide: none got better by more than its margin
};

Findings findings_of(const Figures& figures) {
  Findings found;
  for (const Figure* figure : figures) {
    if (figure->decides) {
      found.deciding.push_back(figure);
      if (shown_better(*figure)) found.gains.push_back(figure);
      found.no_gain_left = found.no_gain_left && shown_without_gain(*figure);
    }
    const bool counted_worse = !figure->log_change && figure->judged == "worse";
    if (figure->role == Role::kTold) continue;
    if (shown_worse(*figure) || counted_worse) {
      (figure->role == Role::kForbids ? found.forbidding : found.losses).push_back(figure);
    } else if (looks_worse(*figure)) {
      found.doubtful.push_back(figure);
    }
  }
  found.no_gain_left = found.no_gain_left && !found.deciding.empty();
  return found;
}

// The deciding figure that says most about why nothing is known, or that nothing was gained.
std::string closest(const Findings& found) {
  for (const Figure* figure : found.deciding) {
    if (figure->name == "latency.p99") return absl::StrCat(said(*figure), ", ", figure->judged);
  }
  return found.deciding.empty() ? "no figure that decides was measured"
                                : absl::StrCat(said(*found.deciding[0]), ", ", found.deciding[0]->judged);
}

Ruling without_gain(const Findings& found) {
  if (!found.losses.empty())
    return {Verdict::kDoesNotPay, absl::StrCat("nothing got better, and worse got ", said(found.losses))};
  if (found.no_gain_left)
    return {Verdict::kDoesNotPay, absl::StrCat("a gain worth its margin is ruled out; ", closest(found))};
  return {Verdict::kInconclusive, absl::StrCat("no gain is shown, and none is ruled out; ", closest(found))};
}

// That nothing was lost for the gain has to be shown of these two: everything moved costs somewhere, and here
// it would be felt.
std::string not_shown(std::span<const Section> sections) {
  for (const char* name : {"latency.p99", "cpu.busy"}) {
    const Figure* figure = nullptr;
    for (const Section& section : sections) {
      if (const Figure* here = find(section, name)) figure = here;
    }
    if (figure == nullptr) return absl::StrCat("nobody measured ", name);
    if (!shown_not_worse(*figure) && !shown_better(*figure))
      return absl::StrCat("it is not shown that this got no worse than ", change(figure->margin), ": ",
                          said(*figure));
  }
  return "";
}

Ruling with_gain(const Findings& found, const Counted& counted, const std::string& gain,
                 const std::string& lacking) {
  const auto open = [&](const std::string& but) {
    return Ruling{Verdict::kInconclusive, absl::StrCat("gained: ", gain, "; but ", but)};
  };
  if (!found.losses.empty())
    return open(absl::StrCat("worse got ", said(found.losses), ": somebody has to weigh them"));
  if (!lacking.empty()) return open(lacking);
  if (!found.doubtful.empty()) return open(absl::StrCat("it looks as if worse got ", said(found.doubtful)));
  if (!counted.open.empty()) return open(absl::StrJoin(counted.open, "; "));
  return {Verdict::kPays, absl::StrCat(gain, "; nothing that was measured got worse beyond its margin")};
}

Figures all_of(std::span<const Section> sections) {
  Figures all;
  for (const char* first : {"latency.p99", "latency.p99_mad", "cpu.variance", "cpu.busy"}) {
    for (const Section& section : sections) {
      if (const Figure* figure = find(section, first)) all.push_back(figure);
    }
  }
  for (const Section& section : sections) {
    for (const Figure& figure : section.figures) {
      if (!figure.decides) all.push_back(&figure);
    }
  }
  return all;
}

}  // namespace

const Figure* find(const Section& section, std::string_view name) {
  for (const Figure& figure : section.figures) {
    if (figure.name == name) return &figure;
  }
  return nullptr;
}

Ruling rule(std::span<const Section> sections, const Counted& counted) {
  const Findings found = findings_of(all_of(sections));
  if (!found.forbidding.empty())
    return {Verdict::kDoesNotPay, absl::StrCat("worse got ", said(found.forbidding))};
  if (!counted.stops.empty()) return {Verdict::kDoesNotPay, absl::StrJoin(counted.stops, "; ")};
  std::vector<std::string> gains;
  if (!found.gains.empty()) gains.push_back(said(*found.gains[0]));
  gains.insert(gains.end(), counted.gains.begin(), counted.gains.end());
  if (gains.empty()) return without_gain(found);
  return with_gain(found, counted, absl::StrJoin(gains, "; "), not_shown(sections));
}

void rule_on(Section& section) {
  if (section.figures.empty()) {
    section.why = section.lines.empty() ? "nobody measured it" : section.lines[0];
    return;
  }
  const Findings found = findings_of(all_of(std::span(&section, 1)));
  Ruling ruling;
  if (!found.forbidding.empty()) {
    ruling = {Verdict::kDoesNotPay, absl::StrCat("worse got ", said(found.forbidding))};
  } else if (found.gains.empty()) {
    ruling = without_gain(found);
  } else {
    ruling = with_gain(found, {}, said(found.gains), "");
  }
  section.verdict = ruling.verdict;
  section.why = ruling.why;
}

}  // namespace outrigger::scorecard
