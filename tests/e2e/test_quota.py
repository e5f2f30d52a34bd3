"""Full tables: what is refused is counted, and what is established stays."""
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

from support.wait import until


def flood(guest, target, count, port, flags="S"):
    """So many connection attempts that nobody completes."""
    with guest.wire() as wire:
        for i in range(count):
            segment = TCP(sport=10000 + i % 50000, dport=port + i // 50000, flags=flags, seq=i)
            wire.send(Ether(src=guest.mac, dst=target.mac) / IP(src=guest.v4, dst=target.v4) / segment)


def answers(connection, payload=b"still here"):
    connection.sendall(payload)
    return connection.recv(100) == payload


def test_a_syn_flood_stays_within_its_endpoints_quota(world, servers):
    """free/few may hold 100 sessions; its flood is cut there and its neighbour notices nothing."""
    few, target, neighbour = world["free/few"], world["free/a2"], world["free/a1"]
    servers.tcp(target, 7000)
    with neighbour.connect(target.v4, 7000) as established:
        with world.drop_counted("session_quota", at_least=300, node="a"):
            flood(few, target, 500, 1)
        assert answers(established)
        assert neighbour.tcp(target.v4, 7000) == "open"
        held = [s for s in world.json("sessions", "--endpoint", "free/few", "--limit", "5000") if s["node"] == "a"]
        assert 0 < len(held) <= 100


def test_a_full_table_keeps_the_established(small_world, servers):
    """1024 sessions in all, a flood of thousands: embryonic ones make room, established ones stay."""
    a1, a2, a3 = (small_world[name] for name in ("free/a1", "free/a2", "free/a3"))
    servers.tcp(a2, 7000)
    established = [a1.connect(a2.v4, 7000) for _ in range(50)]
    try:
        assert all(answers(connection) for connection in established)
        flood(a3, a2, 1, 1)
        with a3.wire() as wire:
            gateway = a3.gateway_mac()
            for i in range(4000):
                wire.send(Ether(src=a3.mac, dst=gateway) / IP(src=a3.v4, dst=a2.v4) /
                          TCP(sport=1024 + i, dport=80, flags="S"))
        assert all(answers(connection) for connection in established)
        sessions = next(c for c in small_world.json("capacity") if c["name"] == "sessions")
        assert sessions["used"] <= sessions["size"] and sessions["high_water"] >= 1000
    finally:
        for connection in established:
            connection.close()


def test_a_table_full_of_living_flows_refuses_new_ones(small_world, servers):
    """Confirmed UDP flows are not disposable: what comes on top is refused and counted."""
    a1, a2 = small_world["free/a1"], small_world["free/a2"]
    servers.udp(a2, 5001)
    refused = small_world.drops()["session_table_full"]

    def full():
        with a1.wire() as wire, a2.wire() as back:
            for i in range(400):
                port = full.port = full.port + 1
                wire.send(Ether(src=a1.mac, dst=a2.mac) / IP(src=a1.v4, dst=a2.v4) / UDP(sport=port, dport=6000))
                back.send(Ether(src=a2.mac, dst=a1.mac) / IP(src=a2.v4, dst=a1.v4) / UDP(sport=6000, dport=port))
        return small_world.drops()["session_table_full"] > refused

    full.port = 20000
    assert until(full, timeout=10), small_world.json("capacity")
