// What each test does, by subject; the table with names and expectations is in tests.cc.
#pragma once

#include "audit/audit.h"

namespace outrigger::audit {

// attempts_reach.cc: doors, and who is let in.
Verdict try_every_port(Scene& scene);
Verdict try_udp_ports(Scene& scene);  // attempts_udp.cc
Verdict try_from_a_guest(Scene& scene);
Verdict call_without_tls(Scene& scene);
Verdict call_without_certificate(Scene& scene);
Verdict call_with_foreign_authority(Scene& scene);
Verdict call_with_wrong_role(Scene& scene);
Verdict call_with_stolen_certificate(Scene& scene);

// attempts_methods.cc: what the host's own certificate may.
Verdict call_every_method(Scene& scene);
Verdict call_the_api(Scene& scene);
Verdict change_policy(Scene& scene);
Verdict read_policy(Scene& scene);

// attempts_frames.cc: what a guest may send.
Verdict spoof_mac(Scene& scene);
Verdict spoof_address(Scene& scene);
Verdict spoof_arp(Scene& scene);
Verdict spoof_neighbour(Scene& scene);
Verdict spoof_router(Scene& scene);
Verdict spoof_dhcp(Scene& scene);
Verdict hop_vlan(Scene& scene);
Verdict hop_two_vlans(Scene& scene);
Verdict nest_tunnels(Scene& scene);
Verdict tunnel_from_the_host(Scene& scene);
Verdict fragment_past_policy(Scene& scene);

// attempts_policy.cc: does it hold under load.
Verdict reach_the_denied(Scene& scene);
Verdict flood_sessions(Scene& scene);

// attempts_agent.cc: with the host's agent dead, and in its name.
Verdict kill_the_agent(Scene& scene);
Verdict claim_fallback(Scene& scene);
Verdict demand_closed_service(Scene& scene);
Verdict replay_the_link(Scene& scene);
Verdict garble_the_link(Scene& scene);
Verdict flood_the_link(Scene& scene);
Verdict bring_the_agent_back(Scene& scene);

// attempts_bundle.cc
Verdict forge_bundles(Scene& scene);
Verdict replay_bundles(Scene& scene);

// attempts_keys.cc
Verdict read_keys_as_root(Scene& scene);
Verdict read_keys_as_nobody(Scene& scene);
Verdict reach_sockets(Scene& scene);

// attempts_processes.cc
Verdict read_processes(Scene& scene);

// attempts_rules.cc: what root on the host may take away.
Verdict remove_rules(Scene& scene);

}  // namespace outrigger::audit
