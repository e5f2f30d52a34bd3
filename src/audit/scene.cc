#include "audit/scene.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace outrigger::audit {
namespace {

constexpr Milliseconds kArrival{400};
constexpr Milliseconds kConnect{700};
constexpr int kHonestTries = 5;

absl::Status missing(const std::string& what) { return absl::FailedPreconditionError(what); }

// Is there an honest way?  A first packet may wait for an address to be resolved.
absl::Status honest_arrives(Scene& scene, const Range& range, const Wire& from, const Wire& at) {
  for (int i = 0; i < kHonestTries; ++i) {
    const Shot one = honest(range, scene.mark());
    if (!from.send(one.frame)) return missing("the endpoint's device takes no frame");
    if (at.first_of({&one.proof, 1}, kArrival) == 0) return absl::OkStatus();
  }
  return missing(absl::StrCat("an honest ", range.allowed.tcp ? "TCP SYN" : "UDP packet", " from ",
                              range.address.str(), " for ", range.victim.str(), " port ", range.allowed.port,
                              " does not arrive: is it allowed (--allowed)?"));
}

// Where policy has nothing against it, and somebody listens.
absl::Status connects(const Guest& from, const Endpoint& to, const Guest& at) {
  const auto server = EchoServer::listen(at.netns, to.port);
  if (!server.ok() && !absl::IsAlreadyExists(server.status())) return server.status();
  for (int i = 0; i < kHonestTries; ++i) {
    const auto reached = try_port(from.netns, to, kConnect);
    if (!reached.ok()) return reached.status();
    if (*reached == Port::kOpen) return absl::OkStatus();
  }
  return missing(absl::StrCat(from.v4->str(), " does not even connect to ", to.str(), ", which it may"));
}

}  // namespace

std::string said(const absl::Status& status) { return std::string(status.message()); }

Scene::Scene(Settings settings) : settings_(std::move(settings)), mark_(std::random_device()() | 1) {}

Scene::~Scene() {
  if (agent_ended()) (void)bring_agent_back();
}

absl::StatusOr<const Guest*> Scene::guest(std::optional<Guest>& kept, const std::string& place,
                                          const char* option) {
  if (kept) return &*kept;
  if (place.empty()) return missing(absl::StrCat("no ", option, " NETNS/DEVICE was named"));
  absl::StatusOr<Guest> opened = open_guest(place);
  if (!opened.ok()) return opened.status();
  kept = *std::move(opened);
  return &*kept;
}

absl::StatusOr<const Guest*> Scene::endpoint() { return guest(endpoint_, settings_.endpoint, "--endpoint"); }
absl::StatusOr<const Guest*> Scene::peer() { return guest(peer_, settings_.peer, "--peer"); }
absl::StatusOr<const Guest*> Scene::denied_at() {
  const std::string& place = settings_.denied_at.empty() ? settings_.peer : settings_.denied_at;
  return guest(denied_at_, place, "--denied-at");
}
absl::StatusOr<const Guest*> Scene::denied_from() {
  const std::string& place = settings_.denied_from.empty() ? settings_.endpoint : settings_.denied_from;
  return guest(denied_from_, place, "--denied-from");
}

absl::StatusOr<Range> Scene::range(const Guest& victim) {
  const auto from = endpoint();
  if (!from.ok()) return from.status();
  const auto hop = next_hop(**from, *victim.v4);
  if (!hop.ok()) return hop.status();
  return Range{.mac = (*from)->mac,
               .address = *(*from)->v4,
               .hop = *hop,
               .victim = *victim.v4,
               .victim_mac = victim.mac,
               .allowed = settings_.allowed,
               .v6 = (*from)->v6,
               .victim_v6 = victim.v6,
               .gateway = default_gateway(**from)};
}

absl::Status Scene::path_open() {
  const auto from = endpoint(), to = peer();
  if (!from.ok()) return from.status();
  if (!to.ok()) return to.status();
  const auto way = range(**to);
  if (!way.ok()) return way.status();
  const auto out = Wire::open(**from), in = Wire::open(**to);
  if (!out.ok()) return out.status();
  return in.ok() ? honest_arrives(*this, *way, *out, *in) : in.status();
}

absl::Status Scene::dial_open() {
  const auto from = endpoint(), to = peer();
  if (!from.ok()) return from.status();
  if (!to.ok()) return to.status();
  if (!settings_.allowed.tcp) return missing("it needs an allowed TCP port (--allowed tcp:PORT)");
  return connects(**from, {*(*to)->v4, settings_.allowed.port}, **to);
}

absl::Status Scene::denied() {
  if (!settings_.denied) return missing("no --denied ADDRESS:PORT was named");
  const auto from = denied_from(), at = denied_at();
  if (!from.ok()) return from.status();
  if (!at.ok()) return at.status();
  const Endpoint to{settings_.denied->address, settings_.denied->port};
  const auto server = EchoServer::listen((*at)->netns, to.port);
  if (!server.ok() && !absl::IsAlreadyExists(server.status())) return server.status();
  const auto local = try_port((*at)->netns, to, kConnect);
  if (!local.ok()) return local.status();
  if (*local != Port::kOpen) return missing(absl::StrCat("nobody listens on ", to.str(), " itself"));
  if (settings_.denied_open != 0) {
    absl::Status way = connects(**from, {to.address, settings_.denied_open}, **at);
    if (!way.ok()) return way;
  }
  const auto reached = try_port((*from)->netns, to, kConnect);
  if (!reached.ok()) return reached.status();
  if (*reached != Port::kOpen) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat((*from)->v4->str(), " connected to ", to.str()));
}

Verdict enforced(Scene& scene, const std::string& when) {
  const absl::Status denied = scene.denied();
  if (absl::IsAborted(denied)) return broken(absl::StrCat(when, ", ", said(denied)));
  if (!denied.ok()) return not_tried(said(denied));
  if (absl::Status open = scene.path_open(); !open.ok())
    return not_tried(absl::StrCat(when, ", ", said(open)));
  return held(absl::StrCat(when, ", what is denied stayed denied and what is allowed arrived"));
}

Verdict fire(Scene& scene, const Guest& victim, const std::vector<Shot>& shots) {
  const auto from = scene.endpoint(), peer = scene.peer();
  if (!from.ok()) return not_tried(said(from.status()));
  if (!peer.ok()) return not_tried(said(peer.status()));
  if (absl::Status open = scene.path_open(); !open.ok()) return not_tried(said(open));
  const auto out = Wire::open(**from), in = Wire::open(victim);
  if (!out.ok() || !in.ok()) return not_tried(said(out.ok() ? in.status() : out.status()));
  std::vector<Frame> proofs;
  std::vector<std::string> names;
  std::vector<size_t> whose;
  in->clear();
  for (size_t i = 0; i < shots.size(); ++i) {
    if (!out->send(shots[i].frame)) return not_tried(absl::StrCat("cannot send: ", shots[i].what));
    names.push_back(shots[i].what);
    if (shots[i].proof.empty()) continue;
    proofs.push_back(shots[i].proof);
    whose.push_back(i);
  }
  const int arrived = in->first_of(proofs, kArrival);
  if (arrived >= 0)
    return broken(
        absl::StrCat("arrived at ", victim.v4->str(), ": ", shots[whose[static_cast<size_t>(arrived)]].what));
  if (absl::Status open = scene.path_open(); !open.ok())
    return not_tried(absl::StrCat("afterwards ", said(open)));
  return held(absl::StrCat(shots.size(), " frames sent, none arrived at ", victim.v4->str(),
                           ", honest ones before and after did: ", absl::StrJoin(names, "; ")));
}

}  // namespace outrigger::audit
