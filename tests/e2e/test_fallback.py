"""The host path: the same policies in the kernel, the way there and back, and bundles that are not believed."""
import concurrent.futures
import shutil
import socket
import subprocess
import threading
import time

import pytest

from support.kernel_path import HOST, KernelPath, sh
from support.lab import ROOT, named
from support.netns import namespaces
from support.wait import until
from test_conformance import GROUPS, cases, listen, probe

TABLE = ROOT / "tests/conformance"
CLIENT, WEB, REMOTE = "shop/client-1", "shop/web-1", "shop/web-2"
DENY_WEB = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{protocol: TCP, port: 8080}]}]
"""


@pytest.fixture(scope="module")
def hosts(machine):
    made = KernelPath(named("fallback"), TABLE / "base.yaml")
    yield made
    made.down()
    assert not namespaces(f"or-{made.name}.")


@pytest.fixture
def open_hosts(hosts):
    """No policy in force, every daemon running, every guest with its port."""
    for node in set(hosts.nodes) - set(hosts.daemons):
        hosts.start(node)
    if hosts.policies:
        hosts.apply("")
    return hosts


@pytest.fixture
def active(open_hosts):
    hosts = open_hosts
    for node in hosts.nodes:
        if hosts.status(node)["state"] != "active":
            hosts.order(node, "fall_back", "active")
    return hosts


@pytest.fixture
def dormant(open_hosts):
    hosts = open_hosts
    for node in hosts.nodes:
        if hosts.status(node)["state"] == "active":
            hosts.order(node, "return", "dormant")
    return hosts


@pytest.mark.parametrize("group", GROUPS)
def test_kernel_agrees_with_the_table(active, servers, group):
    table = cases(group)
    listen(active, servers, table)
    active.apply((TABLE / "groups" / f"{group}.yaml").read_text())
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        verdicts = list(pool.map(lambda case: probe(active, case), table))
    wrong = [f"{c['source']} -> {c['destination']} {c['protocol']}/{c['port']}: {v}, table says {c['verdict']}: {c['why']}"
             for c, v in zip(table, verdicts) if v != c["verdict"]]
    assert not wrong, "\n".join(wrong)


def test_connections_survive_the_way_there_and_back(dormant, servers):
    """A TCP connection opened on the host path of one node lives on while the other end falls back and returns."""
    hosts = dormant
    for node in hosts.nodes:
        hosts.order(node, "fall_back", "active")
    servers.tcp(hosts[REMOTE], 8080)
    connection = hosts[CLIENT].connect(hosts[REMOTE].v4, 8080, timeout=5)
    with connection:
        connection.sendall(b"before")
        assert connection.recv(100) == b"before"
        hosts.order("host-a", "return", "dormant")
        hosts.order("host-a", "fall_back", "active")
        connection.settimeout(15)
        connection.sendall(b"after")
        assert connection.recv(100) == b"after"


def test_revoked_connections_stop_and_others_go_on(active, servers):
    servers.tcp(active[WEB], 8080)
    servers.tcp(active[WEB], 8081)
    kept = active[CLIENT].connect(active[WEB].v4, 8080)
    cut = active[CLIENT].connect(active[WEB].v4, 8081)
    with kept, cut:
        active.apply(DENY_WEB)
        kept.settimeout(10)
        kept.sendall(b"kept")
        assert kept.recv(100) == b"kept"
        cut.settimeout(1.5)
        with pytest.raises((TimeoutError, ConnectionError)):
            cut.sendall(b"cut")
            assert cut.recv(100) == b""
            raise ConnectionResetError


def test_the_old_path_is_shut_and_everything_is_given_back(dormant):
    guest = dormant[CLIENT]
    guest.run("ip", "route", "add", "203.0.113.0/24", "via", "10.1.0.1", "dev", "eth0", check=True)
    def routes():
        shown = guest.run("ip", "route").stdout + guest.run("ip", "-6", "route", "show", "default").stdout
        return sorted(" ".join(line.replace("fb0", "eth0").split()) for line in shown.splitlines())

    before = routes()
    dormant.order("host-a", "fall_back", "active")
    assert "state DOWN" in guest.run("ip", "link", "show", "eth0").stdout
    assert guest.run("ip", "-o", "addr", "show", "dev", "eth0", "scope", "global").stdout == ""
    assert routes() == before
    dormant.order("host-a", "return", "dormant")
    assert routes() == before
    assert guest.run("ip", "-o", "addr", "show", "dev", "fb0", "scope", "global").stdout == ""
    guest.run("ip", "route", "del", "203.0.113.0/24", check=True)


def test_a_port_that_died_with_the_dpu_is_waited_for(dormant):
    guest = dormant[CLIENT]
    guest.run("ip", "link", "del", "eth0", check=True)
    dormant.order("host-a", "fall_back", "active")
    assert guest.ping(dormant[WEB].v4) is None
    sh(HOST, "order", "return", "--socket", dormant.folder / "host-a.sock")
    time.sleep(1)
    assert dormant.status("host-a")["state"] == "active"
    assert guest.ping(dormant[WEB].v4) is None
    sh("ip", "-n", guest.netns, "link", "add", "eth0", "type", "veth", "peer", "name", "dead0")
    sh("ip", "-n", guest.netns, "link", "set", "dead0", "up")
    assert until(lambda: dormant.status("host-a")["state"] == "dormant", timeout=5)
    assert guest.v4 in guest.run("ip", "addr", "show", "dev", "eth0").stdout


def test_a_daemon_that_is_killed_leaves_the_path_and_takes_it_up_again(active):
    guest = active[CLIENT]
    active.stop("host-a", signal=9)
    assert guest.ping(active[REMOTE].v4) is None
    active.start("host-a")
    assert active.status("host-a")["state"] == "active"
    assert guest.ping(active[REMOTE].v4) is None


def test_an_endpoint_speaks_for_itself_alone(active):
    """Spoofed addresses stop at the port, whoever they belong to."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from support.frames import Wire

    client, web = active[CLIENT], active[WEB]
    with Wire(client.netns, "fb0") as wire, Wire(web.netns, "fb0") as heard:
        for source_mac, source in ((client.mac, "10.1.0.15"), ("02:00:00:00:01:05", client.v4), (client.mac, "8.8.8.8")):
            wire.send(Ether(src=source_mac, dst=web.mac) / IP(src=source, dst=web.v4) / UDP(sport=5, dport=6666))
        wire.send(Ether(src=client.mac, dst=web.mac) / IP(src=client.v4, dst=web.v4) / UDP(sport=5, dport=7777))
        first = heard.first(lambda f: UDP in f and f[UDP].dport in (6666, 7777), timeout=2)
    assert first is not None and first[UDP].dport == 7777


