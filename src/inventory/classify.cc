#include "inventory/classify.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace outrigger::inventory {

namespace {

constexpr std::array<std::string_view, 8> kInterpreters = {"python", "perl", "ruby", "node",
                                                           "java",   "bash", "sh",   "dash"};

std::string base_name(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == path.npos ? path : path.substr(slash + 1));
}

bool is_interpreter(const std::string& program) {
  return std::any_of(kInterpreters.begin(), kInterpreters.end(), [&](std::string_view one) {
    if (program.compare(0, one.size(), one) != 0) return false;
    return program.find_first_not_of("0123456789.", one.size()) == program.npos;  // python3.11
  });
}

bool is_shell(const std::string& program) {
  return program == "bash" || program == "sh" || program == "dash";
}

// What an interpreter runs; "" when that is words of a command line (sh -c "...") or comes from elsewhere.
std::string script_of(const std::vector<absl::string_view>& words) {
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "-c" || words[i] == "-e") return "";
    const bool passed = absl::StartsWith(words[i], "/dev/fd/") || absl::StartsWith(words[i], "/proc/");
    if (words[i][0] != '-') return passed ? "" : base_name(words[i]);
  }
  return "";
}

void add_new(std::string word, std::vector<std::string>& to) {
  if (!word.empty() && std::find(to.begin(), to.end(), word) == to.end()) to.push_back(std::move(word));
}

// One condition: true when nothing is asked, or when it holds; then `why` says by what.
bool holds(const char* what, const Patterns& asked, const std::vector<std::string>& words, std::string& why) {
  if (asked.empty()) return true;
  const std::string* found = asked.match(words);
  if (found != nullptr) absl::StrAppend(&why, why.empty() ? "" : ", ", what, " ", *found);
  return found != nullptr;
}

bool holds(const Rule& rule, const Subject& subject, std::string& why) {
  if (rule.privileged && *rule.privileged != subject.privileged) return false;
  return holds("program", rule.program, subject.programs, why) &&
         holds("unit", rule.unit, {subject.unit}, why) &&
         holds("command line", rule.line, {subject.line}, why) &&
         holds("socket", rule.socket, subject.sockets, why) && holds("eBPF", rule.bpf, subject.bpf, why) &&
         holds("table", rule.table, subject.tables, why);
}

}  // namespace

void Patterns::add(std::string pattern) {
  const bool wild = pattern.find_first_of("*?[") != pattern.npos;
  all_.push_back({std::move(pattern), wild});
}

const std::string* Patterns::match(const std::vector<std::string>& words) const {
  for (const One& one : all_) {
    for (const std::string& word : words) {
      if (one.wild ? ::fnmatch(one.text.c_str(), word.c_str(), 0) == 0 : one.text == word) return &word;
    }
  }
  return nullptr;
}

std::optional<Match> classify(const Subject& subject, const std::vector<Rule>& rules) {
  for (size_t i = 0; i < rules.size(); ++i) {
    std::string why;
    if (!holds(rules[i], subject, why)) continue;
    return Match{i, absl::StrCat("rule \"", rules[i].name, "\"", why.empty() ? "" : ": ", why)};
  }
  return std::nullopt;
}

std::vector<std::string> programs_of(const std::string& name, const std::string& program,
                                     const std::string& line) {
  const std::string executable = base_name(absl::StripSuffix(program, " (deleted)"));
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  // "nginx: master process ..." is a title that the program gave itself.
  const std::string called = words.empty() ? "" : base_name(absl::StripSuffix(words[0], ":"));
  std::vector<std::string> found;
  if (is_interpreter(executable)) add_new(script_of(words), found);
  // A script is not the shell that runs it.
  if (!found.empty() && is_shell(executable)) return found;
  // One executable may go by several names (redis-check-rdb is redis-server, too); the kernel keeps 15 bytes
  // of the one that it was started by.
  if (!name.empty() && absl::StartsWith(called, name)) add_new(called, found);
  add_new(executable, found);
  add_new(called, found);
  add_new(name, found);
  return found;
}

}  // namespace outrigger::inventory
