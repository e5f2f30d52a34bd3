#include "cli/audit_lab.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "dpu/secure/pki.h"
#include "lab/current.h"
#include "lab/host_side.h"
#include "lab/state.h"

namespace outrigger::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::array<uint16_t, 8> kPorts = {8080, 80, 443, 6379, 5432, 7000, 9090, 22};
constexpr size_t kMostPairs = 64;

using Arguments = std::vector<std::string>;

void add(Arguments& arguments, const std::string& option, const std::string& value) {
  arguments.push_back(option);
  arguments.push_back(value);
}

std::string guest(const lab::PlannedEndpoint& endpoint) { return absl::StrCat(endpoint.netns, "/eth0"); }

std::string v4_of(const lab::PlannedEndpoint& endpoint) {
  for (const std::string& text : endpoint.addresses) {
    const auto address = IpAddress::parse(text.substr(0, text.find('/')));
    if (address && address->is_v4()) return address->str();
  }
  return "";
}

bool near(const lab::PlannedEndpoint& a, const lab::PlannedEndpoint& b) {
  return v4_of(a).substr(0, v4_of(a).rfind('.')) == v4_of(b).substr(0, v4_of(b).rfind('.'));
}

struct Way {
  const lab::PlannedEndpoint* from = nullptr;
  const lab::PlannedEndpoint* to = nullptr;
  uint16_t port = 0;
};

// One pair of guests, tried with every port: the first that is allowed, the first that is denied.
struct Pair {
  Way allowed, denied;
  [[nodiscard]] int worth() const {
    return (allowed.port != 0 ? 4 : 0) + (denied.port != 0 ? 2 : 0) +
           (allowed.port != 0 && near(*allowed.from, *allowed.to) ? 1 : 0);
  }
};

Pair ask(Api& api, const lab::PlannedEndpoint& from, const lab::PlannedEndpoint& to) {
  Pair found;
  for (const uint16_t port : kPorts) {
    v1::ExplainRequest request;
    request.set_source(from.name);
    request.set_destination(to.name);
    request.set_protocol("tcp");
    request.set_port(port);
    const auto why = api.explain(request);
    if (!why.ok()) continue;
    Way& way = why->verdict() == "allow" ? found.allowed : found.denied;
    if (way.port == 0) way = {&from, &to, port};
  }
  return found;
}

// The best pair from an endpoint of the node; what it does not deny, another pair from there may.
Pair find_pair(Api& api, const lab::Plan& plan, const std::string& node) {
  Pair best;
  std::vector<Pair> all;
  for (const lab::PlannedEndpoint& from : plan.endpoints) {
    if (from.node != node || from.plain || v4_of(from).empty()) continue;
    for (const lab::PlannedEndpoint& to : plan.endpoints) {
      if (&from == &to || from.vni != to.vni || v4_of(to).empty() || all.size() >= kMostPairs) continue;
      all.push_back(ask(api, from, to));
      if (all.back().worth() > best.worth()) best = all.back();
    }
  }
  const auto other = std::find_if(all.begin(), all.end(), [&](const Pair& one) {
    return one.denied.port != 0 && one.denied.from == best.allowed.from;
  });
  if (best.denied.port == 0 && other != all.end()) best.denied = other->denied;
  return best;
}

void add_guests(Arguments& arguments, const Pair& pair) {
  const Way& any = pair.allowed.port != 0 ? pair.allowed : pair.denied;
  if (any.port == 0) return;
  add(arguments, "--endpoint", guest(*any.from));
  if (pair.allowed.port != 0) {
    add(arguments, "--peer", guest(*pair.allowed.to));
    add(arguments, "--allowed", absl::StrCat("tcp:", pair.allowed.port));
  }
  if (pair.denied.port == 0) return;
  add(arguments, "--denied", absl::StrCat(v4_of(*pair.denied.to), ":", pair.denied.port));
  add(arguments, "--denied-at", guest(*pair.denied.to));
}

