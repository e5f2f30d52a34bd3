// Incidents: few, and each with a domain or several.  Whether there are more is asked by an e-value, which of
// them are scoped by exact intervals; when somebody causes incidents on purpose, only the second means much.
#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "scorecard/sections.h"
#include "scorecard/words.h"
#include "stats/gate.h"

namespace outrigger::scorecard {

namespace {

using measure::Incident;
using Side = std::vector<Run> Block::*;

constexpr double kSpeaks = 20;  // of an e-value: 1 / 5 %
constexpr size_t kListed = 8;   // of a side

void each_run(Blocks blocks, Side side, const auto& take) {
  for (const Block& block : blocks) {
    for (const Run& run : block.*side) take(*run.measured);
  }
}

// The share of `hits` in `tries`, two-sided 95 %, by Clopper and Pearson.
std::pair<double, double> share_interval(double hits, double tries) {
  using Binomial = boost::math::binomial_distribution<double>;
  return {Binomial::find_lower_bound_on_p(tries, hits, 0.025),
          Binomial::find_upper_bound_on_p(tries, hits, 0.025)};
}

bool scoped(const Incident& incident) {
  return !incident.domain.empty() && incident.domain != "unknown" &&
         incident.domain.find_first_of(",;+/ ") == std::string::npos;
}

struct Happened {
  double incidents = 0, scoped = 0, seconds = 0;  // of the runs whose node was asked
  std::map<std::string, size_t> domains;
  std::vector<double> detect, act, recover;
};

Happened happened(Blocks blocks, Side side) {
  Happened out;
  each_run(blocks, side, [&](const measure::Measurement& run) {
    if (!run.incidents) return;
    for (const measure::Window& window : run.windows)
      out.seconds += static_cast<double>(window.length_ms) / 1000;
    for (const Incident& one : *run.incidents) {
      out.incidents += 1, out.scoped += scoped(one) ? 1 : 0;
      ++out.domains[one.domain.empty() ? "unknown" : one.domain];
      if (one.detect_s >= 0) out.detect.push_back(one.detect_s);
      if (one.act_s >= 0) out.act.push_back(one.act_s);
      if (one.recover_s >= 0) out.recover.push_back(one.recover_s);
    }
  });
  return out;
}

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

void add_times(Section& section, const Happened& before, const Happened& after) {
  const auto add = [&](const char* name, const char* title, const std::vector<double>& one,
                       const std::vector<double>& two) {
    Figure figure{.name = name, .title = title, .unit = "s"};
    figure.before = median(one), figure.after = median(two);
    figure.n_before = one.size(), figure.n_after = two.size();
    figure.judged = "not judged",
    figure.why = "median of the incidents whose time is known; other incidents, other times";
    if (figure.before || figure.after) section.figures.push_back(std::move(figure));
  };
  add("incidents.detect", "until detected", before.detect, after.detect);
  add("incidents.act", "until acted upon", before.act, after.act);
  add("incidents.recover", "until recovered", before.recover, after.recover);
}

void list_domains(Section& section, const char* what, const Happened& side) {
  std::vector<std::string> all;
  for (const auto& [domain, count] : side.domains) all.push_back(absl::StrCat(domain, " ", count));
  if (!all.empty()) section.lines.push_back(absl::StrCat(what, ": ", absl::StrJoin(all, ", ")));
}

// Until when: "detected 0.25 s, recovered 1.50 s".
std::string times_of(const Incident& one) {
  std::vector<std::string> times;
  const std::pair<const char*, double> all[] = {
      {"detected", one.detect_s}, {"acted upon", one.act_s}, {"recovered", one.recover_s}};
  for (const auto& [what, seconds] : all) {
    if (seconds >= 0) times.push_back(absl::StrCat(what, " ", amount(seconds, "s")));
  }
  return times.empty() ? "times not known" : absl::StrJoin(times, ", ");
}

// The first few, each in a line; the page has all of them.
void list_incidents(Section& section, const char* what, Blocks blocks, Side side) {
  size_t count = 0;
  each_run(blocks, side, [&](const measure::Measurement& run) {
    for (const Incident& one : run.incidents.value_or(std::vector<Incident>{})) {
      if (++count > kListed) continue;
      section.lines.push_back(absl::StrCat(what, ", ", one.domain.empty() ? "unknown" : one.domain, ", ",
                                           one.kind, ": ", one.summary, " (", times_of(one), ")"));
    }
  });
  if (count > kListed) section.lines.push_back(absl::StrCat(what, ": ", count - kListed, " more"));
}

// "1 of 2"
std::string scoped_in_words(const Happened& side) {
  if (side.seconds == 0) return "nobody asked";
  if (side.incidents == 0) return "none";
  return absl::StrFormat("%.0f of %.0f scoped to exactly one domain", side.scoped, side.incidents);
}

Figure scoped_figure(const Happened& before, const Happened& after) {
  Figure figure{.name = "incidents.scoped", .title = "incidents scoped to exactly one domain", .unit = "%"};
  figure.less_is_better = false;
  figure.n_before = static_cast<uint64_t>(before.incidents),
  figure.n_after = static_cast<uint64_t>(after.incidents);
  if (before.incidents > 0) figure.before = 100 * before.scoped / before.incidents;
  if (after.incidents > 0) figure.after = 100 * after.scoped / after.incidents;
  figure.judged = "too little data", figure.why = "an interval needs incidents on both sides";
  if (!figure.before || !figure.after) return figure;
  const auto was = share_interval(before.scoped, before.incidents),
             is = share_interval(after.scoped, after.incidents);
  figure.judged = is.first > was.second ? "better" : is.second < was.first ? "worse" : "no difference shown";
  figure.why = absl::StrFormat("Clopper-Pearson 95 %%: %.0f to %.0f %% before, %.0f to %.0f %% after",
                               100 * was.first, 100 * was.second, 100 * is.first, 100 * is.second);
  return figure;
}

Figure rate_figure(const Happened& before, const Happened& after) {
  Figure figure{.name = "incidents.rate", .title = "incidents", .unit = "1/h"};
  figure.n_before = static_cast<uint64_t>(before.incidents),
  figure.n_after = static_cast<uint64_t>(after.incidents);
  if (before.seconds > 0) figure.before = 3600 * before.incidents / before.seconds;
  if (after.seconds > 0) figure.after = 3600 * after.incidents / after.seconds;
  figure.judged = "too little data";
  figure.why =
      before.seconds > 0 ? "nobody asked the node after the move" : "nobody asked a node before the move";
  if (!figure.before || !figure.after) return figure;
  const double e = stats::e_value({figure.n_before, figure.n_after, before.seconds, after.seconds});
  figure.role = Role::kWeighs;  // for somebody may have caused them on purpose
  figure.judged = e >= kSpeaks ? "worse" : "no difference shown";
  figure.why =
      absl::StrFormat("%.0f in %.0f s, then %.0f in %.0f s; e-value of more %.3g, speaking from %g on",
                      before.incidents, before.seconds, after.incidents, after.seconds, e, kSpeaks);
  return figure;
}

std::string of_none(const Happened& before, const Happened& after) {
  if (before.seconds + after.seconds == 0) return "nobody asked the node (`outrigger measure --incidents`)";
  return absl::StrFormat(
      "none happened in the %.0f s before and the %.0f s after in which the node was asked: nothing is known "
      "of "
      "how they are told apart",
      before.seconds, after.seconds);
}

}  // namespace

Section incident_section(Blocks blocks, Counted& counted) {
  Section section{.name = "incidents", .title = "Incidents and their domains"};
  const Happened before = happened(blocks, &Block::before), after = happened(blocks, &Block::after);
  if (before.incidents + after.incidents == 0) {
    section.why = of_none(before, after);
    return section;
  }
  section.figures.push_back(rate_figure(before, after));
  section.figures.push_back(scoped_figure(before, after));
  add_times(section, before, after);
  list_domains(section, "before", before);
  list_domains(section, "after", after);
  list_incidents(section, "before", blocks, &Block::before);
  list_incidents(section, "after", blocks, &Block::after);
  const Figure &rate = section.figures[0], &share = section.figures[1];
  section.why = absl::StrCat("before: ", scoped_in_words(before), "; after: ", scoped_in_words(after));
  if (share.judged == "better") section.verdict = Verdict::kPays;
  if (share.judged == "worse" || rate.judged == "worse") section.verdict = Verdict::kDoesNotPay;
  if (share.judged == "worse")
    counted.open.push_back(absl::StrCat("incidents are told apart less well: ", section.why));
  return section;
}

}  // namespace outrigger::scorecard
