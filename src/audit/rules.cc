#include "audit/rules.h"

#include <stdlib.h>

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "host/bundle.h"
#include "host/command.h"

namespace outrigger::audit {
namespace {

constexpr size_t kShown = 6;

// "table inet outrigger" a line.
absl::StatusOr<std::vector<RuleTable>> tables_in(const std::string& netns) {
  const auto listed = host::run(netns, {"nft", "list", "tables"});
  if (!listed.ok()) return listed.status();
  std::vector<RuleTable> found;
  for (absl::string_view line : absl::StrSplit(*listed, '\n', absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&line, "table ")) found.push_back({netns, std::string(line)});
  }
  return found;
}

bool is_ours(const RuleTable& table) { return absl::StrContains(table.name, " outrigger"); }

std::vector<std::string> words(const std::string& verb, const RuleTable& table) {
  std::vector<std::string> argv = {"nft", verb, "table"};
  for (const absl::string_view word : absl::StrSplit(table.name, ' ')) argv.emplace_back(word);
  return argv;
}

std::string enter(const std::string& netns) {
  return netns.empty() ? "" : absl::StrCat("nsenter --net=", quoted(netns), " ");
}

// Unless its namespace is gone, or somebody has made the table anew: that one may be newer.
std::string line_for(const RuleTable& table, const std::string& file) {
  const std::string here = enter(table.netns);
  return absl::StrCat(table.netns.empty() ? "" : absl::StrCat("[ ! -e ", quoted(table.netns), " ] || "), here,
                      "nft list table ", table.name, " >/dev/null 2>&1 || ", here, "nft -f ", quoted(file),
                      " || status=1\n");
}

// Could the kernel be given this again?  Asked of it, not done.
absl::Status may_be_put_back(const RuleTable& table, const std::string& text) {
  const absl::Status status =
      host::run(table.netns, {"nft", "-c", "-f", "-"}, absl::StrCat("delete table ", table.name, "\n", text))
          .status();
  if (status.ok()) return status;
  return absl::FailedPreconditionError(
      absl::StrCat(table.str(), " could not be put back: ", std::string(status.message())));
}

absl::StatusOr<std::string> save(const std::vector<RuleTable>& tables, const std::string& folder) {
  std::string script = "status=0\n";
  for (size_t i = 0; i < tables.size(); ++i) {
    const std::string file = absl::StrCat(folder, "/", i, ".nft");
    const auto text = host::run(tables[i].netns, words("list", tables[i]));
    if (!text.ok()) return text.status();
    if (absl::Status status = may_be_put_back(tables[i], *text); !status.ok()) return status;
    if (absl::Status status = host::write_file(file, *text); !status.ok()) return status;
    absl::StrAppend(&script, line_for(tables[i], file));
  }
  const std::string where = quoted(folder);
  return absl::StrCat(script, "[ $status = 0 ] && exec rm -rf ", where, "\necho 'outrigger: rules kept in '",
                      where, " 'could not be put back' >&2\nexit 1\n");
}

std::map<std::string, std::vector<RuleTable>> by_netns(const std::vector<RuleTable>& tables) {
  std::map<std::string, std::vector<RuleTable>> all;
  for (const RuleTable& one : tables) all[one.netns].push_back(one);
  return all;
}

// Those of `tables` that are there.
absl::StatusOr<std::vector<RuleTable>> present(const std::string& netns,
                                               const std::vector<RuleTable>& tables) {
  auto now = tables_in(netns);
  if (!now.ok()) return now;
  std::erase_if(*now, [&](const RuleTable& one) {
    return std::none_of(tables.begin(), tables.end(),
                        [&](const RuleTable& other) { return other.name == one.name; });
  });
  return now;
}

}  // namespace

std::string RuleTable::str() const {
  return netns.empty() ? name : absl::StrCat(name, " in ", netns.substr(netns.rfind('/') + 1));
}

absl::StatusOr<std::vector<RuleTable>> rules_of_the_host(const std::string& prefix) {
  auto found = tables_in("");
  if (!found.ok()) return found;
  std::erase_if(*found, [](const RuleTable& one) { return !is_ours(one); });
  if (prefix.empty()) return found;  // begins every name
  for (const std::string& name : host::netns_names(prefix)) {
    const auto inside = tables_in(host::netns_path(name));
    if (!inside.ok()) return inside;
    found->insert(found->end(), inside->begin(), inside->end());
  }
  return found;
}

absl::StatusOr<TakenRules> TakenRules::take(std::vector<RuleTable> tables) {
  std::string folder = "/tmp/outrigger-audit-rules-XXXXXX";
  if (tables.empty()) return absl::FailedPreconditionError("there are no rules to take away");
  if (mkdtemp(folder.data()) == nullptr) return absl::ErrnoToStatus(errno, "cannot make a folder in /tmp");
  const auto script = save(tables, folder);
  auto back = script.ok() ? Afterwards::prepare(*script) : script.status();
  if (!back.ok()) {
    (void)host::run("", {"rm", "-rf", folder});
    return back.status();
  }
  TakenRules taken(std::move(tables), *std::move(back));
  if (absl::Status status = taken.take_again(); !status.ok()) return status;
  return taken;
}

absl::Status TakenRules::take_again() {
  for (const auto& [netns, tables] : by_netns(tables_)) {
    const auto there = present(netns, tables);
    if (!there.ok()) return there.status();
    std::string text;
    for (const RuleTable& one : *there) absl::StrAppend(&text, "delete table ", one.name, "\n");
    if (absl::Status status = host::nft(netns, text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool TakenRules::are_gone() const {
  const auto all = by_netns(tables_);
  return std::all_of(all.begin(), all.end(), [](const auto& entry) {
    const auto there = present(entry.first, entry.second);
    return there.ok() && there->empty();
  });
}

absl::Status TakenRules::put_back() {
  if (absl::Status status = back_.now(); !status.ok()) return status;
  for (const auto& [netns, tables] : by_netns(tables_)) {
    const auto there = present(netns, tables);
    if (!there.ok()) return there.status();
    if (there->size() < tables.size())
      return absl::InternalError(absl::StrCat("of ", tables.size(), " tables ", there->size(),
                                              " are back in ",
                                              netns.empty() ? "the host's own namespace" : netns));
  }
  return absl::OkStatus();
}

std::string TakenRules::str() const {
  std::vector<std::string> names;
  for (const RuleTable& one : tables_) names.push_back(one.str());
  const size_t more = names.size() > kShown ? names.size() - kShown : 0;
  names.resize(names.size() - more);
  return absl::StrCat(tables_.size(), " tables of rules (", absl::StrJoin(names, ", "),
                      more > 0 ? absl::StrCat(" and ", more, " more") : "", ")");
}

}  // namespace outrigger::audit
