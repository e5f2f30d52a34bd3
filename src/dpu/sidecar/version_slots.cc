#include "dpu/sidecar/version_slots.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace outrigger::agent {

namespace {

namespace fs = std::filesystem;

constexpr char kFile[] = "/versions";  // current, previous, instead_of, wanted and given_up, a line each
constexpr char kPrefix[] = "v-";       // of a version's folder
constexpr size_t kInstalled = 5;

}  // namespace

VersionSlots::VersionSlots(std::string folder) : folder_(std::move(folder)) {
  std::ifstream file(folder_ + kFile);
  for (std::string* line : {&current_, &previous_, &instead_of_, &wanted_, &given_up_})
    std::getline(file, *line);
  if (wanted_.empty()) wanted_ = instead_of_.empty() ? current_ : instead_of_;
}

absl::StatusOr<bool> VersionSlots::use(const manifest::Service& service, NewVersion how) {
  const std::string& version = service.version;
  const bool written = is_bundle_of(service, at(version));
  if (written && version == wanted_ && !current_.empty()) return false;
  std::error_code failure;
  fs::create_directories(folder_, failure);
  fs::permissions(folder_, fs::perms(0700), failure);
  if (!written) {
    if (absl::Status status = write_bundle(service, at(version)); !status.ok()) return status;
  }
  wanted_ = version;
  instead_of_.clear();
  given_up_.clear();
  const bool used = version != current_ && (current_.empty() || how == NewVersion::kUsed);
  const bool changed = used || (version == current_ && !written);
  if (used) put(version);
  prune();
  if (absl::Status status = keep(); !status.ok()) return status;
  return changed;
}

void VersionSlots::put(const std::string& version) {
  previous_ = std::exchange(current_, version);
  instead_of_ = version == wanted_ ? "" : wanted_;
}

absl::Status VersionSlots::use_version(const std::string& version) {
  if (absl::Status status = find(version).status(); !status.ok()) return status;
  given_up_.clear();
  if (version == current_) {  // also a word: the one that waits is not wanted
    instead_of_ = version == wanted_ ? "" : wanted_;
  } else {
    put(version);
  }
  return keep();
}

absl::Status VersionSlots::use_previous() {
  if (previous_.empty()) return absl::FailedPreconditionError("there is no version before it");
  if (previous_ == given_up_)
    return absl::FailedPreconditionError(
        absl::StrCat("version ", previous_, ", the one before, was given up itself"));
  if (absl::Status status = find(previous_).status(); !status.ok()) return status;
  given_up_ = current_;
  put(std::string(previous_));
  return keep();
}

absl::StatusOr<BundleInfo> VersionSlots::find(const std::string& version) const {
  absl::StatusOr<BundleInfo> info = absl::NotFoundError("");
  const std::vector<std::string> all = installed();
  if (std::find(all.begin(), all.end(), version) != all.end()) info = read_bundle(at(version));
  if (info.ok() || !absl::IsNotFound(info.status())) return info;
  return absl::NotFoundError(absl::StrCat("version ", version,
                                          " is not installed: apply a contract that names it",
                                          "; installed are ", absl::StrJoin(all, ", ")));
}

std::string VersionSlots::waiting() const {
  return current_.empty() || wanted_ == current_ || wanted_ == instead_of_ ? "" : wanted_;
}

std::vector<std::string> VersionSlots::installed() const {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && !name.ends_with(".new"))
      found.emplace_back(entry.last_write_time(ignored), name.substr(sizeof(kPrefix) - 1));
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> out;
  for (auto& [time, version] : found) out.push_back(std::move(version));
  return out;
}

void VersionSlots::prune() const {
  std::vector<std::string> all = installed();
  std::stable_partition(all.begin(), all.end(), [this](const std::string& version) {
    return version == current_ || version == previous_ || version == wanted_;
  });
  std::error_code ignored;
  for (size_t i = kInstalled; i < all.size(); ++i) fs::remove_all(at(all[i]), ignored);
}

absl::Status VersionSlots::keep() const {
  const std::string path = folder_ + kFile;
  const std::string aside = path + ".new";
  std::ofstream file(aside, std::ios::trunc);
  file << absl::StrJoin({current_, previous_, instead_of_, wanted_, given_up_}, "\n") << '\n';
  file.close();
  std::error_code failure;
  if (file) fs::rename(aside, path, failure);
  return file && !failure ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

}  // namespace outrigger::agent
