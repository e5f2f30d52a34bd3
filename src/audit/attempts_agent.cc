// Whoever has root on the host can kill its agent and speak in its place; so do these.  They come one after
// the other, with the agent dead from the first to the last, so that what they do to the host's certificate
// does not end the agent's own lease and start a fallback.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <limits>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "audit/attempts.h"
#include "audit/scene.h"
#include "base/steady_time.h"

namespace outrigger::audit {
namespace {

constexpr char kRenew[] = "/outrigger.v1.HostLink/Renew";
constexpr absl::Duration kRecovery = absl::Seconds(10), kHeard = absl::Seconds(20);
constexpr int kConnections = 60, kCalls = 400;

absl::Status ready(Scene& scene) {
  if (absl::Status status = scene.end_agent(); !status.ok()) return status;
  return scene.link_answers();
}

// Connections and calls are counted; what was used up by one test is not the next one's affair.
absl::Status recovered(const Scene& scene) {
  const absl::Time end = steady_time() + kRecovery;
  for (;;) {
    absl::Status status = scene.link_answers();
    if (status.ok() || steady_time() > end) return status;
    absl::SleepFor(absl::Milliseconds(300));
  }
}

// The DPU says again that it carries, once it hears the truth.
bool takes_back(Scene& scene, const Line& line) {
  const absl::Time end = steady_time() + kRecovery;
  for (;;) {
    const auto reply = scene.say(line, "dormant");
    if (reply.ok() && reply->carries()) return true;
    if (steady_time() > end) return false;
    absl::SleepFor(absl::Milliseconds(200));
  }
}

struct Lie {
  bool believed = false;
  std::string answer;
};

absl::StatusOr<Lie> claim(Scene& scene, const Line& line) {
  const auto before = scene.say(line, "dormant");
  if (!before.ok()) return before.status();
  if (!before->carries()) return absl::FailedPreconditionError("the DPU does not carry the traffic as it is");
  if (!before->order().empty())
    return absl::FailedPreconditionError(absl::StrCat("an operator has ordered: ", before->order()));
  const auto after = scene.say(line, "active");
  if (!after.ok()) return Lie{false, absl::StrCat("refused: ", said(after.status()))};
  return Lie{!after->carries(), after->carries() ? "answered that the DPU carries" : "the DPU yielded"};
}

// In the agent's name, before it speaks again itself; on a line that stays open.
absl::StatusOr<Line> last_word(Scene& scene) {
  const absl::Time end = steady_time() + kRecovery;
  for (;;) {
    auto line = scene.own_line();
    if (!line.ok()) return line;
    const auto reply = scene.say(*line, "dormant");
    if (reply.ok()) return line;
    if (steady_time() > end) return reply.status();
    absl::SleepFor(absl::Milliseconds(500));
  }
}

Descriptor connect_raw(const Endpoint& to) {
  Descriptor made(
      socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(to.port);
  to.address.store_v4(&v4.sin_addr);
  (void)connect(made.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  return made;
}

std::string noise(size_t size) {
  std::string bytes(size, '\0');
  std::minstd_rand random(7);
  for (char& one : bytes) one = static_cast<char>(random());
  return bytes;
}

}  // namespace

Verdict kill_the_agent(Scene& scene) {
  const std::optional<pid_t> agent = scene.agent();
  if (absl::Status status = scene.end_agent(); !status.ok()) return not_tried(said(status));
  std::vector<std::string> seen = {absl::StrCat("outrigger-host killed as pid ", agent.value_or(0))};
  for (const char* when : {"one second later", "three seconds later"}) {
    const Verdict now = enforced(scene, when);
    if (now.outcome != Outcome::kHeld) return now;
    seen.push_back(now.evidence);
    absl::SleepFor(absl::Seconds(2));
  }
  return held(absl::StrJoin(seen, "; "));
}

Verdict claim_fallback(Scene& scene) {
  if (absl::Status status = ready(scene); !status.ok()) return not_tried(said(status));
  const auto line = scene.own_line();
  if (!line.ok()) return not_tried(said(line.status()));
  const auto lie = claim(scene, *line);
  if (!lie.ok()) return not_tried(said(lie.status()));
  const Verdict meanwhile = enforced(scene, "while the host said active");
  if (!takes_back(scene, *line))
    return broken(absl::StrCat(lie->answer, ", and does not carry again when the host says dormant"));
  if (meanwhile.outcome == Outcome::kBroken) return meanwhile;
  if (lie->believed)
    return broken(absl::StrCat(lie->answer, " to a host that said active unordered, its lease held; ",
                               meanwhile.evidence));
  return held(absl::StrCat(lie->answer, "; ", meanwhile.evidence));
}

Verdict demand_closed_service(Scene& scene) {
  const Settings& settings = scene.settings();
  if (settings.closed.empty()) return not_tried("no service whose contract says closed was named (--closed)");
  const auto bundle = scene.bundle();
  if (!bundle.ok()) return not_tried(said(bundle.status()));
  v1::HostBundle content;
  if (!content.ParseFromString(bundle->bundle())) return not_tried("the bundle cannot be read");
  for (const std::string& service : content.services()) {
    if (std::find(settings.closed.begin(), settings.closed.end(), service) != settings.closed.end())
      return broken(
          absl::StrCat("the bundle of generation ", content.generation(), " gives the host ", service));
  }
  const std::string listed =
      absl::StrCat("the bundle gives the host [", absl::StrJoin(content.services(), ", "), "], not ",
                   absl::StrJoin(settings.closed, ", "));
  if (content.services_size() > 0) return held(listed);
  if (absl::Status status = ready(scene); !status.ok()) return not_tried(said(status));
  const auto line = scene.own_line();
  if (!line.ok()) return not_tried(said(line.status()));
  const auto lie = claim(scene, *line);
  if (!lie.ok()) return not_tried(said(lie.status()));
  const bool back = takes_back(scene, *line);
  if (lie->believed || !back)
    return broken(absl::StrCat(listed, ", yet it said active and ", lie->answer, back ? "" : ", for good"));
  return held(absl::StrCat(listed, "; it said active: ", lie->answer));
}

Verdict replay_the_link(Scene& scene) {
  if (absl::Status status = ready(scene); !status.ok()) return not_tried(said(status));
  const auto line = scene.own_line();
  if (!line.ok()) return not_tried(said(line.status()));
  v1::RenewRequest request = scene.renewal("dormant");
  const Answer first = line->call(kRenew, request.SerializeAsString());
  if (!first.ok()) return not_tried(absl::StrCat("the first was refused already: ", first.str()));
  const Answer again = line->call(kRenew, request.SerializeAsString());
  if (again.ok()) return broken(absl::StrCat("sequence ", request.sequence(), " was taken twice"));
  request.set_sequence(request.sequence() - 1);
  const Answer older = line->call(kRenew, request.SerializeAsString());
  if (older.ok())
    return broken(absl::StrCat("sequence ", request.sequence(), " was taken after a later one"));
  request = scene.renewal("dormant");
  request.set_node(absl::StrCat(scene.settings().node, "-other"));
  const Answer other = line->call(kRenew, request.SerializeAsString());
  if (other.ok()) return broken(absl::StrCat("renewed the lease of ", request.node()));
  return held(
      absl::StrCat("again: ", again.str(), "; older: ", older.str(), "; of another node: ", other.str()));
}

Verdict garble_the_link(Scene& scene) {
  if (absl::Status status = ready(scene); !status.ok()) return not_tried(said(status));
  const auto line = scene.own_line();
  if (!line.ok()) return not_tried(said(line.status()));
  v1::RenewRequest large = scene.renewal("dormant");
  large.set_error(std::string(8 << 20, 'x'));
  v1::RenewRequest unknown = scene.renewal("in charge");
  const std::string good = scene.renewal("dormant").SerializeAsString();
  const std::pair<const char*, std::string> kinds[] = {{"cut short", good.substr(0, good.size() - 3)},
                                                       {"noise", "\x0a\xff" + noise(64)},
                                                       {"8 MiB", large.SerializeAsString()},
                                                       {"an unknown state", unknown.SerializeAsString()}};
  std::vector<std::string> seen;
  for (const auto& [what, bytes] : kinds) {
    const Answer answer = line->call(kRenew, bytes);
    if (answer.ok()) return broken(absl::StrCat(what, " was taken for a renewal"));
    seen.push_back(absl::StrCat(what, ": ", answer.str()));
  }
  if (absl::Status status = recovered(scene); !status.ok())
    return broken(absl::StrCat("afterwards ", said(status)));
  return held(absl::StrCat(absl::StrJoin(seen, "; "), "; the link answers on"));
}

Verdict flood_the_link(Scene& scene) {
  if (absl::Status status = ready(scene); !status.ok()) return not_tried(said(status));
  const auto to = parse_endpoint(scene.settings().link);
  const auto line = scene.own_line();
  if (!to || !line.ok()) return not_tried(absl::StrCat("cannot dial ", scene.settings().link));
  if (const auto first = scene.say(*line, "dormant"); !first.ok()) return not_tried(said(first.status()));
  const std::string garbage = noise(16 << 10);
  std::vector<Descriptor> held_open;
  for (int i = 0; i < kConnections; ++i) {
    held_open.push_back(connect_raw(*to));
    absl::SleepFor(absl::Milliseconds(5));
    if (i % 3 == 1) (void)send(held_open.back().get(), "\x16\x03\x01\x00\xf8\x01", 6, MSG_NOSIGNAL);
    if (i % 3 == 2) (void)send(held_open.back().get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
  }
  int answered = 0, slowed = 0;
  for (int i = 0; i < kCalls; ++i) {
    const Answer answer = line->call(kRenew, scene.renewal("dormant").SerializeAsString());
    answered += answer.ok() ? 1 : 0;
    slowed += too_often(answer) ? 1 : 0;
  }
  held_open.clear();
  const std::string what = absl::StrCat(kConnections, " idle and garbled connections, ", kCalls,
                                        " calls: ", answered, " answered, ", slowed, " refused as too many");
  if (slowed == 0 && answered == 0) return not_tried(absl::StrCat(what, ": the line was lost"));
  if (slowed == 0) return broken(absl::StrCat(what, "; nothing was slowed down"));
  if (absl::Status status = recovered(scene); !status.ok())
    return broken(absl::StrCat(what, "; ", said(status)));
  const Verdict after = enforced(scene, "afterwards");
  return after.outcome == Outcome::kBroken
             ? after
             : held(absl::StrCat(what, "; the link answers again; ", after.evidence));
}

// That it runs says little: the DPU must have heard it, and nothing have opened until then or by then.
Verdict bring_the_agent_back(Scene& scene) {
  if (!scene.agent_ended()) return not_tried("the agent was not killed");
  const auto line = last_word(scene);
  if (!line.ok())
    return not_tried(absl::StrCat("the DPU hears nobody in the agent's name: ", said(line.status())));
  const auto pid = scene.bring_agent_back();
  if (!pid.ok()) return broken(said(pid.status()));
  const Verdict started = enforced(scene, absl::StrCat("with outrigger-host back as pid ", *pid));
  if (started.outcome != Outcome::kHeld) return started;
  if (absl::Status status = scene.hears_agent(*line, kHeard); !status.ok()) return broken(said(status));
  const Verdict heard = enforced(scene, "once the DPU had heard it");
  if (heard.outcome != Outcome::kHeld) return heard;
  return held(absl::StrCat(started.evidence, "; ", heard.evidence, "; started by `",
                           scene.settings().restart_agent, "`"));
}

}  // namespace outrigger::audit
