// Privilege and boundary: lists to be compared, not distributions.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "scorecard/sections.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

using measure::BoundaryTest;
using measure::PrivilegedService;
using Side = std::vector<Run> Block::*;

constexpr double kSameWeight = 1e-6;

void each_run(Blocks blocks, Side side, const auto& take) {
  for (const Block& block : blocks) {
    for (const Run& run : block.*side) take(*run.measured);
  }
}

// By name; of a name in several runs the heaviest.  None when nobody looked.
using Services = std::map<std::string, PrivilegedService>;
std::optional<Services> services_of(Blocks blocks, Side side) {
  std::optional<Services> all;
  each_run(blocks, side, [&](const measure::Measurement& run) {
    if (!run.privileged) return;
    if (!all) all.emplace();
    for (const PrivilegedService& one : *run.privileged) {
      const auto [at, fresh] = all->try_emplace(one.name, one);
      if (!fresh && one.weight > at->second.weight) at->second = one;
    }
  });
  return all;
}

double weight_of(const Services& services) {
  double sum = 0;
  for (const auto& [name, service] : services) sum += service.weight;
  return sum;
}

void list(Section& section, const char* what, const Services& of, const Services& without) {
  for (const auto& [name, service] : of) {
    if (without.contains(name)) continue;
    section.lines.push_back(absl::StrCat(what, ": ", name, " (", service.task, ", weight ",
                                         number(service.weight), ": ", service.why, ")"));
  }
}

Figure counted_figure(const char* name, const char* title, double before, double after, const char* why) {
  Figure figure{.name = name, .title = title};
  figure.before = before, figure.after = after, figure.why = why;
  figure.judged = after < before - kSameWeight   ? "better"
                  : after > before + kSameWeight ? "worse"
                                                 : "no difference shown";
  return figure;
}

struct Tests {
  std::map<std::string, bool> held;  // in every run that tried it
  std::map<std::string, std::string> evidence;
};

std::optional<Tests> tests_of(Blocks blocks, Side side) {
  std::optional<Tests> all;
  each_run(blocks, side, [&](const measure::Measurement& run) {
    if (!run.boundary) return;
    if (!all) all.emplace();
    for (const BoundaryTest& test : *run.boundary) {
      bool& held = all->held.try_emplace(test.name, true).first->second;
      if (!test.held || !all->evidence.contains(test.name)) all->evidence[test.name] = test.evidence;
      held = held && test.held;
    }
  });
  return all;
}

size_t passed(const Tests& tests) {
  return static_cast<size_t>(
      std::count_if(tests.held.begin(), tests.held.end(), [](const auto& one) { return one.second; }));
}

struct Comparison {
  std::vector<std::string> won, lost, broken;  // broken: after, and not tried before
};

Comparison compared(const std::optional<Tests>& before, const Tests& after) {
  Comparison out;
  for (const auto& [name, held] : after.held) {
    const bool tried = before && before->held.contains(name);
    if (tried && held && !before->held.at(name)) out.won.push_back(name);
    if (tried && !held && before->held.at(name)) out.lost.push_back(name);
    if (!tried && !held) out.broken.push_back(name);
  }
  return out;
}

void list_broken(Section& section, const char* when, const Tests& tests) {
  for (const auto& [name, held] : tests.held) {
    if (!held) section.lines.push_back(absl::StrCat(when, ": ", name, ": ", tests.evidence.at(name)));
  }
}

void rule_on_tests(Section& section, const std::optional<Tests>& before, const Tests& after,
                   Counted& counted) {
  const Comparison found = compared(before, after);
  const auto names = [](const std::vector<std::string>& all) { return absl::StrJoin(all, ", "); };
  section.why = absl::StrFormat("%d of %d held after", passed(after), after.held.size());
  section.why += before ? absl::StrFormat(", %d of %d before", passed(*before), before->held.size())
                        : ", none tried before";
  if (!found.lost.empty()) {
    section.verdict = Verdict::kDoesNotPay;
    absl::StrAppend(&section.why, "; held before and broken now: ", names(found.lost));
    counted.stops.push_back(absl::StrCat("isolation that held before is broken: ", names(found.lost)));
  } else if (!found.broken.empty()) {
    absl::StrAppend(&section.why, "; broken, and not tried before: ", names(found.broken));
    counted.open.push_back(
        absl::StrCat("isolation is broken after the move, and was not tried before: ", names(found.broken)));
  } else if (!found.won.empty()) {
    section.verdict = Verdict::kPays;
    absl::StrAppend(&section.why, "; holds now and did not before: ", names(found.won));
    counted.gains.push_back(
        absl::StrCat("isolation tests that hold now and did not before: ", found.won.size()));
  }
}

}  // namespace

Section privilege_section(Blocks blocks, Counted& counted) {
  Section section{.name = "privilege", .title = "Privileged services on the host"};
  const auto before = services_of(blocks, &Block::before), after = services_of(blocks, &Block::after);
  if (!before || !after) {
    section.why = absl::StrCat("nobody looked ", before ? "after" : after ? "before" : "at it");
    return section;
  }
  section.figures.push_back(
      counted_figure("privilege.services", "privileged services", static_cast<double>(before->size()),
                     static_cast<double>(after->size()), "a census: every one that a run saw"));
  section.figures.push_back(counted_figure("privilege.weight", "their weight", weight_of(*before),
                                           weight_of(*after), "the sum of what each may do to the host"));
  list(section, "removed", *before, *after);
  list(section, "new", *after, *before);
  Services left = *after;
  std::erase_if(left, [&](const auto& one) { return !before->contains(one.first); });
  list(section, "left", left, {});
  std::vector<std::string> added;
  for (const auto& [name, service] : *after) {
    if (!before->contains(name)) added.push_back(name);
  }
  const Figure& weight = section.figures[1];
  section.why = absl::StrCat("privileged services: ", before->size(), " → ", after->size(), ", weight ",
                             number(*weight.before), " → ", number(*weight.after),
                             added.empty() ? "" : "; new: ", absl::StrJoin(added, ", "));
  if (weight.judged == "better") section.verdict = Verdict::kPays, counted.gains.push_back(section.why);
  if (weight.judged == "worse") section.verdict = Verdict::kDoesNotPay, counted.stops.push_back(section.why);
  return section;
}

Section boundary_section(Blocks blocks, Counted& counted) {
  Section section{.name = "boundary", .title = "Isolation boundary"};
  const auto before = tests_of(blocks, &Block::before), after = tests_of(blocks, &Block::after);
  if (!after) {
    section.why = before ? "nobody tried it after" : "nobody tried it";
    if (before) counted.open.emplace_back("isolation was tried before the move and not after");
    return section;
  }
  Figure figure{.name = "boundary.held", .title = "boundary tests that held", .unit = "%"};
  figure.less_is_better = false;
  const auto share = [](const Tests& tests) {
    return tests.held.empty()
               ? 0
               : 100 * static_cast<double>(passed(tests)) / static_cast<double>(tests.held.size());
  };
  if (before) figure.before = share(*before), figure.n_before = before->held.size();
  figure.after = share(*after), figure.n_after = after->held.size();
  rule_on_tests(section, before, *after, counted);
  figure.judged = section.verdict == Verdict::kPays         ? "better"
                  : section.verdict == Verdict::kDoesNotPay ? "worse"
                                                            : "no difference shown";
  figure.why = "a test holds when it held in every run that tried it";
  section.figures.push_back(std::move(figure));
  if (before) list_broken(section, "broken before", *before);
  list_broken(section, "broken after", *after);
  return section;
}

}  // namespace outrigger::scorecard
