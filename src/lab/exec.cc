#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lab/lab.h"
#include "lab/names.h"
#include "lab/netns.h"
#include "lab/process.h"

namespace outrigger::lab {
namespace {

// An endpoint goes before a node: a Kubernetes namespace may be called "node".
absl::StatusOr<std::string> find(const std::string& lab, const std::string& where) {
  const std::vector<std::string> present = namespaces(prefix(lab));
  const auto exists = [&](const std::string& netns) {
    return std::binary_search(present.begin(), present.end(), netns);
  };
  if (present.empty())
    return absl::NotFoundError(absl::StrCat("no lab \"", lab, "\": make one with `outrigger lab up`"));
  if (const std::string netns = endpoint_netns(lab, where); absl::StrContains(where, '/') && exists(netns))
    return netns;
  if (where == "fabric" && exists(fabric_netns(lab))) return fabric_netns(lab);
  if (absl::StartsWith(where, "node/")) {
    if (const std::string netns = node_netns(lab, where.substr(5)); exists(netns)) return netns;
  }
  std::string known;
  for (const std::string& netns : present) {
    if (const auto endpoint = endpoint_of(lab, netns)) absl::StrAppend(&known, " ", *endpoint);
  }
  return absl::NotFoundError(absl::StrCat("lab \"", lab, "\" has no \"", where, "\"; endpoints:", known,
                                          "; also node/NAME and fabric"));
}

}  // namespace

absl::Status exec(const std::string& name, const std::string& where, const std::vector<std::string>& argv) {
  if (absl::Status status = check_name(name); !status.ok()) return status;
  if (argv.empty())
    return absl::InvalidArgumentError("no program given: lab exec NAMESPACE/ENDPOINT -- PROGRAM ...");
  const absl::StatusOr<std::string> netns = find(name, where);
  if (!netns.ok()) return netns.status();
  std::vector<std::string> words = {"ip", "netns", "exec", *netns};
  words.insert(words.end(), argv.begin(), argv.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pin(absl::StartsWith(where, "node/") ? Side::kDpu : Side::kHost);
  execvp(pointers[0], pointers.data());
  return absl::FailedPreconditionError(absl::StrCat("cannot run ip: ", std::strerror(errno)));
}

}  // namespace outrigger::lab
