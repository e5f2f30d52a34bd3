// The scorecard as one page that needs nothing from outside: everything that it says stands in it as text and
// tables; the script only draws.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "scorecard/html.h"
#include "scorecard/page_data.h"
#include "scorecard/pairing.h"
#include "scorecard/web.h"
#include "scorecard/words.h"

namespace outrigger::scorecard {

namespace {

constexpr size_t kMostRows = 40;  // of a table beside a plot

std::string_view css_class(Verdict verdict) {
  constexpr std::string_view kClasses[] = {"pays", "fails", "open"};
  return kClasses[static_cast<size_t>(verdict)];
}

std::string badge(Verdict verdict) {
  return absl::StrCat("<span class=\"badge ", std::string(css_class(verdict)), "\">",
                      std::string(name(verdict)), "</span>");
}

std::string judged_class(const std::string& judged) {
  if (judged == "better") return "pays";
  return judged == "worse" ? "fails" : "open";
}

std::string head(const Scorecard& card) {
  const std::string policy =
      absl::StrCat("default-src 'none'; style-src ", policy_hash(web::k_uPlot_min_css), " ",
                   policy_hash(web::k_report_css), "; script-src ", policy_hash(web::k_uPlot_iife_min_js),
                   " ", policy_hash(web::k_report_js), "; base-uri 'none'; form-action 'none'");
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta "
      "http-equiv=\"Content-Security-Policy\" content=\"",
      policy, "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Scorecard: ",
      std::string(name(card.verdict)), "</title>\n<style>", std::string(web::k_uPlot_min_css),
      "</style>\n<style>", std::string(web::k_report_css), "</style></head>\n");
}

std::string term(const std::string& name, const std::string& value) {
  return absl::StrCat("<div><dt>", name, "</dt><dd>", escaped(value), "</dd></div>");
}

std::string runs_in_words(const std::vector<measure::Measurement>& side) {
  double seconds = 0;
  size_t windows = 0;
  for (const measure::Measurement& run : side) {
    windows += run.windows.size();
    for (const measure::Window& window : run.windows) seconds += static_cast<double>(window.length_ms) / 1000;
  }
  return absl::StrCat(side[0].label, ": ", side.size(), side.size() == 1 ? " run, " : " runs, ", windows,
                      " windows, ", number(seconds), " s, from ", side[0].started_at);
}

std::string top(const Scorecard& card, const Input& input) {
  const measure::Measurement& first = input.before[0];
  const measure::Machine& machine = first.machine;
  std::string work = "no application was probed";
  if (!first.work.protocol.empty())
    work = absl::StrCat(first.work.protocol, " at ", first.work.target, ", ", number(first.work.rate),
                        " requests a second, open loop");
  if (first.work.budget_ms > 0) absl::StrAppend(&work, ", p99 budget ", number(first.work.budget_ms), " ms");
  return absl::StrCat("<header class=\"", std::string(css_class(card.verdict)),
                      "\"><p class=\"kicker\">Outrigger scorecard</p>\n<h1>", "The move <em>",
                      std::string(name(card.verdict)),
                      card.verdict == Verdict::kInconclusive ? "</em>: not known yet" : "</em>",
                      "</h1>\n<p class=\"why\">", escaped(card.why), "</p>\n<dl>",
                      term("Machine", absl::StrCat(machine.host, ", ", machine.cpus, " CPUs, ",
                                                   machine.cpu_model, ", kernel ", machine.kernel)),
                      term("Work", work), term("Before", runs_in_words(input.before)),
                      term("After", runs_in_words(input.after)), "</dl></header>\n");
}

std::string tiles(const Scorecard& card) {
  std::string out = "<nav class=\"tiles\" aria-label=\"Sections\">";
  for (const Section& section : card.sections) {
    absl::StrAppend(
        &out, "<a href=\"#", section.name, "\" class=\"tile\"><span class=\"name\">", escaped(section.title),
        "</span>", section.name == "cost" ? "<span class=\"badge open\">told</span>" : badge(section.verdict),
        "<span class=\"what\">", escaped(section.why), "</span></a>\n");
  }
  return absl::StrCat(out, "</nav>\n");
}

std::string services(const Scorecard& card) {
  if (card.services.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const ServiceVerdict& one : card.services)
    rows.push_back({one.service, std::string(name(one.verdict)),
                    absl::StrReplaceAll(one.why, {{card.why, "for the reason above"}})});
  return absl::StrCat("<section id=\"services\"><h2>Services that moved</h2>\n",
                      html_table("Verdict for each service that moved", {"Service", "Verdict", "Why"}, rows),
                      "</section>\n");
}

std::string figures_table(const Section& section) {
  if (section.figures.empty()) return "";
  std::string out = absl::StrCat(
      "<div class=\"wide\" tabindex=\"0\"><table class=\"figures\"><caption>", escaped(section.title),
      ": figures</caption><thead><tr><th scope=\"col\">Figure</th><th scope=\"col\" class=\"n\">Before</th>"
      "<th scope=\"col\" class=\"n\">After</th><th scope=\"col\" class=\"n\">Change</th><th "
      "scope=\"col\">Interval</th>"
      "<th scope=\"col\" class=\"n\">A/A</th><th scope=\"col\">Judged</th></tr></thead><tbody>\n");
  for (const Figure& figure : section.figures) {
    const auto& change_of = figure.log_change;
    absl::StrAppend(&out, "<tr><th scope=\"row\">", escaped(figure.title),
                    figure.decides ? " <span class=\"mark\" title=\"may decide\">◆</span>" : "",
                    "<details><summary>how</summary>", escaped(figure.why), "; n ", figure.n_before, " and ",
                    figure.n_after, "</details></th>");
    absl::StrAppend(&out, "<td class=\"n\">", amount(figure.before, figure.unit), "</td><td class=\"n\">",
                    amount(figure.after, figure.unit), "</td><td class=\"n\">",
                    change_of ? change(change_of->estimate) : "-", "</td><td>",
                    change_of ? range(*change_of) : "-");
    absl::StrAppend(&out, "</td><td class=\"n\">", figure.noise_floor ? change(*figure.noise_floor) : "-",
                    "</td><td><span class=\"badge ", judged_class(figure.judged), "\">",
                    escaped(figure.judged), "</span></td></tr>\n");
  }
  return absl::StrCat(out, "</tbody></table></div>\n");
}

// A place for the script to draw into, what it shows, and the same in numbers.
std::string plot(const std::string& id, const std::string& title, const std::string& how,
                 const std::string& table) {
  return absl::StrCat("<figure><figcaption><b>", title, "</b> ", how,
                      "</figcaption>\n<div class=\"plot\" id=\"plot-", id, "\" role=\"img\" aria-label=\"",
                      title,
                      "; its numbers are in the table below\"></div>\n<details><summary>As numbers</summary>",
                      table, "</details></figure>\n");
}

std::string cell(const std::optional<double>& value, double scale = 1) {
  return value ? number(*value * scale) : "-";
}

std::string curve_table(const std::string& caption, const Curve& curve,
                        const std::vector<std::string>& headings, double scale = 1) {
  std::vector<std::vector<std::string>> rows;
  const size_t step = (curve.x.size() + kMostRows - 1) / kMostRows;
  for (size_t i = 0; i < curve.x.size(); i += std::max<size_t>(step, 1))
    rows.push_back({number(curve.x[i]), cell(curve.before[i], scale), cell(curve.after[i], scale)});
  return html_table(step > 1 ? absl::StrCat(caption, "; every ", step, "th row") : caption, headings, rows);
}

std::string cpu_plots(const PageData& data) {
  std::string out;
  if (!data.busy.x.empty()) {
    out +=
        plot("busy", "Host CPU in use, by window", "The calmer the line, the less the application notices.",
             curve_table("CPUs in use", data.busy, {">s", ">before", ">after"}));
    out += plot(
        "deviation", "How much each CPU varies",
        "Standard deviation of its use over windows, in percentage points.",
        curve_table("Standard deviation, percentage points", data.deviation, {">CPU", ">before", ">after"}));
  }
  if (!data.gaps.x.empty()) {
    out += plot("gaps", "Time taken away", "How often a spinning thread was away for longer than this.",
                curve_table("Longer gaps, a second", data.gaps, {">µs", ">before", ">after"}));
  }
  return out;
}

std::string latency_plots(const PageData& data) {
  if (data.latency.x.empty()) return "";
  return plot("latency", "Latency, cumulative",
              "Share of requests answered within; every step up is ten times fewer left.",
              curve_table("Share of requests answered within, %", data.latency, {">ms", ">before", ">after"},
                          100)) +
         plot("p99", "p99, window by window", "Stable is flat.",
              curve_table("p99, ms", data.p99, {">s", ">before", ">after"}));
}

std::string privilege_plots(const PageData& data) {
  if (data.privilege.names.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < data.privilege.names.size(); ++i)
    rows.push_back(
        {data.privilege.names[i], number(data.privilege.before[i]), number(data.privilege.after[i])});
  return plot("privilege", "Privilege on the host",
              "Weight of what each service may do to it; none: it is not there.",
              html_table("Weight by service", {"service", ">before", ">after"}, rows));
}

std::string incident_plots(const PageData& data) {
  if (data.incidents.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  const auto seconds = [](double value) { return value < 0 ? std::string("-") : number(value); };
  for (const Happening& one : data.incidents) {
    const measure::Incident& incident = one.incident;
    rows.push_back({number(incident.at_s), one.after ? "after" : "before",
                    incident.domain.empty() ? "unknown" : incident.domain, incident.kind, incident.summary,
                    seconds(incident.detect_s), seconds(incident.act_s), seconds(incident.recover_s)});
  }
  return plot(
      "incidents", "Incidents", "When, in which domain, and until recovered.",
      html_table("Incidents",
                 {">s", "side", "domain", "kind", "what", ">detected, s", ">acted, s", ">recovered, s"},
                 rows));
}

std::string plots_of(const Section& section, const PageData& data) {
  if (section.name == "cpu") return cpu_plots(data);
  if (section.name == "latency") return latency_plots(data);
  if (section.name == "privilege") return privilege_plots(data);
  return section.name == "incidents" ? incident_plots(data) : "";
}

std::string list(const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string out = "<ul>";
  for (const std::string& line : lines) absl::StrAppend(&out, "<li>", escaped(line), "</li>\n");
  return absl::StrCat(out, "</ul>\n");
}

std::string body_of(const Section& section, const PageData& data) {
  const std::string plots = plots_of(section, data);
  return absl::StrCat("<section id=\"", section.name, "\"><h2>", escaped(section.title), " ",
                      section.name == "cost" ? "" : badge(section.verdict), "</h2>\n<p>",
                      escaped(section.why), "</p>\n",
                      plots.empty() ? "" : absl::StrCat("<div class=\"plots\">", plots, "</div>\n"),
                      figures_table(section), list(section.lines), "</section>\n");
}

std::string changes(const Scorecard& card) {
  std::vector<std::vector<std::string>> rows;
  for (const Section& section : card.sections) {
    for (const Figure& figure : section.figures) {
      if (figure.log_change)
        rows.push_back(
            {figure.title, change(figure.log_change->estimate), range(*figure.log_change), figure.judged});
    }
  }
  if (rows.empty()) return "";
  return absl::StrCat("<section id=\"changes\"><h2>Every change at a glance</h2>\n<div class=\"plots one\">",
                      plot("changes", "Change from before to after",
                           "Left is less, which is better in all of these. Dot and line: estimate and "
                           "interval; grey: what A against A differs "
                           "by here; ◆: one of the four that may decide.",
                           html_table("Changes", {"figure", ">change", "interval", "judged"}, rows)),
                      "</div></section>\n");
}

constexpr std::string_view kMethod = R"(<section id="method"><h2>How to read it</h2>
<p>Percentiles are of merged sketches, never averaged, and are refused below 368 requests (p99) and 3688 (p99.9). Requests are timed
from when they were to be sent; those never answered count as slower than all others. Changes are means of log ratios over blocks;
intervals (95&nbsp;%) come from a block bootstrap over windows and are widened to what runs of the same arm differ by. A/A is how much
the same thing differs from itself here: a change inside of it is no change. Four figures (◆) can make the verdict <i>pays</i>, each
judged at a quarter of the error, and so can privilege and isolation that were counted; for it, p99 must be shown not to have
got worse by more than 5&nbsp;% and host CPU not by more than 10&nbsp;%, and nothing else may have got worse beyond its margin.</p></section>
)";

std::string ending(const Scorecard& card, const std::string& script_json) {
  return absl::StrCat(card.limits.empty()
                          ? ""
                          : absl::StrCat("<section id=\"limits\"><h2>What this does not say</h2>\n",
                                         list(card.limits), "</section>\n"),
                      std::string(kMethod), "<section id=\"sources\"><h2>Made of</h2>\n<div class=\"files\">",
                      list(card.sources), "</div></section>\n</main>\n",
                      "<noscript><p class=\"note\">The plots need a script that this page brings along; all "
                      "numbers are in the tables.</p></noscript>\n",
                      "<script type=\"application/json\" id=\"data\">", script_json, "</script>\n<script>",
                      std::string(web::k_uPlot_iife_min_js), "</script>\n<script>",
                      std::string(web::k_report_js), "</script>\n</body></html>\n");
}

}  // namespace

std::string to_html(const Scorecard& card, const Input& input) {
  const auto pairing = pair_up(input);
  if (!pairing.ok())
    return absl::StrCat("<!doctype html><title>no scorecard</title><p>",
                        escaped(std::string(pairing.status().message())), "\n");
  const PageData data = page_data(pairing->blocks);
  std::string out = absl::StrCat(head(card), "<body><main>\n", top(card, input), tiles(card), services(card),
                                 changes(card));
  for (const Section& section : card.sections) out += body_of(section, data);
  return out + ending(card, to_script_json(data, card));
}

}  // namespace outrigger::scorecard
