// Records and incidents as a person reads them.  What a line holds was told by hosts, guests and programs: no
// byte of it may reach the terminal as a command.
#pragma once

#include <ostream>
#include <string>

#include "outrigger/v1/journal.pb.h"

namespace outrigger::cli {

// Control characters as \xNN; text stays.
std::string harmless(const std::string& text);

struct LogStyle {
  bool colour = false;
  bool nodes = false;  // a column for the node
};

void print_log_heading(std::ostream& out, const LogStyle& style);
void print_log(std::ostream& out, const v1::LogRecord& record, const std::string& node,
               const LogStyle& style);

// "12 ms", "3.4 s", "-" when it is not known.
std::string milliseconds(double value);

// The incident and what follows from it, each with its evidence and times; `list` as the daemon gives it for
// one id.
void print_incident_tree(std::ostream& out, const v1::IncidentList& list, const LogStyle& style);
// How deep under its cause the incident at `index` stands in the list.
int depth(const v1::IncidentList& list, int index);

}  // namespace outrigger::cli
