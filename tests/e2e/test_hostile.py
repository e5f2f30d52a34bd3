"""Malformed, truncated and hostile packets: each is dropped with its name, and the path lives on."""
import random
import struct

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting)
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from support.wait import until

SEED = 20221


def build(world):
    source, target = world["free/a1"], world["free/a2"]
    ether = Ether(src=source.mac, dst=target.mac)
    return ether, IP(src=source.v4, dst=target.v4), IPv6(src=source.v6, dst=target.v6)


def cut(frame, length):
    return bytes(frame)[:length]


def patched(frame, offset, value):
    data = bytearray(bytes(frame))
    data[offset:offset + len(value)] = value
    return bytes(data)


def resummed(frame):
    """The IPv4 header checksum made right again after a patch."""
    data = bytearray(frame)
    length = (data[14] & 15) * 4
    data[24:26] = b"\0\0"
    total = sum(struct.unpack(f"!{length // 2}H", data[14:14 + length]))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    data[24:26] = struct.pack("!H", ~total & 0xffff)
    return bytes(data)


ROWS = {
    "frame shorter than Ethernet and IP": ("frame_too_short", lambda e, v4, v6: cut(e / v4 / UDP(), 20)),
    "unknown EtherType": ("ethertype_unsupported", lambda e, v4, v6: patched(e / v4 / UDP() / Raw(bytes(20)), 12, b"\x88\xb5")),
    "version 6 under the IPv4 type": ("ip_version", lambda e, v4, v6: patched(e / v4 / UDP(), 14, b"\x65")),
    "IPv4 header length below 20": ("ip_header_length", lambda e, v4, v6: patched(e / v4 / UDP() / Raw(bytes(30)), 14, b"\x44")),
    "IPv4 header past the packet": ("ip_header_length", lambda e, v4, v6: patched(e / v4 / UDP(), 14, b"\x4f")),
    "IPv4 length past the frame": ("ip_total_length", lambda e, v4, v6: resummed(bytes(e / v4.__class__(src=v4.src, dst=v4.dst, len=900) / UDP()))),
    "IPv4 length below its header": ("ip_total_length", lambda e, v4, v6: resummed(bytes(e / v4.__class__(src=v4.src, dst=v4.dst, len=12) / UDP()))),
    "IPv4 checksum": ("ip_checksum", lambda e, v4, v6: patched(e / v4 / UDP(), 24, b"\xde\xad")),
    "IPv4 source route": ("ip_source_route", lambda e, v4, v6: e / IP(src=v4.src, dst=v4.dst, options=b"\x83\x07\x04\x0a\x01\x00\x01\x00") / UDP()),
    "IPv6 length past the frame": ("ip_total_length", lambda e, v4, v6: patched(e / v6 / UDP(), 18, b"\x40\x00")),
    "IPv6 routing header": ("ipv6_routing_header", lambda e, v4, v6: e / v6 / IPv6ExtHdrRouting(addresses=["fd00:1::99"]) / UDP()),
    "IPv6 hop-by-hop not first": ("ipv6_extension", lambda e, v4, v6: e / v6 / IPv6ExtHdrDestOpt() / IPv6ExtHdrHopByHop() / UDP()),
    "IPv6 extension headers without end": ("ipv6_extension", lambda e, v4, v6: e / chain(v6, 20) / UDP()),
    "TCP header cut": ("l4_truncated", lambda e, v4, v6: e / v4.__class__(src=v4.src, dst=v4.dst, proto=6) / Raw(bytes(10))),
    "UDP header cut": ("l4_truncated", lambda e, v4, v6: e / v4.__class__(src=v4.src, dst=v4.dst, proto=17) / Raw(bytes(5))),
    "TCP data offset below 20": ("tcp_header_length", lambda e, v4, v6: e / v4 / TCP(dataofs=2, flags="S")),
    "TCP data offset past the packet": ("tcp_header_length", lambda e, v4, v6: e / v4 / TCP(dataofs=15, flags="S")),
    "TCP SYN and FIN": ("tcp_flags", lambda e, v4, v6: e / v4 / TCP(flags="SF")),
    "TCP without flags": ("tcp_flags", lambda e, v4, v6: e / v4 / TCP(flags="")),
    "TCP christmas tree": ("tcp_flags", lambda e, v4, v6: e / v4 / TCP(flags="FSRPAU")),
    "UDP length below 8": ("udp_length", lambda e, v4, v6: e / v4 / UDP(len=4) / Raw(b"abcd")),
    "UDP length past the packet": ("udp_length", lambda e, v4, v6: e / v4 / UDP(len=800) / Raw(b"abcd")),
    "ICMP cut": ("icmp_truncated", lambda e, v4, v6: e / v4.__class__(src=v4.src, dst=v4.dst, proto=1) / Raw(b"\3\0")),
    "ICMP error about nothing": ("icmp_truncated", lambda e, v4, v6: e / v4 / ICMP(type=3, code=3) / Raw(bytes(6))),
    "ARP cut": ("arp_malformed", lambda e, v4, v6: cut(Ether(src=e.src, dst=e.dst) / ARP(psrc=v4.src, pdst=v4.dst), 30)),
    "ARP of another kind": ("arp_malformed", lambda e, v4, v6: Ether(src=e.src, dst=e.dst) / ARP(hwtype=6, psrc=v4.src, pdst=v4.dst)),
    "ICMP error about a flow that does not exist": ("icmp_error_no_session", lambda e, v4, v6: e / v4 / ICMP(type=3, code=1) / IP(src=v4.dst, dst=v4.src) / UDP(sport=11, dport=22) / Raw(bytes(8))),
    "first fragment without its transport header": ("fragment_tiny", lambda e, v4, v6: e / IP(src=v4.src, dst=v4.dst, proto=6, flags="MF", id=5) / Raw(bytes(8))),
    "fragment past 64 KiB": ("fragment_invalid", lambda e, v4, v6: e / IP(src=v4.src, dst=v4.dst, proto=17, frag=8190, id=6) / Raw(bytes(64))),
    "fragment of an odd size": ("fragment_invalid", lambda e, v4, v6: e / IP(src=v4.src, dst=v4.dst, proto=17, flags="MF", id=7) / UDP(len=100) / Raw(bytes(13))),
    "later fragment without its first": ("fragment_unknown", lambda e, v4, v6: e / IP(src=v4.src, dst=v4.dst, proto=17, frag=100, id=8) / Raw(bytes(64))),
    "IPv6 first fragment cut short": ("fragment_tiny", lambda e, v4, v6: e / v6 / IPv6ExtHdrFragment(nh=6, m=1, id=9) / Raw(bytes(8))),
}


