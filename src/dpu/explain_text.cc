#include "dpu/explain_text.h"

#include "absl/strings/str_cat.h"

namespace outrigger::agent {

namespace {

using engine::Judgement;
using engine::Step;

std::string name(Drop drop) { return std::string(info(drop).name); }
std::string meaning(Drop drop) { return std::string(info(drop).meaning); }

v1::ExplainStep& add(v1::Explanation& out, const std::string& node, const char* from,
                     const std::string& service, const std::string& outcome, const std::string& detail) {
  v1::ExplainStep& step = *out.add_steps();
  step.set_node(node);
  step.set_from(from);
  step.set_service(service);
  step.set_outcome(outcome);
  step.set_detail(detail);
  return step;
}

void end(v1::Explanation& out, bool allowed, const std::string& output) {
  out.set_verdict(allowed ? "allow" : "deny");
  out.set_output(output);
}

void deny(v1::Explanation& out, Drop drop, const std::string& node) {
  out.set_reason(name(drop));
  end(out, false, absl::StrCat("drop ", name(drop), " on ", node));
}

const char* refused(const Step& step) {
  return step.kind == Step::Kind::kRefuse ? "; the sender is told" : "";
}

std::string meaning(const Step& step) {
  return absl::StrCat(name(step.drop), ": ", meaning(step.drop), refused(step));
}

bool dropped_by(const Step& step, std::string_view service) {
  return (step.kind == Step::Kind::kDrop || step.kind == Step::Kind::kRefuse) &&
         info(step.drop).service == service;
}

// One hop, service by service.
class HopWriter {
 public:
  HopWriter(const HopText& hop, v1::Explanation& out) : hop_(hop), step_(hop.why.step), out_(out) {}

  std::string write() {
    if (!vswitch() || !policy()) return "";
    return overlay();
  }

 private:
  v1::ExplainStep& step(const std::string& service, const std::string& outcome, const std::string& detail) {
    return add(out_, hop_.node, hop_.from, service, outcome, detail);
  }

  // False when it ends here.
  bool vswitch() {
    if (step_.kind == Step::Kind::kRespond) {
      step("vswitch", "answer", absl::StrCat(hop_.parties.destination.address.str(), " is the node's own"));
      end(out_, true, absl::StrCat("answered by ", hop_.node));
      return false;
    }
    if (step_.kind == Step::Kind::kReplicate) {
      step("vswitch", "replicate", "to every endpoint of the network that may have it");
      end(out_, true, absl::StrCat("replicated by ", hop_.node));
      return false;
    }
    const bool stopped =
        step_.drop != Drop::kNone && !dropped_by(step_, "policy") && !dropped_by(step_, "overlay");
    if (stopped) {
      step(std::string(info(step_.drop).service), "drop", meaning(step_));
      deny(out_, step_.drop, hop_.node);
      return false;
    }
    const char* how = hop_.why.decision.to.routed != 0 ? "routed" : "switched";
    const std::string network = hop_.parties.network->meta.name;
    step("vswitch", "forward",
         absl::StrCat(how, " in network ", network, " to ",
                      hop_.names.endpoint(hop_.why.decision.destination)));
    return true;
  }

  void judgement(const char* side, const Party& subject, const Judgement& judgement) {
    if (!judgement.judged) return;
    const std::string rule = hop_.names.rule(judgement.rule);
    if (!rule.empty()) out_.set_rule(rule);
    step("policy", judgement.allowed ? "allow" : "deny",
         absl::StrCat(side, " of ", subject.name(), ": ", rule.empty() ? "no policy restricts it" : rule))
        .set_rule(rule);
  }

  bool policy() {
    const engine::Decision& decision = hop_.why.decision;
    judgement("egress", hop_.parties.source, decision.egress);
    judgement("ingress", hop_.parties.destination, decision.ingress);
    if (!decision.egress.judged && !decision.ingress.judged) {
      step("policy", "not_judged", "neither end is this node's to judge");
    }
    if (!dropped_by(step_, "policy")) return true;
    deny(out_, step_.drop, hop_.node);
    if (step_.kind == Step::Kind::kRefuse || decision.reject) {
      out_.set_output(absl::StrCat(out_.output(), "; the sender is told (network denies by reject)"));
    }
    return false;
  }

