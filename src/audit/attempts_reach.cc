#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "audit/attempts.h"
#include "audit/doors.h"
#include "audit/scene.h"
#include "dpu/secure/pki.h"

namespace outrigger::audit {
namespace {

constexpr Milliseconds kScan{30'000};
constexpr Milliseconds kConnect{700};
constexpr absl::Duration kBetweenDials = absl::Milliseconds(300);  // the DPU takes five a second
constexpr char kFetch[] = "/outrigger.v1.HostLink/FetchBundle";

std::vector<uint16_t> every_port() {
  std::vector<uint16_t> ports(65535);
  std::iota(ports.begin(), ports.end(), uint16_t{1});
  return ports;
}

std::string fetch_for(const std::string& node) {
  v1::FetchBundleRequest request;
  request.set_node(node);
  return request.SerializeAsString();
}

bool turned_away(const Answer& answer) {
  return refused(answer) || absl::StatusCode(answer.code) == absl::StatusCode::kInvalidArgument;
}

// The call that the host's own certificate is answered to, in another dress; to be refused means something
// only where the host itself is not.
Verdict call_dressed(Scene& scene, Dress dress, const secure::TlsFiles& files,
                     const std::vector<std::string>& nodes) {
  if (absl::Status status = scene.has_link(); !status.ok()) return not_tried(said(status));
  std::vector<std::string> said_to;
  for (const std::string& node : nodes) {
    absl::SleepFor(kBetweenDials);
    const auto line = Line::dial(scene.settings().link, dress, files);
    if (!line.ok()) return not_tried(said(line.status()));
    const Answer answer = line->call(kFetch, fetch_for(node));
    if (!turned_away(answer)) return broken(absl::StrCat("FetchBundle for ", node, ": ", answer.str()));
    said_to.push_back(absl::StrCat("for ", node, ": ", answer.str()));
  }
  absl::SleepFor(kBetweenDials);
  if (absl::Status status = scene.link_answers(); !status.ok()) return not_tried(said(status));
  return held(absl::StrJoin(said_to, "; "));
}

}  // namespace

Verdict try_every_port(Scene& scene) {
  const std::vector<IpAddress> addresses = dpu_addresses(scene.settings());
  if (addresses.empty()) return not_tried("no address of the DPU is known (--link, --dpu-address)");
  const std::vector<Endpoint> doors = known_doors(scene.settings());
  const std::vector<uint16_t> ports = every_port();
  std::vector<std::string> seen;
  size_t not_looked = 0;
  bool found_link = false;
  for (const IpAddress address : addresses) {
    const auto found = scan("", address, ports, kScan);
    if (!found.ok()) return not_tried(said(found.status()));
    for (const uint16_t port : found->open) {
      const auto known = [&](const Endpoint& one) { return one.address == address && one.port == port; };
      if (std::none_of(doors.begin(), doors.end(), known))
        return broken(absl::StrCat("connected to ", Endpoint{address, port}.str(), ", which nobody named"));
      found_link = true;
    }
    not_looked += found->not_tried;
    seen.push_back(absl::StrCat(address.str(), ": ",
                                found->no_way == ports.size()
                                    ? "no route from the host"
                                    : absl::StrCat(found->open.size(), " open, ", found->refused,
                                                   " refused, ", found->silent, " silent")));
  }
  const std::string all = absl::StrJoin(seen, "; ");
  if (not_looked > 0)
    return not_tried(absl::StrCat("no time for ", not_looked, " ports; of the others none was open: ", all));
  if (!found_link)
    return not_tried(absl::StrCat("not even the link answers, so silence proves nothing: ", all));
  return held(all);
}

Verdict try_from_a_guest(Scene& scene) {
  const auto guest = scene.endpoint();
  if (!guest.ok()) return not_tried(said(guest.status()));
  const std::vector<Endpoint> doors = known_doors(scene.settings());
  if (doors.empty()) return not_tried("neither --link nor --api was named");
  if (absl::Status dials = scene.dial_open(); !dials.ok()) return not_tried(said(dials));
  std::vector<std::string> seen;
  bool open_to_host = false;
  for (const Endpoint& door : doors) {
    const auto from_host = try_port("", door, kConnect),
               from_guest = try_port((*guest)->netns, door, kConnect);
    if (!from_guest.ok() || !from_host.ok())
      return not_tried(said(from_guest.ok() ? from_host.status() : from_guest.status()));
    if (*from_guest == Port::kOpen)
      return broken(absl::StrCat((*guest)->v4->str(), " connected to ", door.str()));
    if (*from_guest == Port::kNoWay)
      return not_tried(absl::StrCat("the guest's own kernel has no route to ", door.str()));
    open_to_host |= *from_host == Port::kOpen;
    seen.push_back(absl::StrCat(door.str(), " is ", *from_guest == Port::kSilent ? "silent" : "closed",
                                " to the guest, ", *from_host == Port::kOpen ? "open" : "closed",
                                " to the host"));
  }
  const std::string all = absl::StrJoin(seen, "; ");
  if (!open_to_host)
    return not_tried(absl::StrCat("nobody takes the host's own call, so this proves nothing: ", all));
  if (absl::Status dials = scene.dial_open(); !dials.ok()) return not_tried(said(dials));
  return held(absl::StrCat(all, "; the same guest connected to its peer before and after"));
}

Verdict call_without_tls(Scene& scene) {
  return call_dressed(scene, Dress::kPlain, {}, {scene.settings().node});
}

Verdict call_without_certificate(Scene& scene) {
  return call_dressed(scene, Dress::kNoCertificate, {}, {scene.settings().node});
}

// An authority of the intruder's own that names the same trust domain, node and role.
Verdict call_with_foreign_authority(Scene& scene) {
  if (absl::Status status = scene.has_link(); !status.ok()) return not_tried(said(status));
  const auto own = secure::read_leaf(scene.settings().files.certificate);
  if (!own.ok()) return not_tried(said(own.status()));
  std::string folder = "/tmp/outrigger-audit-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return not_tried("cannot make a folder in /tmp");
  const absl::Cleanup remove = [&folder] {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
  };
  auto pki = secure::Pki::init(folder, own->identity.trust_domain, secure::Overwrite::kYes);
  if (!pki.ok()) return not_tried(said(pki.status()));
  const auto leaf =
      pki->issue({secure::Role::kHost, own->identity.name, {}, absl::Hours(1)}, secure::Overwrite::kYes);
  if (!leaf.ok()) return not_tried(said(leaf.status()));
  return call_dressed(scene, Dress::kCertificate, {.certificate = leaf->path}, {scene.settings().node});
}

Verdict call_with_wrong_role(Scene& scene) {
  const Settings& settings = scene.settings();
  if (settings.wrong_role.empty())
    return not_tried("no certificate of another role was given (--wrong-role)");
  return call_dressed(scene, Dress::kCertificate, {.certificate = settings.wrong_role}, {settings.node});
}

Verdict call_with_stolen_certificate(Scene& scene) {
  const Settings& settings = scene.settings();
  if (settings.stolen.empty()) return not_tried("no certificate of another host was given (--stolen)");
  const auto thief = secure::read_leaf(settings.stolen);
  if (!thief.ok()) return not_tried(said(thief.status()));
  return call_dressed(scene, Dress::kCertificate, {.certificate = settings.stolen},
                      {settings.node, thief->identity.name});
}

}  // namespace outrigger::audit
