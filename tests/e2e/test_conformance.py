"""The policy conformance table against real traffic: the third judge beside the naive evaluator and `policy check`."""
import concurrent.futures
import json
import socket

import pytest

from support.guest import family_of
from support.lab import ROOT, Lab, named

TABLE = ROOT / "tests/conformance"
GROUPS = sorted(path.stem for path in (TABLE / "groups").glob("*.yaml"))


@pytest.fixture(scope="module")
def conformance_lab(machine):
    made = Lab(named("conf"), TABLE / "base.yaml")
    yield made
    made.down()


@pytest.fixture
def conformance_world(conformance_lab):
    return conformance_lab


def cases(group):
    lines = (TABLE / "groups" / f"{group}.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines if line.strip()]
    return [case for case in found if case.get("traffic", True)]


def sides(lab, case):
    """The guest that sends, and the guest and address that receive."""
    by_address = {a: g for g in lab.guests.values() for a in (g.v4, g.v6) if a}
    source = lab.guests.get(case["source"]) or by_address[case["source"]]
    target = lab.guests.get(case["destination"]) or by_address[case["destination"]]
    named = next((s for s in (case["source"], case["destination"]) if ":" in s), "")
    return source, target, target.address(6 if named else 4)


def probe(lab, case):
    """"allow" when the destination answers, "deny" when it is refused or silent: an answer that is owed may be slow."""
    source, target, address = sides(lab, case)
    patience = 10 if case["verdict"] == "allow" else 1.5
    if case["protocol"] == "tcp":
        outcome = source.tcp(address, case["port"], timeout=patience)
    elif case["protocol"] == "udp":
        outcome = source.udp(address, case["port"], timeout=patience)
    elif case["protocol"] == "sctp":
        outcome = "open" if sctp_arrives(source, target, address, case["port"], patience) else "silent"
    else:
        outcome = "open" if source.ping(address, wait=patience) is None else "silent"
    return "allow" if outcome == "open" else "deny"


def sctp_arrives(source, target, address, port, patience):
    """This kernel may have no SCTP: an INIT is sent raw, and seen at the other end or not."""
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether
    from scapy.layers.sctp import SCTP, SCTPChunkInit

    ip = IP(src=source.v4, dst=address) if family_of(address) == socket.AF_INET else IPv6(src=source.v6, dst=address)
    frame = Ether(src=source.mac, dst=target.mac) / ip / SCTP(sport=9901, dport=port) / SCTPChunkInit(init_tag=7)
    with source.wire() as wire, target.wire() as heard:
        wire.send(frame)
        return heard.first(lambda f: SCTP in f and f[SCTP].dport == port, timeout=patience) is not None


def listen(lab, servers, table):
    for case in table:
        _, target, address = sides(lab, case)
        version = 6 if ":" in address else 4
        if case["protocol"] in ("tcp", "udp"):
            getattr(servers, case["protocol"])(target, case["port"], version)


@pytest.mark.parametrize("group", GROUPS)
def test_traffic_agrees_with_the_table(conformance_world, servers, group):
    lab, table = conformance_world, cases(group)
    listen(lab, servers, table)
    with lab.applied((TABLE / "groups" / f"{group}.yaml").read_text()):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            verdicts = list(pool.map(lambda case: probe(lab, case), table))
    wrong = [f"{c['source']} -> {c['destination']} {c['protocol']}/{c['port']}: {v}, table says {c['verdict']}: {c['why']}"
             for c, v in zip(table, verdicts) if v != c["verdict"]]
    assert not wrong, "\n".join(wrong)
