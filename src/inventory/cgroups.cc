#include "inventory/cgroups.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "procfs/folder.h"

namespace outrigger::inventory {

namespace {

using Fields = std::vector<absl::string_view>;

Fields words_of(std::string_view text) {
  return absl::StrSplit(absl::string_view(text.data(), text.size()), absl::ByAnyChar(" \t\n"),
                        absl::SkipEmpty());
}

std::optional<double> limit_v1(const std::string& folder) {
  const auto quota = procfs::read_file(absl::StrCat(folder, "/cpu.cfs_quota_us"), 64);
  const auto period = procfs::read_file(absl::StrCat(folder, "/cpu.cfs_period_us"), 64);
  double most = 0, of = 0;
  if (!quota.ok() || !period.ok() || !absl::SimpleAtod(*quota, &most) || !absl::SimpleAtod(*period, &of))
    return std::nullopt;
  return most > 0 && of > 0 ? std::optional(most / of) : std::nullopt;
}

std::optional<double> limit_v2(const std::string& folder) {
  const auto text = procfs::read_file(absl::StrCat(folder, "/cpu.max"), 64);
  return text.ok() ? parse_cpu_max(*text) : std::nullopt;
}

// The least of a group's and of all above it.
template <typename Limit>
std::optional<double> least(const std::string& mount, std::string path, Limit limit) {
  std::optional<double> found;
  while (!path.empty() && path != "/") {
    if (const auto one = limit(mount + path)) found = std::min(found.value_or(*one), *one);
    path.resize(path.rfind('/') == path.npos ? 0 : path.rfind('/'));
  }
  return found;
}

}  // namespace

Cgroups::Cgroups(const std::string& root) {
  const auto mounts = procfs::read_file(absl::StrCat(root, "/self/mounts"));
  if (!mounts.ok()) return;
  for (const absl::string_view line : absl::StrSplit(*mounts, '\n')) {
    const Fields fields = words_of({line.data(), line.size()});  // device, point, type, options, ...
    if (fields.size() < 4) continue;
    if (fields[2] == "cgroup2" && unified_.empty()) unified_ = std::string(fields[1]);
    if (fields[2] != "cgroup" || !cpu_.empty()) continue;
    const Fields options = absl::StrSplit(fields[3], ',');
    if (std::find(options.begin(), options.end(), "cpu") != options.end()) cpu_ = std::string(fields[1]);
  }
}

std::optional<double> Cgroups::cpu_limit(const procfs::Process& process) const {
  const bool v1 = !process.cpu_cgroup.empty() && !cpu_.empty();
  const std::string& path = v1 ? process.cpu_cgroup : process.cgroup;
  const auto [known, fresh] = limits_.try_emplace(path);
  if (fresh) known->second = v1 ? least(cpu_, path, limit_v1) : least(unified_, path, limit_v2);
  return known->second;
}

std::optional<Pressure> Cgroups::pressure(const std::string& cgroup) const {
  if (unified_.empty() || cgroup.empty() || cgroup == "/") return std::nullopt;
  const auto share = [&](const char* of) -> std::optional<double> {
    const auto text = procfs::read_file(absl::StrCat(unified_, cgroup, "/", of, ".pressure"), 4096);
    return text.ok() ? parse_avg60(*text) : std::nullopt;
  };
  const auto cpu = share("cpu");
  if (!cpu) return std::nullopt;
  return Pressure{*cpu, share("memory").value_or(0), share("io").value_or(0)};
}

std::optional<double> parse_cpu_max(std::string_view text) {
  const Fields fields = words_of(text);
  double most = 0, of = 0;
  if (fields.size() != 2 || !absl::SimpleAtod(fields[0], &most) || !absl::SimpleAtod(fields[1], &of))
    return std::nullopt;
  return most > 0 && of > 0 ? std::optional(most / of) : std::nullopt;
}

std::optional<double> parse_avg60(std::string_view text) {
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    const Fields fields = words_of({line.data(), line.size()});
    if (fields.empty() || fields[0] != "some") continue;
    for (absl::string_view field : fields) {
      double percent = 0;
      if (absl::ConsumePrefix(&field, "avg60=") && absl::SimpleAtod(field, &percent) && percent >= 0)
        return std::min(percent, 100.0) / 100;
    }
  }
  return std::nullopt;
}

}  // namespace outrigger::inventory
