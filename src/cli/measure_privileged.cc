#include "cli/measure_privileged.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "inventory/take.h"
#include "offload/plan.h"

namespace outrigger::cli {

namespace {

constexpr size_t kMostNamed = 4;

// "uid 0, CAP_NET_ADMIN, the host's network, nftables inet filter"
std::string why(const offload::Privilege& held) {
  std::vector<std::string> words;
  if (held.uid == 0u) words.emplace_back("uid 0");
  for (const std::string& one : held.capabilities) words.push_back(absl::StrCat("CAP_", one));
  if (held.host_network) words.emplace_back("the host's network");
  if (held.host_pid) words.emplace_back("the host's processes");
  for (const std::string& one : held.bpf) words.push_back(absl::StrCat("eBPF ", one));
  words.insert(words.end(), held.tables.begin(), held.tables.end());
  const size_t more = words.size() > kMostNamed ? words.size() - kMostNamed : 0;
  words.resize(words.size() - more);
  return absl::StrCat(absl::StrJoin(words, ", "), more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

}  // namespace

absl::Status look_for_privileged(const std::vector<std::string>& networks, measure::Measurement& into) {
  inventory::TakeOptions options;
  if (absl::Status status = inventory::look_only_into(networks, options); !status.ok()) return status;
  options.look.skip = static_cast<uint32_t>(getpid());
  const auto inventory = inventory::take(options);
  if (!inventory.ok()) {
    into.notes.push_back(absl::StrCat("privileged services: ", std::string(inventory.status().message())));
    return absl::OkStatus();
  }
  auto& found = into.privileged.emplace();
  for (const offload::Service& one : inventory->services) {
    if (!one.privileged || one.task == "application") continue;
    found.push_back({one.name, one.task, offload::privilege_weight(one), why(one.privilege)});
  }
  for (const std::string& one : inventory->not_seen)
    into.notes.push_back(absl::StrCat("privileged services: not seen: ", one));
  return absl::OkStatus();
}

}  // namespace outrigger::cli
