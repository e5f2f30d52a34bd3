// What is tried, in the order in which it is: from looking to disturbing, and what needs the host's agent
// dead at the end, together.
#include <array>

#include "audit/attempts.h"

namespace outrigger::audit {
namespace {

constexpr bool kDisturbs = true;

constexpr auto kTests = std::to_array<Test>({
    {"ports", "connect to every TCP port of the DPU's addresses", "the host link alone answers", false,
     try_every_port},
    {"ports-udp", "send to well-known UDP ports of the DPU's addresses, and to the link's",
     "none answers or takes it", false, try_udp_ports},
    {"guest-reaches-dpu", "connect to the link and the API from a guest", "no connection", false,
     try_from_a_guest},
    {"link-plain", "call the link without TLS", "refused", false, call_without_tls},
    {"link-no-certificate", "call the link without a certificate", "refused", false,
     call_without_certificate},
    {"link-foreign-ca", "call with a certificate of the intruder's own authority, in the host's name",
     "refused", false, call_with_foreign_authority},
    {"link-wrong-role", "call with a certificate of this authority that is no host's", "refused", false,
     call_with_wrong_role},
    {"link-stolen", "call with another host's certificate, for this node and for its own", "refused", false,
     call_with_stolen_certificate},
    {"methods", "call every method of every service on the link with the host's certificate",
     "none but the link's own answers", false, call_every_method},
    {"api", "call every method on the management API with the host's certificate",
     "out of reach, or all refused", false, call_the_api},
    {"policy-change", "apply a policy that opens everything", "refused, and denied stays denied", false,
     change_policy},
    {"policy-read", "read the policies in force", "refused", false, read_policy},
    {"policy", "connect to what policy denies", "no connection", false, reach_the_denied},
    {"spoofed-mac", "send from another MAC", "does not arrive", false, spoof_mac},
    {"spoofed-address", "send from another's IP address", "does not arrive", false, spoof_address},
    {"spoofed-arp", "claim another's address, or another's MAC, by ARP", "does not arrive", false, spoof_arp},
    {"spoofed-nd", "claim another's address by neighbour advertisement", "does not arrive", false,
     spoof_neighbour},
    {"spoofed-router", "play the router by router advertisement", "does not arrive", false, spoof_router},
    {"spoofed-dhcp", "play the DHCP server", "does not arrive", false, spoof_dhcp},
    {"vlan", "send with a VLAN tag", "does not arrive, with or without its tag", false, hop_vlan},
    {"vlan-double", "send with two VLAN tags", "does not arrive, with or without its tags", false,
     hop_two_vlans},
    {"tunnel-nested", "send tunnel packets for nodes from a guest", "their inside does not arrive", false,
     nest_tunnels},
    {"tunnel-host", "send tunnel packets for nodes from the host's own kernel",
     "their inside does not arrive", false, tunnel_from_the_host},
    {"fragments", "cut a denied packet so that its ports are late, missing or two", "no piece arrives", false,
     fragment_past_policy},
    {"bundle-forged", "give the host's check a bundle without or with another's signature", "refused by name",
     false, forge_bundles},
    {"bundle-replayed", "give the host's check an older, expired or another node's bundle", "refused by name",
     false, replay_bundles},
    {"keys-root", "search the host's files for the DPU's private keys, as root", "none", false,
     read_keys_as_root},
    {"keys-user", "search for private keys without rights", "none is readable", false, read_keys_as_nobody},
    {"processes", "read the DPU's processes in /proc", "not there, or closed to others", false,
     read_processes},
    {"sockets", "connect to the DPU's Unix sockets", "none takes a connection", false, reach_sockets},
    {"rules-removed", "remove this host's packet rules as root, and put them back", "denied stays denied",
     false, remove_rules},
    {"session-flood", "open new flows by the thousand", "an established flow lives on; denied stays denied",
     kDisturbs, flood_sessions},
    {"agent-killed", "kill the host's agent", "denied stays denied, allowed goes on", kDisturbs,
     kill_the_agent},
    {"fallback-claimed", "say in the agent's name that the fallback is active, unordered",
     "the DPU goes on carrying", kDisturbs, claim_fallback},
    {"fallback-closed", "take over a service whose contract says closed", "not in the bundle, not believed",
     kDisturbs, demand_closed_service},
    {"link-replay", "send the host's messages again, out of order and for another node", "refused", kDisturbs,
     replay_the_link},
    {"link-garbled", "send messages cut short, noise, 8 MiB, an unknown state",
     "refused, and the link answers on", kDisturbs, garble_the_link},
    {"link-flood", "flood the link with connections and calls", "bounded, and the link answers again",
     kDisturbs, flood_the_link},
    {"agent-returns", "have the host's agent started by whoever owns it", "it runs, and nothing opened",
     kDisturbs, bring_the_agent_back},
});

}  // namespace

std::span<const Test> tests() { return kTests; }

}  // namespace outrigger::audit
