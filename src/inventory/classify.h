// What a service is for, by rules that people can read and change: known programs by name, unknown ones by
// what they do.  The first rule that holds decides.  Built-in rules are src/inventory/rules.yaml.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "offload/inventory.h"

namespace outrigger::inventory {

// One word or several with * and ?; none: holds always.
class Patterns {
 public:
  void add(std::string pattern);
  [[nodiscard]] bool empty() const { return all_.empty(); }
  // The first of `words` that one of the patterns matches.
  [[nodiscard]] const std::string* match(const std::vector<std::string>& words) const;

 private:
  struct One {
    std::string text;
    bool wild;
  };
  std::vector<One> all_;
};

struct Rule {
  std::string name;
  // Conditions: all that are given hold.
  Patterns program;             // of its executable, its command or the script that it runs, without folders
  Patterns unit, line;          // systemd's; the command line
  Patterns socket, bpf, table;  // one of those that it has
  std::optional<bool> privileged;
  // What follows.
  std::string task;
  bool latency_sensitive = false;
  std::string traffic_locality = "none";
  Patterns owns;  // tables of the kernel that are its work, where it runs
  offload::Service::Contract contract;
};

// Fields: rules (name, program, unit, line, socket, bpf, table, privileged, task, latencySensitive,
// trafficLocality, owns, contract).  InvalidArgument, every fault with its line.
absl::StatusOr<std::vector<Rule>> parse_rules(std::string_view yaml, const std::string& file);
std::string_view builtin_rules_text();
const std::vector<Rule>& builtin_rules();

// What rules may ask about.
struct Subject {
  std::vector<std::string> programs;
  std::string unit, line;
  std::vector<std::string> sockets, bpf, tables;
  bool privileged = false;
};

struct Match {
  size_t rule = 0;  // index
  std::string why;  // "rule \"FRR\": program bgpd"
};
std::optional<Match> classify(const Subject& subject, const std::vector<Rule>& rules);

// Names to know a process by: its executable's, its command's, and what an interpreter runs.
std::vector<std::string> programs_of(const std::string& name, const std::string& program,
                                     const std::string& line);

}  // namespace outrigger::inventory
