// Two sides from files and folders.
#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "scorecard/scorecard.h"

namespace outrigger::scorecard {

namespace {

namespace fs = std::filesystem;

struct Read {
  std::vector<measure::Measurement> runs;
  std::vector<std::string> files;
  bool folder = false;
};

absl::StatusOr<std::vector<std::string>> files_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string extension = at->path().extension().string();
    std::error_code ignored;
    if ((extension == ".jsonl" || extension == ".json") && at->is_regular_file(ignored))
      files.push_back(at->path().string());
  }
  if (error) return absl::NotFoundError(absl::StrCat(folder, ": ", error.message()));
  if (files.empty())
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": holds no measurement (*.jsonl or *.json); outrigger measure makes them"));
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<Read> read_all(const std::string& path) {
  Read out;
  std::error_code error;
  out.folder = fs::is_directory(path, error);
  out.files = {path};
  if (out.folder) {
    auto files = files_in(path);
    if (!files.ok()) return files.status();
    out.files = *std::move(files);
  }
  for (const std::string& file : out.files) {
    auto run = measure::read(file);
    if (!run.ok()) return run.status();
    out.runs.push_back(*std::move(run));
  }
  return out;
}

enum class Arm { kBefore, kAfter, kOwn };

Arm arm_of(const std::string& label) {
  if (label == "before" || label == "host") return Arm::kBefore;
  return label == "after" || label == "dpu" ? Arm::kAfter : Arm::kOwn;
}

bool holds_both(const Read& read) {
  const auto has = [&](Arm arm) {
    return std::any_of(read.runs.begin(), read.runs.end(),
                       [&](const auto& run) { return arm_of(run.label) == arm; });
  };
  return read.folder && has(Arm::kBefore) && has(Arm::kAfter);
}

absl::Status take(const std::string& path, Arm arm, std::vector<measure::Measurement>& runs,
                  std::vector<std::string>& files) {
  auto read = read_all(path);
  if (!read.ok()) return read.status();
  const bool both = holds_both(*read);
  for (size_t i = 0; i < read->runs.size(); ++i) {
    const Arm own = arm_of(read->runs[i].label);
    if (both && own == Arm::kOwn) {
      return absl::InvalidArgumentError(absl::StrCat(read->files[i], ": labelled \"", read->runs[i].label,
                                                     "\" in a folder of both arms: it belongs to neither"));
    }
    if (both && own != arm) continue;
    runs.push_back(std::move(read->runs[i]));
    files.push_back(read->files[i]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Input> load(const std::string& before, const std::string& after) {
  Input input;
  if (absl::Status status = take(before, Arm::kBefore, input.before, input.before_files); !status.ok())
    return status;
  if (absl::Status status = take(after, Arm::kAfter, input.after, input.after_files); !status.ok())
    return status;
  return input;
}

}  // namespace outrigger::scorecard
