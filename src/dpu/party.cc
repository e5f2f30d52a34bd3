#include "dpu/party.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

std::vector<const manifest::Endpoint*> endpoints(const Snapshot& snapshot) {
  std::vector<const manifest::Endpoint*> all;
  for (auto at = snapshot.objects.lower_bound({"Endpoint", "", ""});
       at != snapshot.objects.end() && at->first.kind == "Endpoint"; ++at) {
    all.push_back(std::get_if<manifest::Endpoint>(&at->second->document.object));
  }
  return all;
}

std::string full_name(const manifest::Endpoint& endpoint) {
  return absl::StrCat(endpoint.meta.ns, "/", endpoint.meta.name);
}

std::string list(const std::vector<const manifest::Endpoint*>& some) {
  std::string text;
  for (const manifest::Endpoint* one : some)
    absl::StrAppend(&text, text.empty() ? "" : ", ", full_name(*one));
  return text;
}

bool own(const manifest::Endpoint& endpoint, IpAddress address) {
  return std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) != endpoint.addresses.end();
}

// Length of the longest match of an endpoint's own addresses and prefixes; -1: none.
int match(const manifest::Endpoint& endpoint, IpAddress address) {
  if (own(endpoint, address)) return 128;
  int best = -1;
  for (const IpPrefix& prefix : endpoint.prefixes) {
    if (prefix.contains(address)) best = std::max(best, int{prefix.length});
  }
  return best;
}

// Who has an address, longest match first; the network may be left open.
absl::StatusOr<const manifest::Endpoint*> owner(IpAddress address, const std::string& network,
                                                const Snapshot& snapshot) {
  std::vector<const manifest::Endpoint*> best;
  int length = 0;
  for (const manifest::Endpoint* endpoint : endpoints(snapshot)) {
    if (!network.empty() && endpoint->network != network) continue;
    const int here = match(*endpoint, address);
    if (here < length || here < 0) continue;
    if (here > length) best.clear();
    length = here;
    best.push_back(endpoint);
  }
  if (best.empty()) return nullptr;
  if (best.size() == 1) return best.front();
  return absl::InvalidArgumentError(absl::StrCat(address.str(), " is an address of ", list(best),
                                                 " in different networks: name the endpoint"));
}

// A side before its address is settled.
struct Claim {
  std::string text;
  std::optional<IpAddress> address;
  const manifest::Endpoint* endpoint = nullptr;
};

absl::StatusOr<Claim> claim(const std::string& text, const Snapshot& snapshot) {
  Claim made{text, IpAddress::parse(text), nullptr};
  if (made.address) return made;
  const auto endpoint = find_endpoint(text, snapshot);
  if (!endpoint.ok()) return endpoint.status();
  made.endpoint = *endpoint;
  return made;
}

absl::Status own_address(Claim& claim, const std::string& network, const Snapshot& snapshot) {
  if (!claim.address) return absl::OkStatus();
  const auto endpoint = owner(*claim.address, network, snapshot);
  if (!endpoint.ok()) return endpoint.status();
  claim.endpoint = *endpoint;
  return absl::OkStatus();
}

std::optional<IpAddress> address_of(const Claim& claim, bool v4) {
  if (claim.address) return claim.address->is_v4() == v4 ? claim.address : std::nullopt;
  for (const IpAddress& address : claim.endpoint->addresses) {
    if (address.is_v4() == v4) return address;
  }
  return std::nullopt;
}

Party settle(const Claim& claim, IpAddress address) {
  return {claim.text, claim.endpoint, address, claim.endpoint != nullptr && !own(*claim.endpoint, address)};
}

}  // namespace

absl::StatusOr<const manifest::Endpoint*> find_endpoint(const std::string& text, const Snapshot& snapshot) {
  const size_t slash = text.find('/');
  if (slash != std::string::npos) {
    const auto* found =
        snapshot.find<manifest::Endpoint>("Endpoint", text.substr(0, slash), text.substr(slash + 1));
    if (found != nullptr) return found;
  }
  std::vector<const manifest::Endpoint*> found;
  for (const manifest::Endpoint* endpoint : endpoints(snapshot)) {
    if (endpoint->meta.name == text) found.push_back(endpoint);
  }
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" may be ", list(found), ": say which"));
  }
  return absl::NotFoundError(absl::StrCat("\"", text,
                                          "\" is neither an address nor an endpoint in force; `outrigger ",
                                          "get endpoints` lists those"));
}

std::string Party::name() const {
  return endpoint == nullptr || behind_prefix ? address.str() : full_name(*endpoint);
}

absl::StatusOr<Parties> find_parties(const std::string& source, const std::string& destination,
                                     const Snapshot& snapshot) {
  auto from = claim(source, snapshot);
  if (!from.ok()) return from.status();
  auto to = claim(destination, snapshot);
  if (!to.ok()) return to.status();
  const std::string known = from->endpoint != nullptr ? from->endpoint->network
                            : to->endpoint != nullptr ? to->endpoint->network
                                                      : "";
  if (absl::Status status = own_address(*from, known, snapshot); !status.ok()) return status;
  const std::string& network = from->endpoint != nullptr ? from->endpoint->network : known;
  if (absl::Status status = own_address(*to, network, snapshot); !status.ok()) return status;
  for (const bool v4 : {true, false}) {
    const auto a = address_of(*from, v4);
    const auto b = address_of(*to, v4);
    if (!a || !b) continue;
    return Parties{settle(*from, *a), settle(*to, *b),
                   snapshot.find<manifest::Network>("Network", "", network)};
  }
  return absl::InvalidArgumentError(
      absl::StrCat(source, " and ", destination, " have no address of the same family (IPv4 or IPv6)"));
}

v1::Identity to_identity(const Party& party, const Snapshot& snapshot) {
  v1::Identity identity;
  identity.set_name(party.name());
  identity.set_address(party.address.str());
  identity.set_behind_prefix(party.behind_prefix);
  if (party.endpoint == nullptr) return identity;
  const manifest::Endpoint& endpoint = *party.endpoint;
  identity.set_namespace_(endpoint.meta.ns);
  identity.mutable_labels()->insert(endpoint.meta.labels.begin(), endpoint.meta.labels.end());
  identity.set_network(endpoint.network);
  identity.set_node(endpoint.node);
  for (const auto& subject : snapshot.compiled.policy.set_subjects()) {
    const auto name = snapshot.compiled.endpoint_names.find(subject.endpoint());
    if (name == snapshot.compiled.endpoint_names.end() || name->second != full_name(endpoint)) continue;
    const auto policies = snapshot.compiled.class_names.find(subject.class_());
    if (policies != snapshot.compiled.class_names.end()) identity.set_class_(policies->second);
  }
  return identity;
}

}  // namespace outrigger::agent
