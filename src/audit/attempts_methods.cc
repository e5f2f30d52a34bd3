#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "audit/attempts.h"
#include "audit/scene.h"
#include "dpu/secure/methods.h"
#include "outrigger/v1/config.pb.h"

namespace outrigger::audit {
namespace {

// Services that a gRPC server may offer without anybody having thought of it.
constexpr std::array kUninvited = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.channelz.v1.Channelz/GetTopChannels",
    "/grpc.channelz.v1.Channelz/GetServers",
    "/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus",
    "/outrigger.engine.v1.Engine/Publish",
    "/outrigger.v1.HostLink/Anything",
};

constexpr absl::Duration kPace = absl::Milliseconds(40);  // half of what the gate lets through
constexpr int kTries = 4;

constexpr char kOpenAll[] = R"(apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: outrigger-audit}
spec:
  priority: 0
  subject: {namespaces: {}}
  ingress: [{name: all, action: Allow, from: [{namespaces: {}}]}]
)";

Answer paced(const Line& line, const std::string& method, const std::string& bytes) {
  Answer answer;
  for (int i = 0; i < kTries; ++i) {
    absl::SleepFor(kPace);
    answer = line.call(method, bytes);
    if (!too_often(answer)) break;
    absl::SleepFor(absl::Seconds(1));
  }
  return answer;
}

std::vector<std::string> methods_but(std::string_view prefix) {
  std::vector<std::string> all(kUninvited.begin(), kUninvited.end());
  for (const secure::Method& one : secure::kMethods) {
    if (prefix.empty() || !one.path.starts_with(prefix)) all.emplace_back(one.path);
  }
  return all;
}

// Each with nothing in it: whoever is let in hears of a fault, or gets a reply.
Verdict call_all(const Line& line, const std::vector<std::string>& methods, const std::string& where) {
  std::string last;
  for (const std::string& method : methods) {
    const Answer answer = paced(line, method, "");
    if (unreachable(answer)) return not_tried(absl::StrCat(where, " ", method, ": ", answer.str()));
    if (!refused(answer)) return broken(absl::StrCat(where, " ", method, ": ", answer.str()));
    last = absl::StrCat(method, ": ", answer.str());
  }
  return held(absl::StrCat(methods.size(), " methods refused on ", where, ", as ", last));
}

// On the link and on every API that the host reaches.
Verdict call_config(Scene& scene, const std::string& method, const std::string& bytes) {
  if (absl::Status status = scene.link_answers(); !status.ok()) return not_tried(said(status));
  std::vector<std::string> addresses = scene.settings().apis, seen;
  addresses.insert(addresses.begin(), scene.settings().link);
  for (const std::string& address : addresses) {
    const auto line = Line::dial(address, Dress::kCertificate, scene.settings().files);
    if (!line.ok()) return not_tried(said(line.status()));
    const Answer answer = paced(*line, method, bytes);
    if (!refused(answer)) return broken(absl::StrCat(address, " ", method, ": ", answer.str()));
    seen.push_back(absl::StrCat(address, ": ", answer.str()));
  }
  return held(absl::StrJoin(seen, "; "));
}

}  // namespace

Verdict call_every_method(Scene& scene) {
  if (absl::Status status = scene.link_answers(); !status.ok()) return not_tried(said(status));
  const auto line = scene.own_line();
  if (!line.ok()) return not_tried(said(line.status()));
  return call_all(*line, methods_but("/outrigger.v1.HostLink/"), scene.settings().link);
}

Verdict call_the_api(Scene& scene) {
  const Settings& settings = scene.settings();
  if (absl::Status status = scene.has_link(); !status.ok()) return not_tried(said(status));
  if (settings.apis.empty()) return not_tried("no management API was named (--api)");
  std::vector<std::string> seen;
  for (const std::string& api : settings.apis) {
    const auto where = parse_endpoint(api);
    if (!where) return not_tried(absl::StrCat("\"", api, "\" is not ADDRESS:PORT"));
    const auto reached = try_port("", *where, Milliseconds(700));
    if (reached.ok() && *reached != Port::kOpen) {
      seen.push_back(absl::StrCat(api, " cannot be connected to"));
      continue;
    }
    const auto line = Line::dial(api, Dress::kCertificate, settings.files);
    if (!line.ok()) return not_tried(said(line.status()));
    const Verdict one = call_all(*line, methods_but(""), api);
    if (one.outcome != Outcome::kHeld) return one;
    seen.push_back(one.evidence);
  }
  return held(absl::StrJoin(seen, "; "));
}

Verdict change_policy(Scene& scene) {
  v1::Batch batch;
  v1::Document* document = batch.add_documents();
  document->set_text(kOpenAll);
  document->set_file("audit");
  document->set_line(1);
  const Verdict called = call_config(scene, "/outrigger.v1.Config/Apply", batch.SerializeAsString());
  if (called.outcome != Outcome::kHeld) return called;
  const absl::Status denied = scene.denied();
  if (absl::IsAborted(denied)) return broken(said(denied));
  return held(absl::StrCat(called.evidence, denied.ok() ? "; what policy denies stays denied" : ""));
}

Verdict read_policy(Scene& scene) {
  return call_config(scene, "/outrigger.v1.Config/Get", v1::GetRequest().SerializeAsString());
}

}  // namespace outrigger::audit
