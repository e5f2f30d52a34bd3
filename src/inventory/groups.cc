#include "inventory/groups.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "inventory/classify.h"

namespace outrigger::inventory {

namespace {

constexpr size_t kDigest = 64;  // hex digits of a container's id

bool is_digest(absl::string_view text) {
  return text.size() == kDigest &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isxdigit(c); });
}

// "docker-<id>.scope", "cri-containerd-<id>.scope", "libpod-<id>", "<id>": the id; else "".
std::string container_of(absl::string_view part) {
  part = absl::StripSuffix(part, ".scope");
  const size_t dash = part.rfind('-');
  const absl::string_view id = dash == part.npos ? part : part.substr(dash + 1);
  return is_digest(id) ? std::string(id.substr(0, 12)) : "";
}

// A user's manager is a unit that holds whatever that user runs.
bool is_unit(absl::string_view part) {
  return absl::EndsWith(part, ".service") && !absl::StartsWith(part, "user@");
}

std::string program_of(const procfs::Process& process) {
  const auto names = programs_of(process.name, process.program, process.line);
  return names.empty() ? absl::StrCat("process ", process.pid) : names.front();
}

struct Place {
  std::string key;  // processes of one key are one service
  Group group;      // without members
};

Place place_of(const procfs::Process& process, uint64_t own_network) {
  if (process.kernel) return {"kernel", {.name = "kernel threads", .kernel = true}};
  const Home home = home_of(process.cgroup);
  if (!home.unit.empty()) {
    const std::string name(absl::StripSuffix(home.unit, ".service"));
    return {absl::StrCat("unit ", home.path), {.name = name, .unit = home.unit, .cgroup = home.path}};
  }
  const std::string program = program_of(process);
  if (!home.container.empty()) {
    return {absl::StrCat("container ", home.path),
            {.name = absl::StrCat(program, " in container ", home.container), .cgroup = home.path}};
  }
  const uint64_t network = process.net_namespace;
  const bool elsewhere = network != 0 && own_network != 0 && network != own_network;
  return {absl::StrCat("program ", elsewhere ? network : 0, " ", program),
          {.name = elsewhere ? absl::StrCat(program, " in network ", network) : program}};
}

void name_apart(std::vector<Group>& groups) {
  std::map<std::string, uint32_t> used;
  for (Group& one : groups) {
    while (used[one.name]++ != 0) absl::StrAppend(&one.name, " #", used[one.name]);
  }
}

}  // namespace

Home home_of(std::string_view cgroup) {
  Home home;
  size_t from = 0;
  while (from < cgroup.size()) {
    const size_t slash = std::min(cgroup.find('/', from), cgroup.size());
    const std::string part(cgroup.substr(from, slash - from));
    const std::string container = container_of(part);
    if (!container.empty() || is_unit(part))
      home = {is_unit(part) ? part : "", container, std::string(cgroup.substr(0, slash))};
    from = slash + 1;
  }
  return home;
}

std::vector<Group> group(const Look& look) {
  std::vector<Group> groups;
  std::map<std::string, size_t> by_key;
  for (const Seen& one : look.processes) {
    Place place = place_of(one.process, look.net_namespace);
    const auto [at, fresh] = by_key.try_emplace(std::move(place.key), groups.size());
    if (fresh) groups.push_back(std::move(place.group));
    groups[at->second].members.push_back(&one);
  }
  name_apart(groups);
  return groups;
}

}  // namespace outrigger::inventory
