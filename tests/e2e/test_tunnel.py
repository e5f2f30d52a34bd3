"""The overlay as the fabric sees it, and what strangers on the fabric can do: nothing."""
import pytest
from scapy.layers.inet import ICMP, IP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from support.frames import Wire
from support.wait import until

VXLAN_PORT, GENEVE_PORT = 4789, 6081
MARK = b"outrigger-tunnel"


@pytest.fixture
def underlay(world):
    """The fabric's end of a's uplink."""
    with Wire(world.fabric, "up-a") as wire:
        yield wire


def outer_frames(wire, port, timeout=0.5):
    return [f for f in wire.frames(timeout) if UDP in f and f[UDP].dport == port]


def test_vxlan_on_the_wire(world, underlay):
    """RFC 7348 §5: flag I, the network's VNI, no checksum needed, the inner frame as it was."""
    source, target = world["free/a1"], world["free/b1"]
    source.ping(target.v4)
    underlay.clear()
    assert source.ping(target.v4) is None
    seen = [f for f in outer_frames(underlay, VXLAN_PORT) if ICMP in f[VXLAN]]
    assert len(seen) == 1
    frame = seen[0]
    assert (frame[IP].src, frame[IP].dst) == ("192.0.2.1", "192.0.2.2")
    assert frame[VXLAN].vni == 100 and frame[VXLAN].flags == 8
    inner = frame[VXLAN].payload
    assert (inner[Ether].src, inner[Ether].dst) == (source.mac, target.mac)
    assert (inner[IP].src, inner[IP].dst) == (source.v4, target.v4)
    outer = IP(bytes(frame[IP]))
    sent, outer.chksum = outer.chksum, None
    assert IP(bytes(outer)).chksum == sent


def test_geneve_on_the_wire(world, underlay):
    """RFC 8926 §3.4: version 0, no options, protocol Trans Ether, VNI in the upper three bytes."""
    world["free/g1"].ping(world["free/g2"].v4)
    underlay.clear()
    assert world["free/g1"].ping(world["free/g2"].v4) is None
    seen = outer_frames(underlay, GENEVE_PORT)
    assert seen
    header = bytes(seen[0][UDP].payload)[:8]
    assert header[0] >> 6 == 0 and header[0] & 0x3f == 0
    assert header[2:4] == b"\x65\x58"
    assert int.from_bytes(header[4:7], "big") == 200


def test_flows_differ_in_their_outer_source_port(world, servers, underlay):
    """The fabric spreads flows by it (RFC 7348 §5); one flow keeps to one port."""
    source, target = world["free/a1"], world["free/b1"]
    servers.udp(target, 5001)
    underlay.clear()
    for _ in range(20):
        source.udp(target.v4, 5001)
    by_flow = {}
    for frame in outer_frames(underlay, VXLAN_PORT):
        if UDP in frame[VXLAN].payload and frame[VXLAN].payload[IP].src == source.v4:
            by_flow.setdefault(frame[VXLAN].payload[UDP].sport, set()).add(frame[UDP].sport)
    assert len(by_flow) >= 18  # the kernel may choose a source port twice
    assert all(len(ports) == 1 for ports in by_flow.values())
    ports = set().union(*by_flow.values())
    assert len(ports) >= 10 and min(ports) >= 49152


def test_uplink_answers_arp_for_its_own_address(world, underlay):
    asks = Ether(src="02:00:00:00:aa:aa", dst="ff:ff:ff:ff:ff:ff") / ARP(
        hwsrc="02:00:00:00:aa:aa", psrc="192.0.2.77", pdst="192.0.2.1")
    answer = underlay.ask(asks, lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == "192.0.2.1")
    assert answer is not None


# A frame of b1's for a1, in a tunnel packet of b's for a; the tests change one thing each.

def inner(world, source="free/b1", target="free/a1", port=700):
    source, target = world[source], world[target]
    return (Ether(src=source.mac, dst=target.mac) / IP(src=source.v4, dst=target.v4) /
            UDP(sport=port, dport=701) / Raw(MARK))


def outer(world, source="192.0.2.2", target="192.0.2.1"):
    with Wire(world.fabric, "up-a") as wire:
        asks = Ether(src="02:00:00:00:aa:aa", dst="ff:ff:ff:ff:ff:ff") / ARP(
            hwsrc="02:00:00:00:aa:aa", psrc="192.0.2.77", pdst="192.0.2.1")
        answer = wire.ask(asks, lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == "192.0.2.1")
    return Ether(src="02:00:00:00:aa:aa", dst=answer[ARP].hwsrc) / IP(src=source, dst=target) / UDP(
        sport=50000, dport=VXLAN_PORT, chksum=0)


def arrives(world, underlay, *frames):
    with world["free/a1"].wire() as heard:
        heard.clear()
        underlay.send(*frames)
        return heard.first(lambda f: MARK in bytes(f), timeout=0.3) is not None


def test_the_honest_tunnel_packet_arrives(world, underlay):
    assert arrives(world, underlay, outer(world) / VXLAN(vni=100, flags=8) / inner(world))


def refused(world, underlay, reason, *frames):
    with world.drop_counted(reason, at_least=len(frames), node="a"):
        assert not arrives(world, underlay, *frames)


def test_unauthorised_peer(world, underlay):
    refused(world, underlay, "tunnel_unknown_peer",
            outer(world, source="192.0.2.66") / VXLAN(vni=100, flags=8) / inner(world))


def test_unknown_vni(world, underlay):
    refused(world, underlay, "tunnel_unknown_vni", outer(world) / VXLAN(vni=999, flags=8) / inner(world))


def test_a_vxlan_packet_for_a_geneve_network(world, underlay):
    refused(world, underlay, "tunnel_unknown_vni", outer(world) / VXLAN(vni=200, flags=8) / inner(world))


