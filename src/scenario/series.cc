#include "scenario/series.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "measure/lines.h"
#include "stats/sketch.h"

namespace outrigger::scenario {
namespace {

std::string percent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

std::string file_name(const Turn& turn) {
  return absl::StrCat("block-", turn.block, "-", turn.order, "-", std::string(name(turn.arm)));
}

std::string failed_of_all(const measure::Measurement& measured) {
  uint64_t sent = 0, failed = 0;
  for (const measure::Window& window : measured.windows) sent += window.sent, failed += window.failed;
  return absl::StrFormat("%u of %u failed", failed, sent);
}

// What such a try says of its arm is not used, and must not be lost.
std::string left_out(const measure::Measurement& measured) {
  const std::string incidents =
      measured.incidents ? absl::StrCat(measured.incidents->size(), " incidents, requests: ") : "requests: ";
  return absl::StrCat(percent(stolen(measured)), " (", incidents, failed_of_all(measured), ")");
}

std::string in_short(const Turn& turn, unsigned blocks, const measure::Measurement& measured) {
  stats::Sketch latency;
  for (const measure::Window& window : measured.windows) latency.merge(window.latency);
  return absl::StrFormat("block %u/%u, turn %u/4, %-4s  p50 %.3f ms, p99 %.3f ms, max %.1f ms; %s; %s stolen",
                         turn.block, blocks, turn.order, std::string(name(turn.arm)),
                         latency.quantile(0.5) / 1e6, latency.quantile(0.99) / 1e6,
                         static_cast<double>(latency.max()) / 1e6, failed_of_all(measured),
                         percent(stolen(measured)));
}

// The file of the try that counts.
absl::StatusOr<std::string> take_until_calm(const Options& options, const TakeTurn& take, const Turn& turn,
                                            Calm& calm, const lab::Progress& progress) {
  for (;;) {
    absl::StatusOr<measure::Measurement> measured = take(turn);
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
  double taken = 0, all = 0;
  for (const measure::Window& window : measured.windows) {
    const auto length = static_cast<double>(window.length_ms);
    for (const auto& [cpu, use] : window.cpu) taken += use.steal * length, all += length;
  }
  return all == 0 ? 0 : taken / all;
}

bool Calm::again(measure::Measurement& measured) {
  const double share = stolen(measured);
  if (share > limit_ && spare_ > 0) {
    --spare_;
    left_out_.push_back(left_out(measured));
    return true;
  }
  const std::string where = absl::StrCat("turn ", measured.place.order, " of block ", measured.place.block);
  if (!left_out_.empty())
    measured.notes.push_back(
        absl::StrCat(where, " was made again: of the host's CPU the hypervisor had taken ",
                     absl::StrJoin(left_out_, ", "), "; those tries are kept, and do not count"));
  if (share > limit_)
    measured.notes.push_back(absl::StrCat("in ", where, " the hypervisor took ", percent(share),
                                          " of the host's CPU, and it counts"));
  left_out_.clear();
  return false;
}

absl::StatusOr<std::vector<std::string>> take_all(const Options& options, const TakeTurn& take,
                                                  const lab::Progress& progress) {
  std::vector<std::string> files;
  const std::vector<Turn> all = turns(options.blocks);
  Calm calm(options.steal_limit, all.size());
  for (const Turn& turn : all) {
    absl::StatusOr<std::string> file = take_until_calm(options, take, turn, calm, progress);
    if (!file.ok()) return file.status();
    files.push_back(*std::move(file));
  }
  return files;
}

}  // namespace outrigger::scenario
