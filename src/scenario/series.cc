#include "scenario/series.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "measure/lines.h"

namespace outrigger::scenario {
namespace {

std::string percent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

std::string file_name(const Turn& turn) {
  return absl::StrCat("block-", turn.block, "-", turn.order, "-", std::string(name(turn.arm)));
}

std::string in_short(const Turn& turn, unsigned blocks, const measure::Measurement& measured) {
  stats::Sketch latency;
  uint64_t sent = 0, failed = 0;
  for (const measure::Window& window : measured.windows) {
    latency.merge(window.latency);
    sent += window.sent;
    failed += window.failed;
  }
  return absl::StrFormat(
      "block %u/%u, turn %u/4, %-4s  p50 %.3f ms, p99 %.3f ms, max %.1f ms; %u of %u failed; %s stolen",
      turn.block, blocks, turn.order, std::string(name(turn.arm)), latency.quantile(0.5) / 1e6,
      latency.quantile(0.99) / 1e6, static_cast<double>(latency.max()) / 1e6, failed, sent,
      percent(stolen(measured)));
}

// The file of the try that counts.
absl::StatusOr<std::string> take(const Options& options, Experiment& experiment, const Turn& turn, Calm& calm,
                                 const lab::Progress& progress) {
  for (;;) {
    absl::StatusOr<measure::Measurement> measured = experiment.take(turn);
    if (!measured.ok()) return measured.status();
    progress(in_short(turn, options.blocks, *measured));
    const bool again = calm.again(*measured);
    const std::string file =
        again ? absl::StrCat(disturbed_of(options), "/", file_name(turn), "-try-", calm.tries(), ".jsonl")
              : absl::StrCat(measurements_of(options), "/", file_name(turn), ".jsonl");
    if (absl::Status status = measure::write(*measured, file); !status.ok()) return status;
    if (!again) return file;
    progress(absl::StrCat("  made again: more than ", percent(options.steal_limit), " was stolen; kept as ",
                          file));
  }
}

}  // namespace

double stolen(const measure::Measurement& measured) {
  double sum = 0;
  size_t count = 0;
  for (const measure::Window& window : measured.windows) {
    for (const auto& [cpu, use] : window.cpu) sum += use.steal, ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

bool Calm::again(measure::Measurement& measured) {
  const double share = stolen(measured);
  if (share > limit_ && spare_ > 0) {
    --spare_;
    taken_.push_back(share);
    return true;
  }
  const std::string where = absl::StrCat("turn ", measured.place.order, " of block ", measured.place.block);
  if (!taken_.empty()) {
    const std::string before =
        absl::StrJoin(taken_, ", ", [](std::string* out, double one) { absl::StrAppend(out, percent(one)); });
    measured.notes.push_back(absl::StrCat(where, " was made again: the hypervisor had taken ", before,
                                          " of the host's CPU; those tries are kept, and do not count"));
  }
  if (share > limit_)
    measured.notes.push_back(absl::StrCat("in ", where, " the hypervisor took ", percent(share),
                                          " of the host's CPU, and it counts"));
  taken_.clear();
  return false;
}

absl::StatusOr<std::vector<std::string>> take_all(const Options& options, Experiment& experiment,
                                                  const lab::Progress& progress) {
  std::vector<std::string> files;
  std::string last_of_dpu;
  const std::vector<Turn> all = turns(options.blocks);
  Calm calm(options.steal_limit, all.size());
  for (const Turn& turn : all) {
    const absl::StatusOr<std::string> file = take(options, experiment, turn, calm, progress);
    if (!file.ok()) return file.status();
    files.push_back(*file);
    if (turn.arm == Arm::kDpu) last_of_dpu = *file;
  }
  const absl::StatusOr<std::string> change = experiment.change(last_of_dpu);
  if (!change.ok()) return change.status();
  progress(*change);
  return files;
}

}  // namespace outrigger::scenario