def test_inner_source_that_lives_elsewhere(world, underlay):
    """b sends in the name of a's own endpoint, and c in the name of b's."""
    refused(world, underlay, "tunnel_source_mismatch",
            outer(world) / VXLAN(vni=100, flags=8) / inner(world, source="free/a2"),
            outer(world, source="192.0.2.3") / VXLAN(vni=100, flags=8) / inner(world, port=710))


def test_a_living_flow_does_not_move_to_another_peer(world, underlay):
    """c continues what b began."""
    flow = inner(world, port=720)
    assert arrives(world, underlay, outer(world) / VXLAN(vni=100, flags=8) / flow)
    with world.drop_counted_any({"session_wrong_port", "tunnel_source_mismatch"}, node="a"):
        assert not arrives(world, underlay, outer(world, source="192.0.2.3") / VXLAN(vni=100, flags=8) / flow)


def test_tunnel_in_a_tunnel_aimed_at_a_node(world, underlay):
    nested = (Ether(src=world["free/b1"].mac, dst=world["free/a1"].mac) / IP(src="192.0.2.2", dst="192.0.2.1") /
              UDP(sport=50000, dport=VXLAN_PORT) / VXLAN(vni=100, flags=8) / inner(world))
    with world.drop_counted("tunnel_nested", node="a"):
        assert not arrives(world, underlay, outer(world) / VXLAN(vni=100, flags=8) / nested)


def test_a_guest_cannot_speak_vxlan_to_a_node(world, underlay):
    """From an endpoint, a packet for a node's underlay address goes nowhere."""
    source = world["free/a1"]
    attack = (Ether(src=source.mac, dst=source.gateway_mac()) / IP(src=source.v4, dst="192.0.2.2") /
              UDP(sport=50000, dport=VXLAN_PORT) / VXLAN(vni=100, flags=8) / inner(world))
    with source.wire() as wire, Wire(world.fabric, "up-b", outgoing=True) as heard:
        heard.clear()
        wire.send(attack)
        assert heard.first(lambda f: MARK in bytes(f), timeout=0.3) is None


def test_vxlan_with_the_flag_missing(world, underlay):
    refused(world, underlay, "tunnel_malformed", outer(world) / VXLAN(vni=100, flags=0) / inner(world))


def test_vxlan_cut_short(world, underlay):
    whole = bytes(outer(world) / VXLAN(vni=100, flags=8) / Raw(b""))
    headers = outer(world)
    refused(world, underlay, "tunnel_malformed", headers / Raw(whole[42:46]))


def test_fragmented_tunnel_packet(world, underlay):
    """RFC 7348 §4.3: a VTEP may discard it, and a filter that cannot see the inside must."""
    headers = outer(world)
    whole = headers[IP] / VXLAN(vni=100, flags=8) / inner(world) / Raw(bytes(1400))
    pieces = [Ether(src=headers.src, dst=headers.dst) / piece for piece in fragment(whole, 800)]
    refused(world, underlay, "tunnel_fragmented", *pieces)


def test_vlan_tag_inside_the_tunnel(world, underlay):
    from scapy.layers.l2 import Dot1Q

    plain = inner(world)
    tagged = Ether(src=plain.src, dst=plain.dst) / Dot1Q(vlan=5) / plain.payload
    refused(world, underlay, "vlan_tagged", outer(world) / VXLAN(vni=100, flags=8) / tagged)


def test_fabric_traffic_for_others_is_ignored(world, underlay):
    refused(world, underlay, "tunnel_not_for_us",
            outer(world, target="192.0.2.200") / VXLAN(vni=100, flags=8) / inner(world))


def test_a_plain_peer_is_policed_where_its_traffic_ends(shop, servers):
    """c judges nothing; a judges for its own endpoint."""
    servers.tcp(shop["shop/web-1"], 8080)
    assert shop["shop/legacy"].tcp(shop["shop/web-1"].v4, 8080) == "open"
    assert shop["free/c1"].tcp(shop["shop/web-1"].v4, 8080) == "refused"


def test_ipv6_underlay_carries_everything(v6_world, servers):
    a1, b1, c1 = (v6_world[name] for name in ("free/a1", "free/b1", "free/c1"))
    with Wire(v6_world.fabric, "up-a") as wire:
        wire.clear()
        for target in (b1, c1):
            for version in (4, 6):
                assert a1.ping(target.address(version), "-M", "do", "-s", 1430 - (28 if version == 4 else 48)) is None
        outside = [f for f in wire.frames(0.3) if IPv6 in f and UDP in f and f[UDP].dport == VXLAN_PORT]
    assert {f[IPv6].dst for f in outside} == {"2001:db8::2", "2001:db8::3"}
    assert all(f[UDP].chksum != 0 or f[VXLAN].vni == 100 for f in outside)  # RFC 6935 allows zero
    assert c1.ping(b1.v4) is None
    servers.tcp(b1, 7000)
    assert a1.tcp(b1.v4, 7000) == "open"


def test_geneve_over_ipv6(v6_world):
    assert v6_world["free/g1"].ping(v6_world["free/g2"].v4, "-M", "do", "-s", 1430 - 28) is None


def test_hostile_fabric_frames_harm_nothing(world, underlay):
    import random

    rng = random.Random(4789)
    pid = world.daemon("a")
    whole = bytes(outer(world) / VXLAN(vni=100, flags=8) / inner(world))
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(12, len(data))] = rng.randrange(256)
        underlay.send(bytes(data[:rng.randrange(15, len(data) + 1)]))
    assert world.daemon("a") == pid
    assert until(lambda: world["free/a1"].ping(world["free/b1"].v4) is None, timeout=5)
