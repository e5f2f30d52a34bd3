#include "absl/strings/str_cat.h"
#include "audit/attempts.h"
#include "audit/scene.h"

namespace outrigger::audit {
namespace {

constexpr Milliseconds kEcho{3000}, kConnect{700};
constexpr auto kLongest = std::chrono::seconds(10);
constexpr uint32_t kLook = 2000;  // packets between looks at the established flow

// A new session each, by source port and then by destination port.
Frame nth(const Range& range, uint32_t n) {
  Range one = range;
  one.allowed.port = static_cast<uint16_t>(range.allowed.port + n / 20000 + 1);
  return honest(one, n).frame;
}

}  // namespace

Verdict reach_the_denied(Scene& scene) {
  const absl::Status denied = scene.denied();
  if (absl::IsAborted(denied)) return broken(said(denied));
  if (!denied.ok()) return not_tried(said(denied));
  if (absl::Status open = scene.path_open(); !open.ok()) return not_tried(said(open));
  return held(absl::StrCat("no connection to ",
                           Endpoint{scene.settings().denied->address, scene.settings().denied->port}.str(),
                           ", on which somebody listens; what is allowed arrives"));
}

Verdict flood_sessions(Scene& scene) {
  const Settings& settings = scene.settings();
  if (!settings.allowed.tcp) return not_tried("it needs an allowed TCP port (--allowed tcp:PORT)");
  const auto from = scene.endpoint(), peer = scene.peer();
  if (!from.ok() || !peer.ok()) return not_tried(said(from.ok() ? peer.status() : from.status()));
  const auto range = scene.range(**peer);
  if (!range.ok()) return not_tried(said(range.status()));
  const auto server = EchoServer::listen((*peer)->netns, settings.allowed.port);
  if (!server.ok()) return not_tried(said(server.status()));
  const auto flow = Flow::connect((*from)->netns, {*(*peer)->v4, settings.allowed.port}, kConnect);
  if (!flow.ok()) return not_tried(said(flow.status()));
  if (!flow->echoes(kEcho)) return not_tried("the established flow does not echo before the flood either");
  const auto wire = Wire::open(**from);
  if (!wire.ok()) return not_tried(said(wire.status()));
  const auto end = std::chrono::steady_clock::now() + kLongest;
  uint32_t sent = 0;
  while (sent < settings.flood && std::chrono::steady_clock::now() < end) {
    if (!wire->send(nth(*range, sent)))
      return not_tried(absl::StrCat("cannot send after ", sent, " packets"));
    if (++sent % kLook == 0 && !flow->echoes(kEcho))
      return broken(absl::StrCat("the established flow died after ", sent, " new ones"));
  }
  if (!flow->echoes(kEcho))
    return broken(absl::StrCat("the established flow died after ", sent, " new ones"));
  const absl::Status denied = scene.denied();
  if (absl::IsAborted(denied)) return broken(absl::StrCat("after ", sent, " new flows ", said(denied)));
  return held(absl::StrCat(sent, " attempts at new flows; the established one echoed during and after",
                           denied.ok() ? ", and what is denied stayed so" : ""));
}

}  // namespace outrigger::audit
