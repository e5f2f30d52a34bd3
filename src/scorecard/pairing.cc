#include "scorecard/pairing.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::scorecard {

namespace {

using measure::Machine;
using measure::Measurement;

constexpr double kAlike = 0.1;         // lengths of windows
constexpr double kMemoryAlike = 0.01;  // what a kernel keeps for itself differs from boot to boot

std::string key_of(const Machine& machine) {
  return machine.machine_id.empty() ? machine.host : machine.machine_id;
}

std::string in_words(const measure::Work& work) {
  if (work.protocol.empty()) return "no application";
  return absl::StrCat(work.protocol, " at ", work.target, ", ", work.rate, " requests a second, budget ",
                      work.budget_ms, " ms");
}

double window_length(const Measurement& run) {
  std::vector<uint64_t> lengths;
  for (const measure::Window& window : run.windows) lengths.push_back(window.length_ms);
  std::nth_element(lengths.begin(), lengths.begin() + static_cast<ptrdiff_t>(lengths.size() / 2),
                   lengths.end());
  return static_cast<double>(lengths[lengths.size() / 2]);
}

std::string list_of_cpus(const Measurement& run) {
  return absl::StrCat("CPUs {", absl::StrJoin(cpus_of(run), ", "), "}");
}

// What of the two cannot be compared, as "kernel 6.1 and 6.6"; nothing when all can.
std::string difference(const Measurement& a, const Measurement& b) {
  const auto differ = [](const char* what, const auto& one, const auto& two) {
    return absl::StrCat(what, " \"", one, "\" and \"", two, "\"");
  };
  const Machine &one = a.machine, &two = b.machine;
  if (key_of(one) != key_of(two)) return differ("machine", one.host, two.host);
  if (one.kernel != two.kernel) return differ("kernel", one.kernel, two.kernel);
  if (one.cpu_model != two.cpu_model) return differ("CPU", one.cpu_model, two.cpu_model);
  if (one.cpus != two.cpus) return differ("number of CPUs", one.cpus, two.cpus);
  const auto most = static_cast<double>(std::max(one.memory, two.memory));
  if (std::abs(static_cast<double>(one.memory) - static_cast<double>(two.memory)) > kMemoryAlike * most)
    return differ("memory", one.memory, two.memory);
  if (!(a.work == b.work)) return differ("work", in_words(a.work), in_words(b.work));
  if (cpus_of(a) != cpus_of(b)) return differ("looked at", list_of_cpus(a), list_of_cpus(b));
  const double length = window_length(a), other = window_length(b);
  if (std::abs(length - other) > kAlike * std::max(length, other))
    return differ("windows of", absl::StrCat(length, " ms"), absl::StrCat(other, " ms"));
  return "";
}

std::vector<Run> runs_of(const std::vector<Measurement>& side, const std::vector<std::string>& files) {
  std::vector<Run> runs;
  for (size_t i = 0; i < side.size(); ++i) {
    Run run{&side[i], i < files.size() ? files[i] : absl::StrCat("run ", i + 1), {}};
    const double usual = side[i].windows.empty() ? 0 : window_length(side[i]);
    const std::set<uint32_t> cpus = cpus_of(side[i]);
    for (const measure::Window& window : side[i].windows) {
      const bool whole = static_cast<double>(window.length_ms) >= usual / 2;
      if (whole && tells_of_all(window, cpus)) run.windows.push_back(&window);
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

absl::Status refuse(const std::string& what, const Run& one, const Run& two) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", one.file, " and ", two.file));
}

bool is_after(const std::string& label) { return label == "after" || label == "dpu"; }
bool is_before(const std::string& label) { return label == "before" || label == "host"; }

absl::Status check_labels(const std::vector<Run>& before, const std::vector<Run>& after) {
  for (const Run& one : before) {
    if (is_after(one.measured->label))
      return absl::InvalidArgumentError(
          absl::StrCat(one.file, ": labelled \"", one.measured->label, "\", but given as a run before"));
    for (const Run& two : after) {
      if (is_before(two.measured->label))
        return absl::InvalidArgumentError(
            absl::StrCat(two.file, ": labelled \"", two.measured->label, "\", but given as a run after"));
      if (one.measured->label == two.measured->label)
        return refuse(absl::StrCat("both sides are labelled \"", one.measured->label, "\""), one, two);
    }
  }
  return absl::OkStatus();
}

absl::Status check_runs(const std::vector<Run>& before, const std::vector<Run>& after) {
  std::map<std::string, const Run*> seen;
  for (const auto* side : {&before, &after}) {
    for (const Run& run : *side) {
      if (absl::Status status = check_run(*run.measured, run.file); !status.ok()) return status;
      if (run.measured->hash.empty()) continue;
      const auto [at, fresh] = seen.try_emplace(run.measured->hash, &run);
      if (!fresh) return refuse("the same run twice", *at->second, run);
    }
  }
  return check_labels(before, after);
}

// Every run against the first before of its machine; a machine of one side only is compared with the other's.
absl::Status check_comparable(const std::vector<Run>& before, const std::vector<Run>& after) {
  std::map<std::string, const Run*> first;
  std::set<std::string> afters;
  for (const Run& run : before) first.try_emplace(key_of(run.measured->machine), &run);
  for (const Run& run : after) afters.insert(key_of(run.measured->machine));
  const auto against = [&](const Run& run) -> absl::Status {
    const auto own = first.find(key_of(run.measured->machine));
    const Run& partner = own == first.end() ? before[0] : *own->second;
    const std::string fault = difference(*partner.measured, *run.measured);
    return fault.empty() ? absl::OkStatus()
                         : refuse(absl::StrCat("cannot be compared, ", fault), partner, run);
  };
  for (const auto* side : {&before, &after}) {
    for (const Run& run : *side) {
      if (absl::Status status = against(run); !status.ok()) return status;
    }
  }
  for (const auto& [key, run] : first) {
    if (!afters.contains(key))
      return absl::InvalidArgumentError(absl::StrCat("machine \"", run->measured->machine.host,
                                                     "\" was measured before (", run->file,
                                                     ") and not after"));
  }
  return absl::OkStatus();
}

using Key = std::tuple<std::string, std::string, uint32_t>;  // machine, experiment, block

Key key_of(const Run& run) {
  const measure::Place& place = run.measured->place;
  return {key_of(run.measured->machine), place.experiment, place.experiment.empty() ? 0 : place.block};
}

std::string name_of(const Key& key, const Run& run) {
  const auto& [machine, experiment, block] = key;
  if (experiment.empty()) return absl::StrCat("machine \"", run.measured->machine.host, "\"");
  return absl::StrCat("block ", block, " of experiment \"", experiment, "\"");
}

bool earlier(const Run& one, const Run& two) {
  return std::tie(one.measured->place.order, one.measured->started_at) <
         std::tie(two.measured->place.order, two.measured->started_at);
}

absl::StatusOr<std::vector<Block>> blocks_of(const std::vector<Run>& before, const std::vector<Run>& after) {
  std::map<Key, Block> blocks;
  for (const Run& run : before) blocks[key_of(run)].before.push_back(run);
  for (const Run& run : after) blocks[key_of(run)].after.push_back(run);
  std::vector<Block> out;
  for (auto& [key, block] : blocks) {
    const Run& any = block.before.empty() ? block.after[0] : block.before[0];
    block.name = name_of(key, any);
    if (block.before.empty() || block.after.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(block.name, ": ", block.before.size(),
                                                     " runs before and ", block.after.size(),
                                                     " after; the first is ", any.file));
    }
    std::stable_sort(block.before.begin(), block.before.end(), earlier);
    std::stable_sort(block.after.begin(), block.after.end(), earlier);
    out.push_back(std::move(block));
  }
  return out;
}

absl::Status check_placement(const Block& block) {
  for (const auto* side : {&block.before, &block.after}) {
    for (const Run& run : *side) {
      if (run.measured->placement != (*side)[0].measured->placement)
        return refuse(absl::StrCat(block.name, ": services are not in the same places in runs of one side"),
                      (*side)[0], run);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Pairing> pair_up(const Input& input) {
  const std::vector<Run> before = runs_of(input.before, input.before_files);
  const std::vector<Run> after = runs_of(input.after, input.after_files);
  if (before.empty() || after.empty())
    return absl::InvalidArgumentError(absl::StrCat("no run ", before.empty() ? "before" : "after"));
  if (absl::Status status = check_runs(before, after); !status.ok()) return status;
  if (absl::Status status = check_comparable(before, after); !status.ok()) return status;
  auto blocks = blocks_of(before, after);
  if (!blocks.ok()) return blocks.status();
  for (const Block& block : *blocks) {
    if (absl::Status status = check_placement(block); !status.ok()) return status;
  }
  Pairing pairing{*std::move(blocks), {}};
  pairing.limits = limits_of(pairing.blocks);
  return pairing;
}

std::vector<std::string> moved_services(const Block& block) {
  const auto& before = block.before[0].measured->placement;
  std::vector<std::string> moved;
  for (const auto& [service, place] : block.after[0].measured->placement) {
    const auto was = before.find(service);
    if (was != before.end() && was->second != place) moved.push_back(service);
  }
  return moved;
}

}  // namespace outrigger::scorecard
