// An explanation in words: what each service did at one hop, and where that leaves the packet.
#pragma once

#include <string>

#include "dpu/names.h"
#include "dpu/party.h"
#include "engine/engine.h"
#include "outrigger/v1/inspect.pb.h"

namespace outrigger::agent {

struct HopText {
  const std::string& node;
  const char* from;  // "engine" or "desired_state"
  const compiler::Compiled& compiled;
  const Names& names;
  const engine::Explanation& why;
  const Parties& parties;
};

// Adds the hop's steps, and verdict, rule, reason and output when the packet goes no further.  Returns the
// node it goes to next, or "".
std::string text_hop(const HopText& hop, v1::Explanation& out);

// The ends that no table decides about.
void text_nowhere(const Parties& parties, v1::Explanation& out);  // no endpoint has the source
std::string text_from_plain(const std::string& node, const Parties& parties, v1::Explanation& out);
void text_left_to_plain(const std::string& node, const Parties& parties, v1::Explanation& out);
void text_by_host(const std::string& node,
                  v1::Explanation& out);  // before the hop at a node whose host carries
std::string text_no_tunnel(const std::string& node, const std::string& from, v1::Explanation& out);

std::string name_of(const manifest::Endpoint& endpoint);  // "shop/web-1"
PortId uplink_of(const compiler::Compiled& compiled);

}  // namespace outrigger::agent
