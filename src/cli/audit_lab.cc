#include "cli/audit_lab.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "audit/place.h"
#include "audit/probe.h"
#include "dpu/secure/pki.h"
#include "lab/current.h"
#include "lab/host_side.h"
#include "lab/names.h"
#include "lab/state.h"

namespace outrigger::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::array<uint16_t, 9> kPorts = {8080, 80, 443, 6379, 5432, 5201, 7000, 9090, 22};
constexpr size_t kMostPairs = 64;
constexpr int kDialTries = 5;

using Arguments = std::vector<std::string>;

void add(Arguments& arguments, const std::string& option, const std::string& value) {
  arguments.push_back(option);
  arguments.push_back(value);
}

std::string guest(const lab::PlannedEndpoint& endpoint) { return guest_now(endpoint.netns); }

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
  // Both ends on one node: whoever carries its traffic is alone in denying.
  [[nodiscard]] bool judged_here() const { return denied.port != 0 && denied.from->node == denied.to->node; }
  [[nodiscard]] int worth() const {
    return (allowed.port != 0 ? 8 : 0) + (denied.port != 0 ? 4 : 0) + (judged_here() ? 2 : 0) +
           (allowed.port != 0 && near(*allowed.from, *allowed.to) ? 1 : 0);
  }
};

// What connects and what does not, tried with somebody listening on each port.  Nothing, where nothing does.
Pair dial(const lab::PlannedEndpoint& from, const lab::PlannedEndpoint& to) {
  std::vector<std::unique_ptr<audit::EchoServer>> servers;
  for (const uint16_t port : kPorts) {
    auto server = audit::EchoServer::listen(absl::StrCat("/run/netns/", to.netns), port);
    if (server.ok()) servers.push_back(*std::move(server));  // else a program of the guest's listens there
  }
  absl::StatusOr<audit::Scan> found;
  for (int i = 0; i < kDialTries && (i == 0 || (found.ok() && found->open.empty()));
       ++i)  // who is where is asked first
    found = audit::scan(absl::StrCat("/run/netns/", from.netns), *IpAddress::parse(v4_of(to)), kPorts,
                        audit::Milliseconds(2000));
  Pair pair;
  if (!found.ok() || found->open.empty()) return pair;
  for (const uint16_t port : kPorts) {
    const bool open = std::find(found->open.begin(), found->open.end(), port) != found->open.end();
    Way& way = open ? pair.allowed : pair.denied;
    if (way.port == 0) way = {&from, &to, port};
  }
  return pair;
}

// A DPU that does not carry cannot say of all flows what policy does with them.
Pair ask(Api& api, const lab::PlannedEndpoint& from, const lab::PlannedEndpoint& to) {
  Pair found;
  for (const uint16_t port : kPorts) {
    v1::ExplainRequest request;
    request.set_source(from.name);
    request.set_destination(to.name);
    request.set_protocol("tcp");
    request.set_port(port);
    const auto why = api.explain(request);
    const bool allowed = why.ok() && why->verdict() == "allow";
    if (!why.ok() || (!allowed && !absl::StartsWith(why->reason(), "policy"))) return dial(from, to);
    Way& way = allowed ? found.allowed : found.denied;
    if (way.port == 0) way = {&from, &to, port};
  }
  return found;
}

using Choice = std::function<bool(const lab::PlannedEndpoint& from, const lab::PlannedEndpoint& to)>;

std::vector<Pair> ask_all(Api& api, const lab::Plan& plan, const Choice& wanted) {
  std::vector<Pair> all;
  for (const lab::PlannedEndpoint& from : plan.endpoints) {
    for (const lab::PlannedEndpoint& to : plan.endpoints) {
      const bool pair = &from != &to && from.vni == to.vni && !v4_of(from).empty() && !v4_of(to).empty();
      if (pair && all.size() < kMostPairs && wanted(from, to)) all.push_back(ask(api, from, to));
    }
  }
  return all;
}

// The best pair from an endpoint of the node; what it does not deny, another pair from there may.
Pair find_pair(Api& api, const lab::Plan& plan, const std::string& node) {
  const std::vector<Pair> all =
      ask_all(api, plan, [&](const auto& from, const auto&) { return from.node == node && !from.plain; });
  Pair best;
  for (const Pair& one : all) {
    if (one.worth() > best.worth()) best = one;
  }
  const auto other = std::find_if(all.begin(), all.end(), [&](const Pair& one) {
    return one.denied.port != 0 && one.denied.from == best.allowed.from;
  });
  if (best.denied.port == 0 && other != all.end()) best.denied = other->denied;
  return best;
}

// Where the node's endpoints may send what they like, policy is about what is sent to them.
Pair find_inbound(Api& api, const lab::Plan& plan, const std::string& node) {
  const std::vector<Pair> all =
      ask_all(api, plan, [&](const auto&, const auto& to) { return to.node == node && !to.plain; });
  const auto found = std::find_if(
      all.begin(), all.end(), [](const Pair& one) { return one.allowed.port != 0 && one.denied.port != 0; });
  return found == all.end() ? Pair{} : *found;
}

void add_denied(Arguments& arguments, const Way& denied) {
  add(arguments, "--denied", absl::StrCat(v4_of(*denied.to), ":", denied.port));
  add(arguments, "--denied-at", guest(*denied.to));
}

void add_guests(Arguments& arguments, Api& api, const lab::Plan& plan, const std::string& node) {
  const Pair pair = find_pair(api, plan, node);
  const Way& any = pair.allowed.port != 0 ? pair.allowed : pair.denied;
  if (any.port != 0) add(arguments, "--endpoint", guest(*any.from));
  if (pair.allowed.port != 0) {
    add(arguments, "--peer", guest(*pair.allowed.to));
    add(arguments, "--allowed", absl::StrCat("tcp:", pair.allowed.port));
  }
  if (pair.denied.port != 0) return add_denied(arguments, pair.denied);
  const Pair inbound = find_inbound(api, plan, node);
  if (inbound.denied.port == 0) return;
  add_denied(arguments, inbound.denied);
  add(arguments, "--denied-from", guest(*inbound.denied.from));
  add(arguments, "--denied-open", absl::StrCat(inbound.allowed.port));
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
  // A plain node has no DPU, and its kernel believes every tunnel packet: that is no boundary to try.
  for (const lab::PlannedNode& one : plan.nodes) {
    if (one.kind != manifest::Node::Kind::kDpu) continue;
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

// While the host carries its traffic, a guest has its addresses on another device.
std::string guest_now(const std::string& netns) {
  const std::string by_host = absl::StrCat(netns, "/", lab::kFallbackDevice);
  return audit::open_guest(by_host).ok() ? by_host : absl::StrCat(netns, "/eth0");
}

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
  add_guests(place.arguments, *context.connect(socket->path), *plan, chosen->name);
  add_topology(place.arguments, *plan, *chosen);
  if (chosen->fallback.empty()) return place;
  const lab::HostSide host = lab::host_side(state, *chosen);
  place.netns = absl::StrCat("/run/netns/", host.netns);
  add(place.arguments, "--netns-prefix", absl::StrCat(lab::prefix(lab), "fb.", chosen->name, "."));
  add_closed(place.arguments, state.desired());
  add_apis(place.arguments, state);
  const absl::Status status = add_link(place.arguments, state, host);
  return status.ok() ? absl::StatusOr<AuditPlace>(std::move(place)) : status;
}

}  // namespace outrigger::cli
