#include "compiler/parties.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace outrigger::compiler {
namespace {

std::string describe(const Person& person) {
  return person.network.empty() ? absl::StrCat("Pod ", person.name)
                                : absl::StrCat("Endpoint ", person.name, " in network ", person.network);
}

absl::Status ambiguous(const std::string& text, const std::vector<const Person*>& who) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is both ", describe(*who[0]), " and ",
                                                 describe(*who[1]), ": name the one that is meant"));
}

// Keeps of each side those that share a network with someone of the other, when that says more.
void narrow(std::vector<const Person*>& mine, const std::vector<const Person*>& theirs) {
  std::vector<const Person*> near;
  for (const Person* one : mine) {
    if (std::any_of(theirs.begin(), theirs.end(),
                    [&](const Person* x) { return x->network == one->network; })) {
      near.push_back(one);
    }
  }
  if (mine.size() > 1 && !near.empty()) mine = std::move(near);
}

bool has_family(const Party& party, bool v4) {
  if (!party.address.is_zero()) return party.address.is_v4() == v4;
  return party.person != nullptr &&
         std::any_of(party.person->addresses.begin(), party.person->addresses.end(),
                     [v4](const IpAddress& own) { return own.is_v4() == v4; });
}

// The first of its addresses that `other` can talk to, IPv4 before IPv6.
IpAddress towards(const Party& party, const Party& other) {
  if (!party.address.is_zero() || party.person == nullptr) return party.address;
  for (const bool v4 : {true, false}) {
    if (!has_family(other, v4)) continue;
    for (const IpAddress& own : party.person->addresses) {
      if (own.is_v4() == v4) return own;
    }
  }
  return {};
}

}  // namespace

Parties::Parties(const Objects& objects, const Subjects& subjects) {
  for (const Subject& subject : subjects.all()) {
    const auto index = static_cast<uint32_t>(people_.size());
    // Subjects begin with the endpoints, in the order of `objects`.
    std::string network = index < objects.endpoints.size() ? objects.endpoints[index]->network : "";
    people_.push_back({full_name(*subject.meta), std::move(network), *subject.addresses,
                       EndpointId{subject.id}, subject.enforced});
    by_name_[people_.back().name].push_back(index);
    for (const IpAddress& address : *subject.addresses) by_address_[address].push_back(index);
  }
}

absl::StatusOr<Parties::Claim> Parties::claim(const std::string& text) const {
  Claim claim;
  const std::vector<uint32_t>* found = nullptr;
  if (const auto address = IpAddress::parse(text)) {
    claim.address = *address;
    const auto at = by_address_.find(*address);
    if (at != by_address_.end()) found = &at->second;
  } else {
    const auto at = by_name_.find(text);
    if (at == by_name_.end())
      return absl::NotFoundError(absl::StrCat("\"", text, "\": no such endpoint or pod"));
    found = &at->second;
  }
  if (found == nullptr) return claim;
  for (const uint32_t index : *found) claim.who.push_back(&people_[index]);
  return claim;
}

absl::StatusOr<Pair> Parties::find(const std::string& source, const std::string& destination) const {
  absl::StatusOr<Claim> from = claim(source);
  if (!from.ok()) return from.status();
  absl::StatusOr<Claim> to = claim(destination);
  if (!to.ok()) return to.status();
  narrow(from->who, to->who);
  narrow(to->who, from->who);
  if (from->who.size() > 1) return ambiguous(source, from->who);
  if (to->who.size() > 1) return ambiguous(destination, to->who);
  Pair pair{{from->who.empty() ? nullptr : from->who[0], from->address},
            {to->who.empty() ? nullptr : to->who[0], to->address}};
  const IpAddress source_address = towards(pair.source, pair.destination);
  pair.destination.address = towards(pair.destination, pair.source);
  pair.source.address = source_address;
  return pair;
}

}  // namespace outrigger::compiler
