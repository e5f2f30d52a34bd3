// The parts of the node that are no service of packets: workers and store.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/steady_time.h"
#include "dpu/health/probe_frames.h"
#include "dpu/health/probes.h"

namespace outrigger::agent {

namespace {

// In solo mode nobody counts beats; probes of the others keep the workers turning, so their turns must grow.
class Heartbeat {
 public:
  Heartbeat(ProbeSources sources, absl::Duration stall) : sources_(std::move(sources)), stall_(stall) {}

  Finding operator()() {
    const std::vector<BeatView> beats = sources_.beats ? sources_.beats() : std::vector<BeatView>{};
    return beats.empty() ? by_turns() : by_beats(beats);
  }

 private:
  Finding by_beats(const std::vector<BeatView>& beats) const {
    double longest = 0;
    size_t owned = 0;
    for (const BeatView& beat : beats) {
      if (!beat.owned)
        return {ProbeOutcome::kFail, absl::StrCat("nobody has the queues of worker ", beat.worker)};
      ++owned;
      longest = std::max(longest, beat.silent_ms);
      if (absl::Milliseconds(beat.silent_ms) < stall_) continue;
      return {ProbeOutcome::kFail, absl::StrCat("worker ", beat.worker, " has made no turn for ",
                                                absl::StrFormat("%.0f", beat.silent_ms), " ms",
                                                beat.doing.empty() ? "" : ", in ", beat.doing)};
    }
    return {ProbeOutcome::kPass, absl::StrCat(owned, " workers turn"), absl::Milliseconds(longest)};
  }

  Finding by_turns() {
    if (!sources_.figures) return {ProbeOutcome::kNothing, "nothing to probe: no engine"};
    const engine::Figures figures = sources_.figures();
    if (figures.workers.empty()) return {ProbeOutcome::kFail, "the engine does not answer"};
    uint64_t turns = 0;
    for (const engine::WorkerFigures& worker : figures.workers) turns += worker.turns;
    const bool moved = turns != turns_;
    turns_ = turns;
    if (!moved) return {ProbeOutcome::kFail, "no worker has made a turn since the last probe"};
    return {ProbeOutcome::kPass, "workers turn (solo mode: no heartbeats)"};
  }

  const ProbeSources sources_;
  const absl::Duration stall_;
  uint64_t turns_ = 0;
};

constexpr off_t kRoom = 64 << 10;  // what an apply may need; with less the disk counts as full

absl::Status failed(const std::string& what, const std::string& path) {
  const int why = errno;
  const absl::Status status = absl::ErrnoToStatus(why, absl::StrCat(what, " ", path));
  if (why != ENOSPC && why != EDQUOT) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; free space on its disk"));
}

// The room that the file had itself must not hide that there is no more.
bool has_room(int file) {
  if (fallocate(file, 0, 0, kRoom) != 0) return errno == EOPNOTSUPP;
  return ftruncate(file, 0) == 0;
}

absl::Status write_file(const std::string& path, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return failed("cannot write", path);
  absl::Status status;
  if (!has_room(file)) status = failed("cannot write", path);
  if (status.ok() && write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    status = failed("cannot write", path);
  if (status.ok() && fsync(file) != 0) status = failed("cannot sync", path);
  close(file);
  return status;
}

}  // namespace

void ProbeDrops::take_from(std::vector<uint64_t>& drops) const {
  for (size_t i = 0; i < std::min(drops.size(), by_reason.size()); ++i)
    drops[i] -= std::min(drops[i], by_reason[i].load());
}

Probe heartbeat_probe(const ProbeSources& sources, absl::Duration stall) {
  return [probe = std::make_shared<Heartbeat>(sources, stall)] { return (*probe)(); };
}

Probe store_probe(const ProbeSources& sources) {
  return [store = sources.store]() -> Finding {
    if (!store) return {ProbeOutcome::kNothing, "nothing to probe: no store"};
    const absl::Time begun = steady_time();
    const absl::Status status = store();
    const absl::Duration took = steady_time() - begun;
    if (!status.ok()) return {ProbeOutcome::kFail, std::string(status.message()), took};
    return {ProbeOutcome::kPass, "written and read back", took};
  };
}

absl::Status write_and_read(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/.health");
  const std::string text = absl::StrCat(next_mark());
  if (absl::Status status = write_file(path, text); !status.ok()) return status;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed("cannot read", path);
  std::string read_back(text.size(), '\0');
  const ssize_t size = read(file, read_back.data(), read_back.size());
  close(file);
  if (size < 0) return failed("cannot read", path);
  if (read_back != text) return absl::DataLossError(absl::StrCat(path, ": not what was written"));
  return absl::OkStatus();
}

}  // namespace outrigger::agent
