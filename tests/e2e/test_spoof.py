"""A guest may speak for itself alone: every way of speaking for another is dropped by name, and never arrives."""
import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

OTHER_MAC = "02:00:00:00:99:99"
BROADCAST = "ff:ff:ff:ff:ff:ff"
MARK = b"outrigger-spoof"


@pytest.fixture(params=["free/a2", "free/b1"], ids=["same host", "across hosts"])
def victim(world, request):
    return world[request.param]


def expect_drop(world, victim, reason, *frames):
    """The frames of free/a1 are dropped for `reason` at its port, and none reaches the victim."""
    source = world["free/a1"]
    with source.wire() as wire, victim.wire() as heard, world.drop_counted(reason, at_least=len(frames), node="a"):
        heard.clear()
        wire.send(*frames)
        assert heard.first(lambda f: MARK in bytes(f), timeout=0.2) is None


def datagram(world, victim, **ip):
    source = world["free/a1"]
    fields = {"src": source.v4, "dst": victim.v4, **ip}
    return IP(**fields) / UDP(sport=7, dport=7) / Raw(MARK)


def test_the_honest_frame_arrives(world, victim):
    """What the others vary: without this, their silence would prove nothing."""
    source = world["free/a1"]
    with source.wire() as wire, victim.wire() as heard:
        wire.send(Ether(src=source.mac, dst=victim.mac) / datagram(world, victim))
        assert heard.first(lambda f: MARK in bytes(f)) is not None


def test_source_mac(world, victim):
    expect_drop(world, victim, "spoofed_mac", Ether(src=OTHER_MAC, dst=victim.mac) / datagram(world, victim))


def test_source_address(world, victim):
    mac = world["free/a1"].mac
    expect_drop(world, victim, "spoofed_address",
                Ether(src=mac, dst=victim.mac) / datagram(world, victim, src="10.1.0.99"),
                Ether(src=mac, dst=victim.mac) / datagram(world, victim, src=world["free/a3"].v4))


def test_source_address_v6(world, victim):
    packet = IPv6(src=world["free/a3"].v6, dst=victim.v6) / UDP(sport=7, dport=7) / Raw(MARK)
    expect_drop(world, victim, "spoofed_address", Ether(src=world["free/a1"].mac, dst=victim.mac) / packet)


def test_arp_for_anothers_address(world, victim):
    source, owner = world["free/a1"], world["free/a3"]
    for operation in (1, 2):
        arp = ARP(op=operation, hwsrc=source.mac, psrc=owner.v4, hwdst=victim.mac, pdst=victim.v4)
        expect_drop(world, victim, "spoofed_arp", Ether(src=source.mac, dst=BROADCAST) / arp / Raw(MARK))


def test_arp_for_the_gateway(world, victim):
    source = world["free/a1"]
    arp = ARP(op=2, hwsrc=source.mac, psrc="10.1.0.1", hwdst=victim.mac, pdst=victim.v4)
    expect_drop(world, victim, "spoofed_arp", Ether(src=source.mac, dst=victim.mac) / arp / Raw(MARK))


def test_arp_with_anothers_mac_inside(world, victim):
    source = world["free/a1"]
    arp = ARP(op=1, hwsrc=OTHER_MAC, psrc=source.v4, pdst=victim.v4)
    expect_drop(world, victim, "spoofed_arp", Ether(src=source.mac, dst=BROADCAST) / arp / Raw(MARK))


def test_neighbour_advertisement_for_anothers_address(world, victim):
    source, owner = world["free/a1"], world["free/a3"]
    claim = (IPv6(src=source.v6, dst=victim.v6, hlim=255) / ICMPv6ND_NA(tgt=owner.v6, S=1, O=1) /
             ICMPv6NDOptDstLLAddr(lladdr=source.mac))
    expect_drop(world, victim, "spoofed_nd", Ether(src=source.mac, dst=victim.mac) / claim)


def test_neighbour_solicitation_with_anothers_mac(world, victim):
    source = world["free/a1"]
    asks = (IPv6(src=source.v6, dst=victim.v6, hlim=255) / ICMPv6ND_NS(tgt=victim.v6) /
            ICMPv6NDOptSrcLLAddr(lladdr=OTHER_MAC))
    expect_drop(world, victim, "spoofed_nd", Ether(src=source.mac, dst="33:33:ff:00:00:52") / asks)


def test_router_advertisement(world, victim):
    source = world["free/a1"]
    link_local = "fe80::ff:fe00:a01"
    advert = IPv6(src=link_local, dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=1800)
    expect_drop(world, victim, "spoofed_router_advertisement",
                Ether(src=source.mac, dst="33:33:00:00:00:01") / advert)


def test_dhcp_server(world, victim):
    source = world["free/a1"]
    offer = (IP(src=source.v4, dst="255.255.255.255") / UDP(sport=67, dport=68) /
             BOOTP(op=2, yiaddr="10.1.0.200", chaddr=bytes.fromhex(victim.mac.replace(":", ""))) /
             DHCP(options=[("message-type", "offer"), "end"]))
    expect_drop(world, victim, "spoofed_dhcp", Ether(src=source.mac, dst=BROADCAST) / offer,
                Ether(src=source.mac, dst=victim.mac) / offer)


def test_vlan_hopping(world, victim):
    source = world["free/a1"]
    inner = datagram(world, victim)
    expect_drop(world, victim, "vlan_tagged",
                Ether(src=source.mac, dst=victim.mac) / Dot1Q(vlan=200) / inner,
                Ether(src=source.mac, dst=victim.mac) / Dot1Q(vlan=1) / Dot1Q(vlan=200) / inner,
                Ether(src=source.mac, dst=victim.mac) / Dot1AD(vlan=5) / Dot1Q(vlan=200) / inner,
                Ether(src=source.mac, dst=victim.mac) / Dot1Q(vlan=0) / inner)


def test_sources_no_host_can_have(world, victim):
    source = world["free/a1"]
    expect_drop(world, victim, "ip_address_invalid",
                *(Ether(src=source.mac, dst=victim.mac) / datagram(world, victim, src=bad)
                  for bad in ("224.0.0.1", "127.0.0.1", "255.255.255.255")))


def test_land_attack(world):
    """Source and destination are one address."""
    source = world["free/a1"]
    packet = IP(src=source.v4, dst=source.v4) / TCP(sport=80, dport=80, flags="S") / Raw(MARK)
    with source.wire() as wire, world.drop_counted("destination_is_source", node="a"):
        wire.send(Ether(src=source.mac, dst=source.gateway_mac()) / packet)


def test_a_frame_with_a_group_address_as_source(world, victim):
    expect_drop(world, victim, "spoofed_mac", Ether(src="01:00:5e:00:00:01", dst=victim.mac) / datagram(world, victim))