def test_tunnels_of_strangers_are_shut(active):
    """Whoever is no peer, or a peer that speaks for an endpoint of another node, is not heard."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.layers.vxlan import VXLAN
    from support.frames import Wire
    from support.netns import inside

    web = active[WEB]
    inner = {source: bytes(VXLAN(vni=100, flags=8) / Ether(src="02:00:00:00:02:01", dst=web.mac) / IP(src=source, dst=web.v4) /
                           UDP(sport=5, dport=port)) for source, port in (("10.1.0.12", 6666), ("10.1.0.21", 7777))}
    with inside(active.host("host-b")):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sh("ip", "-n", active.host("host-b"), "addr", "add", "192.0.2.77/24", "dev", "uplink")
    with inside(active.host("host-b")):
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind(("192.0.2.77", 0))
    peer.bind(("192.0.2.2", 0))
    with peer, stranger, Wire(web.netns, "fb0") as heard:
        for source in inner:
            stranger.sendto(inner[source], ("192.0.2.1", 4789))
        assert heard.first(lambda f: UDP in f and f[UDP].dport in (6666, 7777), timeout=0.7) is None
        for source in inner:
            peer.sendto(inner[source], ("192.0.2.1", 4789))
        first = heard.first(lambda f: UDP in f and f[UDP].dport in (6666, 7777), timeout=2)
    sh("ip", "-n", active.host("host-b"), "addr", "del", "192.0.2.77/24", "dev", "uplink")
    assert first is not None and first[UDP].dport == 7777


@pytest.mark.parametrize("name, damage", [
    ("expired", {"made_ago": 100000}), ("not_yet_valid", {"made_ago": -100000}), ("other_node", {"node": "host-b"}),
    ("older", {"generation": 0}), ("unknown_service", {"service": "agent"})])
def test_bundles_that_are_not_believed(dormant, name, damage):
    """The daemon says which, and starts with none."""
    damage = dict(damage)
    node = damage.pop("node", "host-a")
    state = dormant.folder / f"{name}.state"  # a state folder is one daemon's alone
    shutil.copytree(dormant.folder / "host-a.state", state)
    generation, dormant.generation = dormant.generation, damage.pop("generation", dormant.generation)
    bundle = dormant.bundle(node, **damage)
    dormant.generation = generation
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{dormant.host('host-a')}", str(HOST), "run", "--node", "host-a", "--key",
         dormant.folder / "key.pub", "--endpoints", dormant.folder / "host-a.endpoints", "--bundle", bundle, "--state",
         state, "--socket", dormant.folder / "try.sock"], text=True, capture_output=True, timeout=20,
        check=False)
    for one in dormant.nodes:
        dormant.bundle(one)
    assert done.returncode == 1 and f"outrigger-host: {name}: " in done.stderr, done.stderr


def test_a_contract_that_says_closed_never_falls_back(dormant):
    dormant.generation += 1
    dormant.bundle("host-a", service="none")
    dormant.stop("host-a")
    dormant.start("host-a")
    sh(HOST, "order", "fall_back", "--socket", dormant.folder / "host-a.sock")
    refused = until(lambda: "contract says closed" in dormant.status("host-a")["reason"])
    assert refused and dormant.status("host-a")["state"] == "dormant"
    dormant.apply("")


def test_what_the_kernel_cannot_carry_is_listed(dormant):
    text = (dormant.folder / "host-a.yaml").read_text().replace("encapsulation: vxlan", "encapsulation: geneve")
    manifests = dormant.folder / "geneve.yaml"
    manifests.write_text(text)
    out = dormant.folder / "geneve.pb"
    from support.kernel_path import BUNDLE
    sh(BUNDLE, "-f", manifests, "--node", "host-a", "--key", dormant.folder / "key", "--out", out)
    done = sh(HOST, "fallback", "compile", "--bundle", out)
    assert "unfit: Network blue: encapsulation geneve" in done.stderr
    assert "br100" not in done.stdout


def test_the_blackout_of_a_switch_is_short(dormant, servers):
    """From outside: a stream of datagrams between two endpoints of one host, while it falls back."""
    client, web = dormant[CLIENT], dormant[WEB]
    servers.udp(web, 7000)
    arrived, stop = [], threading.Event()
    with client.socket(socket.AF_INET, socket.SOCK_DGRAM, timeout=0.005) as stream:
        def pump():
            while not stop.is_set():
                try:
                    stream.sendto(b"x", (web.v4, 7000))
                    stream.recv(10)
                    arrived.append(time.monotonic())
                except OSError:
                    pass

        dormant.order("host-a", "fall_back", "active")
        dormant.order("host-a", "return", "dormant")
        thread = threading.Thread(target=pump)
        thread.start()
        ordered = time.monotonic()
        dormant.order("host-a", "fall_back", "active")
        until(lambda: arrived, timeout=3)
        stop.set()
        thread.join()
    assert arrived and arrived[0] - ordered < 2, f"{dormant.status('host-a')}"
