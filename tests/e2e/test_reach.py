"""Who can be reached, and by which way: the same host, another host, another subnet, a plain Linux host."""
import re

import pytest

PAIRS = [
    ("same host", "free/a1", "free/a2"),
    ("same host, other subnet", "free/a1", "free/a3"),
    ("across hosts", "free/a1", "free/b1"),
    ("across hosts, other subnet", "free/a1", "free/b2"),
    ("from a plain host", "free/c1", "free/a1"),
    ("to a plain host", "free/b1", "free/c1"),
    ("from a plain host, other subnet", "free/c1", "free/b2"),
    ("to a plain host, other subnet", "free/a1", "free/c2"),
    ("Geneve", "free/g1", "free/g2"),
]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("source,destination", [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_ping(world, source, destination, version):
    assert world[source].ping(world[destination].address(version), count=2) is None


@pytest.mark.parametrize("source", ["free/a1", "free/b2", "free/c1", "free/g1"])
@pytest.mark.parametrize("version", [4, 6])
def test_gateway_answers_ping(world, source, version):
    gateway = re.sub(r"\d+$", "1", world[source].address(version))
    assert world[source].ping(gateway) is None


@pytest.mark.parametrize("router", ["192.0.2.1", "192.0.2.2"], ids=["the destination's node", "another node"])
@pytest.mark.parametrize("version", [4, 6])
def test_any_dpu_routes_for_a_plain_host(world, router, version):
    """Every DPU has the gateway's MAC; the plain host's switch sends to whichever it heard last."""
    source, target = world["free/c1"], world["free/a3"]
    entry = [source.gateway_mac(), "dev", "vx100", "dst", router, "self"]
    world.in_node("c", "bridge", "fdb", "replace", *entry, "static")
    try:
        assert source.ping(target.address(version), count=3) is None
    finally:
        world.in_node("c", "bridge", "fdb", "del", *entry)


def test_every_gateway_address_of_the_network_answers(world):
    assert world["free/a1"].ping("10.1.1.1") is None
    assert world["free/a1"].ping("fd00:1:1::1") is None


def test_other_networks_are_not_reachable(world):
    assert world["free/a1"].ping(world["free/g1"].v4, wait=1) is not None
    assert world["free/a1"].ping(world["free/p1"].v4, wait=1) is not None


def test_nobodys_address_is_unreachable_at_once(world):
    said = world["free/a1"].ping("10.1.1.200", wait=2)
    assert said and "Unreachable" in said


@pytest.mark.parametrize("version,wanted", [(4, "Time to live exceeded"), (6, "Hop limit")])
def test_last_hop_is_reported_by_the_gateway(world, version, wanted):
    said = world["free/a1"].ping(world["free/b2"].address(version), "-t", "1")
    assert wanted in said
    assert {4: "10.1.0.1", 6: "fd00:1::1"}[version] in said


def test_routing_takes_one_hop_and_switching_none(world):
    def ttl(source, destination):
        said = world[source].run("ping", "-n", "-c1", "-W2", world[destination].v4).stdout
        return int(re.search(r"ttl=(\d+)", said).group(1))

    assert ttl("free/a1", "free/a2") == 64
    assert ttl("free/a1", "free/b1") == 64
    assert ttl("free/a1", "free/b2") == 63


@pytest.mark.parametrize("version", [4, 6])
def test_traceroute_shows_gateway_and_destination(world, version):
    destination = world["free/b2"].address(version)
    said = world["free/a1"].run("tracepath", "-n", f"-{version}", "-m", "4", destination).stdout
    assert {4: "10.1.0.1", 6: "fd00:1::1"}[version] in said
    assert re.search(rf"{destination}.*reached", said), said


@pytest.mark.parametrize("destination", ["free/a2", "free/b1", "free/c1"])
def test_iperf3_tcp(world, destination):
    assert throughput(world, destination) > 1e6


def test_iperf3_udp_arrives_whole(world):
    received = throughput(world, "free/b1", "-u", "-b", "20M", "-l", "1200")
    assert received > 15e6


def throughput(world, destination, *options):
    """Bits a second that the server got."""
    import json

    server = world[destination].popen("iperf3", "-s", "-1", "--forceflush")
    try:
        next(line for line in server.stdout if "listening" in line)
        client = world["free/a1"].run("iperf3", "-c", world[destination].v4, "-t", "1", "-J", *options)
        result = json.loads(client.stdout)
        assert "error" not in result, result["error"]
        if "-u" in options:
            total = result["end"]["sum"]
            return total["bits_per_second"] * (1 - total["lost_percent"] / 100)
        return result["end"]["sum_received"]["bits_per_second"]
    finally:
        server.kill()
        server.wait()


def test_nothing_but_answers_in_a_network_that_suppresses_broadcast(world):
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    source, listener = world["free/a1"], world["free/a2"]
    frame = Ether(src=source.mac, dst="ff:ff:ff:ff:ff:ff") / IP(src=source.v4, dst="10.1.0.255") / UDP(dport=9) / b"?"
    with source.wire() as wire, listener.wire() as heard, world.drop_counted("multicast_suppressed"):
        wire.send(frame)
        assert heard.first(lambda f: UDP in f and f[UDP].dport == 9, timeout=0.3) is None


@pytest.mark.parametrize("listener", ["free/p2", "free/p3"], ids=["same host", "across hosts"])
def test_broadcast_is_replicated_where_configured(world, listener):
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether

    source = world["free/p1"]
    frame = Ether(src=source.mac, dst="ff:ff:ff:ff:ff:ff") / IP(src=source.v4, dst="10.3.0.255") / UDP(dport=9) / b"all"
    with source.wire() as wire, world[listener].wire() as heard:
        wire.send(frame)
        got = heard.first(lambda f: UDP in f and f[UDP].dport == 9)
        assert got is not None and bytes(got[UDP].payload).startswith(b"all")