// Certificates that an intruder may have come by: of another role, and of another host.
absl::Status add_certificates(Arguments& arguments, const lab::State& state, const std::string& pki) {
  const std::string folder = state.folder() + "/audit";
  std::error_code error;
  fs::create_directories(folder, error);
  fs::permissions(folder, fs::perms::owner_all, error);
  for (const char* file : {"ca.crt", "ca.key"}) {
    fs::copy_file(absl::StrCat(pki, "/", file), absl::StrCat(folder, "/", file),
                  fs::copy_options::overwrite_existing, error);
    if (error)
      return absl::InternalError(absl::StrCat("cannot copy ", pki, "/", file, ": ", error.message()));
  }
  auto authority = secure::Pki::open(folder);
  if (!authority.ok()) return authority.status();
  const auto role =
      authority->issue({secure::Role::kOperator, "intruder", {}, absl::Hours(1)}, secure::Overwrite::kYes);
  const auto host =
      authority->issue({secure::Role::kHost, "elsewhere", {}, absl::Hours(1)}, secure::Overwrite::kYes);
  fs::remove(folder + "/ca.key", error);
  if (!role.ok() || !host.ok()) return role.ok() ? host.status() : role.status();
  add(arguments, "--wrong-role", role->path);
  add(arguments, "--stolen", host->path);
  return absl::OkStatus();
}

absl::Status add_link(Arguments& arguments, const lab::State& state, const lab::HostSide& host) {
  add(arguments, "--link", host.link);
  add(arguments, "--cert", host.leaf);
  add(arguments, "--ca", host.pki + "/ca.crt");
  add(arguments, "--bundle-key", host.pki + "/bundle.pub");
  const std::string self = fs::read_symlink("/proc/self/exe");
  add(arguments, "--restart-agent", absl::StrCat("'", self, "' lab up --name ", state.lab()));
  return add_certificates(arguments, state, host.pki);
}

// Built-in services whose contract in force does not name the host.
void add_closed(Arguments& arguments, const std::string& desired) {
  const auto documents = lab::documents_of(desired, "the desired state");
  if (!documents.ok()) return;
  for (const manifest::Document& one : *documents) {
    const auto* service = std::get_if<manifest::Service>(&one.object);
    if (service == nullptr) continue;
    const auto& ways = service->fallback;
    if (std::find(ways.begin(), ways.end(), manifest::Service::Fallback::kHost) == ways.end())
      add(arguments, "--closed", service->meta.name);
  }
}

void add_topology(Arguments& arguments, const lab::Plan& plan, const lab::PlannedNode& node) {
  for (const IpAddress& address : node.underlay) add(arguments, "--dpu-address", address.str());
  for (const lab::PlannedNode& one : plan.nodes) {
    for (const IpAddress& address : one.underlay) add(arguments, "--underlay", address.str());
  }
  for (const lab::PlannedNetwork& network : plan.networks) add(arguments, "--vni", absl::StrCat(network.vni));
}

void add_apis(Arguments& arguments, const lab::State& state) {
  const auto options = state.options();
  if (!options.ok()) return;
  const auto& words = options->daemon_arguments;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "--listen") add(arguments, "--api", words[i + 1]);
  }
}

}  // namespace

absl::StatusOr<AuditPlace> audit_place(const Context& context, const std::string& lab,
                                       const std::string& node) {
  const lab::State state(lab);
  const auto plan = lab::current_plan(state, state.desired(), false);
  if (!plan.ok()) return plan.status();
  const auto sockets = lab::sockets(lab);
  if (!sockets.ok()) return sockets.status();
  const lab::PlannedNode* chosen = nullptr;
  const lab::NodeSocket* socket = nullptr;
  for (const lab::NodeSocket& one : *sockets) {
    const lab::PlannedNode* planned = plan->node(one.node);
    const bool better = chosen == nullptr || (chosen->fallback.empty() && !planned->fallback.empty());
    if (node.empty() ? better : one.node == node) chosen = planned, socket = &one;
  }
  if (chosen == nullptr)
    return absl::NotFoundError(absl::StrCat("lab \"", lab, "\" has no dpu node \"", node, "\""));
  AuditPlace place{.node = chosen->name};
  add(place.arguments, "--node", chosen->name);
  add(place.arguments, "--search", state.folder());
  place.arguments.emplace_back("--one-machine");
  add_guests(place.arguments, find_pair(*context.connect(socket->path), *plan, chosen->name));
  add_topology(place.arguments, *plan, *chosen);
  if (chosen->fallback.empty()) return place;
  const lab::HostSide host = lab::host_side(state, *chosen);
  place.netns = absl::StrCat("/run/netns/", host.netns);
  add_closed(place.arguments, state.desired());
  add_apis(place.arguments, state);
  const absl::Status status = add_link(place.arguments, state, host);
  return status.ok() ? absl::StatusOr<AuditPlace>(std::move(place)) : status;
}

}  // namespace outrigger::cli