def chain(packet, length):
    for _ in range(length):
        packet = packet / IPv6ExtHdrDestOpt()
    return packet


@pytest.mark.parametrize("name", ROWS)
def test_dropped_by_name(world, name):
    reason, make = ROWS[name]
    frame = make(*build(world))
    with world["free/a1"].wire() as wire, world["free/a2"].wire() as heard, world.drop_counted(reason, node="a"):
        heard.clear()
        wire.send(frame)
        mac = world["free/a1"].mac
        assert heard.first(lambda f: f.src == mac, timeout=0.1) is None


def fragments_of(world, payload, size, identity):
    ether, ip, _ = build(world)
    whole = IP(src=ip.src, dst=ip.dst, id=identity) / UDP(sport=4300, dport=4301) / Raw(payload)
    return [ether / IP(bytes(piece)) for piece in fragment(whole, size)]


def test_overlapping_fragment_is_dropped(world):
    first, second, third = fragments_of(world, bytes(2900), 1000, 101)
    second[IP].frag -= 10
    del second[IP].chksum
    with world["free/a1"].wire() as wire, world.drop_counted("fragment_overlap", node="a"):
        wire.send(first, Ether(bytes(second)), third)


def test_first_fragment_overwritten_by_a_later_one(world):
    """The classic way around a filter (RFC 1858): a second first fragment with another port."""
    first, second = fragments_of(world, bytes(1900), 1000, 102)
    again = Ether(bytes(first))
    again[UDP].dport = 22
    with world["free/a1"].wire() as wire, world.drop_counted("fragment_overlap", node="a"):
        wire.send(first, again, second)


