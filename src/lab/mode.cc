#include "lab/mode.h"

#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "lab/huge_pages.h"

namespace outrigger::lab {
namespace {

namespace fs = std::filesystem;

// Beside the daemon when installed, in its room's folder when just built; a daemon found by $PATH brings its
// own.
absl::Status check_programs(const std::string& daemon) {
  const fs::path beside = fs::path(daemon).parent_path();
  if (beside.empty()) return absl::OkStatus();
  for (const fs::path& folder : {beside, beside.parent_path() / "ports"}) {
    if (access((folder / "outrigger-ports").c_str(), X_OK) == 0) return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("outrigger-ports is not beside outriggerd in ", beside.string()));
}

absl::Status reserve(const State& state, const LabOptions& options, size_t nodes) {
  if (absl::Status status = check_programs(options.daemon); !status.ok()) return status;
  const unsigned pages = static_cast<unsigned>(nodes) * huge_pages_for(options.daemon_arguments);
  if (absl::Status status = add_huge_pages(pages); !status.ok()) return status;
  absl::Status saved = state.save_huge_pages(pages);
  if (!saved.ok()) remove_huge_pages(pages);
  return saved;
}

}  // namespace

absl::StatusOr<Mode> settle_mode(const State& state, const LabOptions& options, size_t nodes,
                                 std::string& why) {
  if (options.mode == Mode::kSolo) return Mode::kSolo;
  const absl::Status status = reserve(state, options, nodes);
  if (status.ok()) return Mode::kSplit;
  if (options.mode == Mode::kSplit) {
    return absl::FailedPreconditionError(absl::StrCat("split mode: ", std::string(status.message())));
  }
  why = std::string(status.message());
  return Mode::kSolo;
}

}  // namespace outrigger::lab
