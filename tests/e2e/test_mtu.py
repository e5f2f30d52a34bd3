"""Sizes: what fits passes, what does not is reported with the right MTU, and TCP finds it."""
import socket

import pytest

# Network MTU 1450 over an underlay of 1500: IPv4 + UDP + VXLAN + inner Ethernet take the other 50.
PAIRS = [("same host", "free/a2"), ("across hosts", "free/b1"), ("other subnet across hosts", "free/b2"),
         ("plain host", "free/c1")]


@pytest.mark.parametrize("destination", [p[1] for p in PAIRS], ids=[p[0] for p in PAIRS])
@pytest.mark.parametrize("version,header", [(4, 28), (6, 48)])
def test_the_whole_mtu_passes(world, destination, version, header):
    target = world[destination].address(version)
    assert world["free/a1"].ping(target, "-M", "do", "-s", 1450 - header) is None


@pytest.mark.parametrize("destination", ["free/a2", "free/b1", "free/b2"])
@pytest.mark.parametrize("version,header", [(4, 20), (6, 40)])
def test_too_big_is_reported_with_the_network_mtu(world, destination, version, header):
    """A guest whose device has a larger MTU than the network."""
    from scapy.layers.inet import ICMP, IP, UDP
    from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
    from scapy.layers.l2 import Ether

    source, target = world["free/a1"], world[destination]
    same_subnet = target.name != "free/b2"
    source.run("ip", "link", "set", "eth0", "mtu", "1500", check=True)
    try:
        mac = target.mac if same_subnet else source.gateway_mac()
        ip = IP(src=source.v4, dst=target.v4, flags="DF") if version == 4 else IPv6(src=source.v6, dst=target.v6)
        big = Ether(src=source.mac, dst=mac) / ip / UDP(sport=999, dport=999) / bytes(1451 - header - 8)
        with source.wire() as wire:
            if version == 4:
                told = wire.ask(big, lambda f: ICMP in f and (f[ICMP].type, f[ICMP].code) == (3, 4))
                assert told is not None and told[ICMP].nexthopmtu == 1450
            else:
                told = wire.ask(big, lambda f: ICMPv6PacketTooBig in f)
                assert told is not None and told[ICMPv6PacketTooBig].mtu == 1450
    finally:
        source.run("ip", "link", "set", "eth0", "mtu", "1450", check=True)


def test_ping_too_big_for_its_own_device_says_so(world):
    said = world["free/a1"].ping(world["free/b1"].v4, "-M", "do", "-s", 1450 - 27)
    assert said is not None and "1450" in said


@pytest.mark.parametrize("destination", ["free/a2", "free/b1", "free/b2", "free/c1", "free/c2"])
@pytest.mark.parametrize("version", [4, 6])
def test_tcp_moves_a_megabyte(world, servers, destination, version):
    guest = world[destination]
    servers.tcp(guest, 7000, version)
    with world["free/a1"].connect(guest.address(version), 7000, timeout=5) as connection:
        sent, back = 0, 0
        block = bytes(16384)
        for _ in range(64):
            connection.sendall(block)
            sent += len(block)
            while back < sent:
                back += len(connection.recv(65536))
        assert back == 1 << 20


@pytest.mark.parametrize("version", [4, 6])
def test_tcp_from_a_guest_with_a_larger_mtu_recovers(world, servers, version):
    """Its segments do not fit; the packet-too-big must reach its stack and be believed."""
    source, target = world["free/a1"], world["free/b2"]
    servers.tcp(target, 7000, version)
    source.run("ip", "link", "set", "eth0", "mtu", "1500", check=True)
    try:
        with source.connect(target.address(version), 7000, timeout=5) as connection:
            # The peer announces 1450: only an MSS that ignores it makes segments too big.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(bytes(100_000))
            back = 0
            while back < 100_000:
                back += len(connection.recv(65536))
            assert back == 100_000
    finally:
        source.run("ip", "link", "set", "eth0", "mtu", "1450", check=True)
        source.run("ip", "route", "flush", "cache")
        source.run("ip", "-6", "route", "flush", "cache")


def test_geneve_carries_its_mtu(world):
    assert world["free/g1"].ping(world["free/g2"].v4, "-M", "do", "-s", 1400 - 28) is None
