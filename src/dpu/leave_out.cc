#include "dpu/leave_out.h"

#include <cctype>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

using engine::v1::Endpoint;
using engine::v1::Port;
using engine::v1::Structure;

// As engines name it: port "tap,iface=ep3", or port 3.
bool names(const std::string& error, const Port& port) {
  if (!port.device().empty() && absl::StrContains(error, absl::StrCat("\"", port.device(), "\"")))
    return true;
  const std::string number = absl::StrCat("port ", port.id());
  for (size_t at = error.find(number); at != std::string::npos; at = error.find(number, at + 1)) {
    const size_t end = at + number.size();
    if (end == error.size() || std::isdigit(static_cast<unsigned char>(error[end])) == 0) return true;
  }
  return false;
}

template <typename List, typename Matches>
int find(const List& list, Matches matches) {
  for (int i = 0; i < list.size(); ++i) {
    if (matches(list[i])) return i;
  }
  return -1;
}

int port_named(const std::string& error, const Structure& structure) {
  return find(structure.ports(),
              [&](const Port& port) { return port.role() == Port::ENDPOINT && names(error, port); });
}

int endpoint_on(uint32_t port, const Structure& structure) {
  return find(structure.endpoints(), [&](const Endpoint& endpoint) {
    return endpoint.place_case() == Endpoint::kPort && endpoint.port() == port;
  });
}

}  // namespace

std::string leave_out(const std::string& error, const Snapshot& last_good, compiler::Compiled& compiled) {
  Structure& now = compiled.structure;
  const int port = port_named(error, now);
  if (port < 0) return "";
  const uint32_t id = now.ports(port).id();
  const int endpoint = endpoint_on(id, now);
  if (endpoint < 0) return "";
  const std::string name = now.endpoints(endpoint).name();
  const Structure& before = last_good.compiled.structure;
  const int old_port = find(before.ports(), [&](const Port& one) { return one.id() == id; });
  const int old_endpoint = endpoint_on(id, before);
  const bool as_before = last_good.in_force && old_port >= 0 && old_endpoint >= 0 &&
                         before.endpoints(old_endpoint).name() == name &&
                         before.ports(old_port).device() != now.ports(port).device();
  if (as_before) {
    *now.mutable_ports(port) = before.ports(old_port);
    *now.mutable_endpoints(endpoint) = before.endpoints(old_endpoint);
  } else {
    now.mutable_ports()->DeleteSubrange(port, 1);
    now.mutable_endpoints()->DeleteSubrange(endpoint, 1);
  }
  return name;
}

}  // namespace outrigger::agent
