#include "scenario/beside.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lab/names.h"
#include "lab/netns.h"

namespace outrigger::scenario {
namespace {

constexpr uint16_t kCollectorPort = 9995;

// In one transaction: the tables as they are, in place of the tables as they are.
std::string replaced(const std::string& ruleset) {
  std::string text;
  for (const auto line : absl::StrSplit(ruleset, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() < 3 || words[0] != "table") continue;
    const std::string table = absl::StrCat("table ", words[1], " ", words[2], "\n");
    absl::StrAppend(&text, table, "delete ", table);
  }
  return text + ruleset;
}

std::string place_of(const std::string& lab, Arm arm) {
  return arm == Arm::kHost ? lab::host_netns(lab, kServedNode) : lab::fabric_netns(lab);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Beside>> Beside::make(const Settings& settings, const World& world) {
  std::unique_ptr<Beside> beside(new Beside(settings, world));
  if (absl::Status status = beside->keep_rules(); !status.ok()) return status;
  for (const Arm arm : {Arm::kHost, Arm::kDpu}) {
    if (absl::Status status = beside->open_collector(place_of(settings.lab, arm)); !status.ok())
      return status;
  }
  return beside;
}

std::string Beside::rules_file(uint32_t vni) const {
  return absl::StrCat(settings_.folder, "/rules-", vni, ".nft");
}

absl::Status Beside::keep_rules() {
  for (const uint32_t vni : world_.vnis) {
    const auto rules = lab::run({"nsenter", absl::StrCat("--net=/run/netns/", path_netns(settings_.lab, vni)),
                                 "nft", "--stateless", "--numeric", "list", "ruleset"});
    if (!rules.ok()) return rules.status();
    std::ofstream out(rules_file(vni), std::ios::trunc);
    out << replaced(*rules);
    out.close();
    if (!out) return absl::InternalError(absl::StrCat("cannot write ", rules_file(vni)));
    rule_lines_ += static_cast<uint64_t>(std::count(rules->begin(), rules->end(), '\n'));
  }
  return absl::OkStatus();
}

// Bound and never read: what does not fit is dropped, and nobody is told that the port is closed.
absl::Status Beside::open_collector(const std::string& netns) {
  return lab::inside(netns, [&] {
    Descriptor collector(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{
        .sin_family = AF_INET, .sin_port = htons(kCollectorPort), .sin_addr = {}, .sin_zero = {}};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!collector || bind(collector.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      return absl::ErrnoToStatus(errno, absl::StrCat("flow collector in ", netns));
    collectors_.push_back(std::move(collector));
    return absl::OkStatus();
  });
}

// Where the tunnel's packets pass: each flow has a source port of its own there (RFC 7348 §5), so there are
// as many flows outside as inside.
Program Beside::exporter(Arm arm) const {
  const bool host = arm == Arm::kHost;
  return {.name = kFlowExporter,
          .netns = place_of(settings_.lab, arm),
          .argv = {"softflowd", "-d", "-i", host ? "uplink" : lab::uplink_name(kServedNode), "-n",
                   absl::StrCat("127.0.0.1:", kCollectorPort), "-v", "9", "-t", "maxlife=10", "-t", "udp=5",
                   "-t", "expint=1", "-p", absl::StrCat(settings_.folder, "/softflowd.pid"), "-c",
                   absl::StrCat(settings_.folder, "/softflowd.ctl")},
          .side = host ? lab::Side::kHost : lab::Side::kDpu};
}

// By a shell, as agents run `nft` or `iptables-restore` too.
Program Beside::agent() const {
  std::string script = "while :; do";
  for (const uint32_t vni : world_.vnis) {
    absl::StrAppend(&script, " nsenter --net=/run/netns/", path_netns(settings_.lab, vni), " nft -f ",
                    rules_file(vni), " || exit 1;");
  }
  absl::StrAppend(&script, " sleep ", absl::ToDoubleSeconds(settings_.agent_every), "; done");
  return {.name = kPolicyAgent,
          .netns = lab::host_netns(settings_.lab, kServedNode),
          .argv = {"sh", "-c", script},
          .side = lab::Side::kHost};
}

absl::Status Beside::start(Arm arm) {
  if (absl::Status status = programs_.start(exporter(arm)); !status.ok()) return status;
  return arm == Arm::kHost ? programs_.start(agent()) : absl::OkStatus();
}

}  // namespace outrigger::scenario
