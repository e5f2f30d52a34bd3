#include "engine/verdict.h"

#include "absl/strings/str_cat.h"

namespace outrigger::engine {

namespace {

std::string word(const Verdict& verdict) {
  switch (verdict.step) {
    case Step::Kind::kNext:
      return "forward";
    case Step::Kind::kDrop:
      return absl::StrCat("drop ", std::string(info(verdict.drop).name));
    case Step::Kind::kRefuse:
      return absl::StrCat("refuse ", std::string(info(verdict.drop).name));
    case Step::Kind::kRespond:
      return "respond";
    case Step::Kind::kReplicate:
      return "replicate";
  }
  return "nothing";
}

}  // namespace

Verdict Verdict::of(const Step& step, const Decision& decision, const Actions& actions) {
  Verdict out{.step = step.kind, .drop = step.drop};
  out.egress_rule = decision.egress.rule.value();
  out.ingress_rule = decision.ingress.rule.value();
  if (step.kind != Step::Kind::kNext) return out;
  out.port = decision.to.port;
  out.endpoint = decision.to.endpoint;
  out.routed = decision.to.routed;
  if (decision.to.tunnel != kNoTunnel) {
    const Tunnel& tunnel = actions.tunnels[decision.to.tunnel.value()];
    out.peer = 1u + tunnel.peer.value();
    out.vni = tunnel.vni.value();
  }
  return out;
}

Verdict Verdict::of(const Sample& sample) {
  Verdict out{.step = static_cast<Step::Kind>(sample.step), .drop = static_cast<Drop>(sample.drop)};
  out.egress_rule = sample.egress_rule;
  out.ingress_rule = sample.ingress_rule;
  if (out.step != Step::Kind::kNext) return out;
  out.port = PortId(sample.to_port);
  out.peer = sample.to_peer;
  out.vni = sample.to_vni;
  out.endpoint = sample.to_endpoint;
  out.routed = sample.routed != 0;
  return out;
}

std::string text(const Verdict& verdict) {
  std::string out = word(verdict);
  if (verdict.step == Step::Kind::kNext) {
    absl::StrAppend(&out, verdict.routed ? ", routed," : "", " to port ", verdict.port.value());
    if (verdict.peer != 0) absl::StrAppend(&out, " and peer ", verdict.peer - 1, " in VNI ", verdict.vni);
  }
  const uint32_t rule = verdict.ingress_rule != 0 ? verdict.ingress_rule : verdict.egress_rule;
  if (rule != 0) absl::StrAppend(&out, ", rule ", rule);
  return out;
}

std::string kind_of_difference(const Verdict& active, const Verdict& shadow) {
  const std::string one = word(active), two = word(shadow);
  if (one != two) return absl::StrCat(one, " -> ", two);
  if (active.port != shadow.port || active.peer != shadow.peer || active.vni != shadow.vni ||
      active.endpoint != shadow.endpoint) {
    return absl::StrCat(one, " -> elsewhere");
  }
  if (active.routed != shadow.routed) return shadow.routed ? "bridged -> routed" : "routed -> bridged";
  return absl::StrCat(one, " -> by another rule");
}

}  // namespace outrigger::engine
