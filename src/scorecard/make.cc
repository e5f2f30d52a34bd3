#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "scorecard/pairing.h"
#include "scorecard/rule.h"
#include "scorecard/sections.h"

namespace outrigger::scorecard {

namespace {

struct Judged {
  std::vector<Section> sections;
  Ruling ruling;
};

bool known_to_be_alike(const Block& block) {
  return !block.before[0].measured->placement.empty() && !block.after[0].measured->placement.empty() &&
         moved_services(block).empty();
}

Judged judge_all(Blocks blocks, const stats::Resampling& how) {
  Judged out;
  Counted counted;
  out.sections.push_back(cpu_section(blocks, how));
  out.sections.push_back(latency_section(blocks, how));
  out.sections.push_back(privilege_section(blocks, counted));
  out.sections.push_back(boundary_section(blocks, counted));
  out.sections.push_back(incident_section(blocks, counted));
  out.sections.push_back(cost_section(blocks, out.sections[1]));
  if (std::any_of(blocks.begin(), blocks.end(), known_to_be_alike))
    counted.open.emplace_back("no service moved between the sides, so nothing that moved can have caused it");
  out.ruling = rule(out.sections, counted);
  return out;
}

// The blocks in which it moved.
std::map<std::string, std::vector<size_t>> moves_of(Blocks blocks) {
  std::map<std::string, std::vector<size_t>> moves;
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (const std::string& service : moved_services(blocks[i])) moves[service].push_back(i);
  }
  return moves;
}

// Services that were moved in the very same blocks: no figure can tell them apart.
using Groups = std::map<std::vector<size_t>, std::vector<std::string>>;
Groups groups_of(Blocks blocks) {
  Groups groups;
  for (auto& [service, where] : moves_of(blocks)) groups[where].push_back(service);
  return groups;
}

bool still_privileged(Blocks blocks, const std::string& service) {
  for (const Block& block : blocks) {
    for (const Run& run : block.after) {
      if (!run.measured->privileged || run.measured->placement.at(service) == "host") continue;
      for (const auto& one : *run.measured->privileged) {
        if (one.name == service) return true;
      }
    }
  }
  return false;
}

ServiceVerdict verdict_on(const std::string& service, const std::vector<std::string>& group, Blocks blocks,
                          const Ruling& ruling) {
  ServiceVerdict out{service, ruling.verdict, ruling.why};
  if (out.verdict == Verdict::kPays && still_privileged(blocks, service)) {
    out.verdict = Verdict::kInconclusive;
    out.why = absl::StrCat("moved, and yet \"", service,
                           "\" is still among the privileged services of the host; ", out.why);
  }
  if (group.size() > 1) {
    out.why = absl::StrCat("moved together with ", group.size() - 1, " other", group.size() > 2 ? "s" : "",
                           ", and judged together: ", out.why);
  }
  return out;
}

std::vector<ServiceVerdict> judge_services(const std::vector<Block>& blocks, const Ruling& overall,
                                           const stats::Resampling& how) {
  std::vector<ServiceVerdict> out;
  for (const auto& [where, services] : groups_of(blocks)) {
    std::vector<Block> own;
    for (const size_t index : where) own.push_back(blocks[index]);
    const Ruling ruling = own.size() == blocks.size() ? overall : judge_all(own, how).ruling;
    for (const std::string& service : services) out.push_back(verdict_on(service, services, own, ruling));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.service < b.service; });
  return out;
}

void add_sources(const std::vector<measure::Measurement>& side, const std::vector<std::string>& files,
                 const char* name, std::vector<std::string>& sources) {
  for (size_t i = 0; i < side.size(); ++i) {
    sources.push_back(absl::StrCat(name, ": ", i < files.size() ? files[i] : "?",
                                   " sha256:", side[i].hash.empty() ? "-" : side[i].hash));
  }
}

}  // namespace

std::string_view name(Verdict verdict) {
  constexpr std::string_view kNames[] = {"pays", "does not pay", "inconclusive"};
  return kNames[static_cast<size_t>(verdict)];
}

std::string_view name(Role role) {
  constexpr std::string_view kNames[] = {"told", "weighs", "forbids"};
  return kNames[static_cast<size_t>(role)];
}

absl::StatusOr<Scorecard> make(const Input& input, const stats::Resampling& how) {
  auto pairing = pair_up(input);
  if (!pairing.ok()) return pairing.status();
  Scorecard card;
  Judged judged = judge_all(pairing->blocks, how);
  card.verdict = judged.ruling.verdict;
  card.why = judged.ruling.why;
  card.sections = std::move(judged.sections);
  card.services = judge_services(pairing->blocks, judged.ruling, how);
  card.limits = std::move(pairing->limits);
  add_sources(input.before, input.before_files, "before", card.sources);
  add_sources(input.after, input.after_files, "after", card.sources);
  return card;
}

}  // namespace outrigger::scorecard