  std::string overlay() {
    const engine::Decision& decision = hop_.why.decision;
    if (step_.kind != Step::Kind::kNext) {
      step("overlay", "drop", meaning(step_));
      deny(out_, step_.drop, hop_.node);
      return "";
    }
    if (decision.to.tunnel != kNoTunnel) return tunnel();
    const std::string port =
        absl::StrCat("port ", decision.to.port.value(), " (", hop_.names.port(decision.to.port), ")");
    step("overlay", "deliver", absl::StrCat("local: ", port));
    end(out_, true, absl::StrCat(port, " on ", hop_.node));
    return "";
  }

  // The peer that has the destination.
  std::string tunnel() {
    std::string peer;
    for (const auto& endpoint : hop_.compiled.structure.endpoints()) {
      if (endpoint.id() != hop_.why.decision.destination.value()) continue;
      for (const auto& one : hop_.compiled.structure.peers()) {
        if (one.id() == endpoint.peer()) peer = one.name();
      }
    }
    const manifest::Network& network = *hop_.parties.network;
    const bool geneve = network.encapsulation == manifest::Network::Encapsulation::kGeneve;
    step("overlay", "encapsulate",
         absl::StrCat(geneve ? "geneve" : "vxlan", " VNI ", network.vni, " to ", peer, ", MTU ",
                      hop_.why.decision.mtu));
    end(out_, true, absl::StrCat("tunnel to ", peer));
    return peer;
  }

  const HopText& hop_;
  const Step& step_;
  v1::Explanation& out_;
};

}  // namespace

std::string text_hop(const HopText& hop, v1::Explanation& out) { return HopWriter(hop, out).write(); }

void text_nowhere(const Parties& parties, v1::Explanation& out) {
  add(out, "", "desired_state", "vswitch", "drop",
      absl::StrCat("no endpoint has ", parties.source.address.str(),
                   " or a prefix over it: ", meaning(Drop::kSpoofedAddress), ", wherever it comes in"));
  out.set_reason(name(Drop::kSpoofedAddress));
  end(out, false, absl::StrCat("drop ", out.reason(), " where it comes in"));
}

std::string text_from_plain(const std::string& node, const Parties& parties, v1::Explanation& out) {
  const manifest::Endpoint* destination = parties.destination.endpoint;
  if (destination == nullptr) {
    add(out, node, "desired_state", "host", "drop",
        absl::StrCat("no endpoint has ", parties.destination.address.str()));
    deny(out, Drop::kDestinationUnknown, node);
    return "";
  }
  if (destination->node == node) {
    add(out, node, "desired_state", "host", "deliver", "both ends are on this plain node: nothing is judged");
    end(out, true, absl::StrCat("endpoint ", name_of(*destination), " on ", node));
    return "";
  }
  add(out, node, "desired_state", "host", "encapsulate",
      absl::StrCat("a plain node judges nothing; its vxlan device sends to ", destination->node));
  end(out, true, absl::StrCat("tunnel to ", destination->node));
  return destination->node;
}

void text_left_to_plain(const std::string& node, const Parties& parties, v1::Explanation& out) {
  add(out, node, "desired_state", "host", "deliver", "a plain node judges nothing");
  end(out, true, absl::StrCat("endpoint ", parties.destination.name(), " on ", node, " (plain)"));
}

void text_by_host(const std::string& node, v1::Explanation& out) {
  add(out, node, "desired_state", "host", "carry",
      "the host carries this node's traffic, not the engine, by rules made from the same desired state");
}

std::string text_no_tunnel(const std::string& node, const std::string& from, v1::Explanation& out) {
  add(out, node, "desired_state", "overlay", "drop",
      absl::StrCat(name(Drop::kTunnelUnknownPeer), ": no tunnel joins ", from, " and ", node));
  deny(out, Drop::kTunnelUnknownPeer, node);
  return "";
}

std::string name_of(const manifest::Endpoint& endpoint) {
  return absl::StrCat(endpoint.meta.ns, "/", endpoint.meta.name);
}

PortId uplink_of(const compiler::Compiled& compiled) {
  for (const auto& port : compiled.structure.ports()) {
    if (port.role() == engine::v1::Port::UPLINK) return PortId(static_cast<uint16_t>(port.id()));
  }
  return kNoPort;
}

}  // namespace outrigger::agent
