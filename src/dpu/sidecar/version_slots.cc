#include "dpu/sidecar/version_slots.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

namespace fs = std::filesystem;

constexpr char kFile[] = "/versions";  // current, previous and instead_of, a line each

}  // namespace

VersionSlots::VersionSlots(std::string folder) : folder_(std::move(folder)) {
  std::ifstream file(folder_ + kFile);
  std::getline(file, current_);
  std::getline(file, previous_);
  std::getline(file, instead_of_);
}

absl::StatusOr<bool> VersionSlots::use(const manifest::Service& service) {
  const std::string& version = service.version;
  if (version == instead_of_ && !current_.empty()) return false;
  const bool same_version = version == current_;
  if (same_version && is_bundle_of(service, at(version))) return false;
  std::error_code failure;
  fs::create_directories(folder_, failure);
  fs::permissions(folder_, fs::perms(0700), failure);
  if (absl::Status status = write_bundle(service, at(version)); !status.ok()) return status;
  if (!same_version) {
    if (!previous_.empty() && previous_ != version) fs::remove_all(at(previous_), failure);
    previous_ = std::exchange(current_, version);
  }
  instead_of_.clear();
  if (absl::Status status = keep(); !status.ok()) return status;
  return true;
}

absl::Status VersionSlots::use_previous() {
  if (previous_.empty()) return absl::FailedPreconditionError("there is no version before it");
  if (absl::Status status = read_bundle(at(previous_)).status(); !status.ok()) return status;
  std::swap(current_, previous_);
  instead_of_ = previous_;
  return keep();
}

absl::Status VersionSlots::keep() const {
  const std::string path = folder_ + kFile;
  std::ofstream file(path, std::ios::trunc);
  file << current_ << '\n' << previous_ << '\n' << instead_of_ << '\n';
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

}  // namespace outrigger::agent