def test_overlapping_ipv6_fragment_is_dropped(world):
    """RFC 5722: IPv6 knows no overlap at all."""
    ether, _, ip = build(world)
    first = ether / ip / IPv6ExtHdrFragment(nh=17, m=1, id=103) / UDP(sport=4400, dport=4401, len=2008) / Raw(bytes(992))
    second = ether / ip / IPv6ExtHdrFragment(nh=17, m=1, id=103, offset=120) / Raw(bytes(400))
    with world["free/a1"].wire() as wire, world.drop_counted("fragment_overlap", node="a"):
        wire.send(first, second)


def test_fragments_without_end_are_bounded(world):
    """First fragments whose rest never comes fill the table; an instant later others are followed all the same."""
    ether, ip, _ = build(world)
    piece = bytes(ether / IP(src=ip.src, dst=ip.dst, flags="MF") / UDP(sport=4500, dport=4501, len=900) / Raw(bytes(64)))
    with world["free/a1"].wire() as wire, world.drop_counted("fragment_table_full", node="a"):
        for i in range(12000):
            wire.send(resummed(patched(piece, 18, struct.pack("!H", 20000 + i))))
    held = next(row for row in world.json("capacity") if row["name"] == "fragmented packets" and row["node"] == "a")
    assert held["size"] / 2 < held["high_water"] <= held["size"]
    assert until(lambda: world["free/a3"].ping(world["free/a2"].v4, "-s", "2000", wait=1) is None, timeout=4)


def test_icmp_echo_in_fragments_arrives(world):
    assert world["free/a1"].ping(world["free/a2"].v4, "-s", "4000") is None
    assert world["free/a1"].ping(world["free/b2"].v6, "-s", "4000") is None


def corrupted(rng, frame):
    """One frame with random damage: bytes flipped, the end cut off, or rubbish after it."""
    data = bytearray(bytes(frame))
    for _ in range(rng.randrange(1, 8)):
        data[rng.randrange(12, len(data))] = rng.randrange(256)
    if rng.random() < 0.3:
        del data[rng.randrange(15, len(data)):]
    if rng.random() < 0.1:
        data += rng.randbytes(rng.randrange(1, 400))
    return bytes(data[:1464])


def seeds(world):
    ether, v4, v6 = build(world)
    return [ether / v4 / TCP(flags="S", options=[("MSS", 1400)]), ether / v4 / UDP(sport=1, dport=2) / Raw(bytes(100)),
            ether / v6 / TCP(flags="S"), ether / v6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1) / UDP() / Raw(bytes(64)),
            ether / v4 / ICMP() / Raw(bytes(56)), Ether(src=ether.src, dst="ff:ff:ff:ff:ff:ff") / ARP(psrc=v4.src, pdst=v4.dst),
            ether / IP(src=v4.src, dst=v4.dst, flags="MF") / UDP() / Raw(bytes(800)),
            ether / v4 / UDP(dport=4789) / Raw(bytes(8)) / Ether() / v4 / TCP()]


def test_two_thousand_damaged_frames_harm_nothing(world):
    rng = random.Random(SEED)
    pids = {node: world.daemon(node) for node in ("a", "b")}
    with world["free/a1"].wire() as wire:
        for _ in range(250):
            for seed in seeds(world):
                wire.send(corrupted(rng, seed))
    assert {node: world.daemon(node) for node in ("a", "b")} == pids
    assert world["free/a1"].ping(world["free/b1"].v4, wait=3) is None
