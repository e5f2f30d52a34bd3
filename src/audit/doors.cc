#include "audit/doors.h"

#include <algorithm>

namespace outrigger::audit {

std::vector<Endpoint> known_doors(const Settings& settings) {
  std::vector<Endpoint> doors;
  if (const auto link = parse_endpoint(settings.link)) doors.push_back(*link);
  for (const std::string& api : settings.apis) {
    if (const auto one = parse_endpoint(api)) doors.push_back(*one);
  }
  return doors;
}

std::vector<IpAddress> dpu_addresses(const Settings& settings) {
  std::vector<IpAddress> all = settings.dpu;
  if (const auto link = parse_endpoint(settings.link)) all.insert(all.begin(), link->address);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace outrigger::audit
