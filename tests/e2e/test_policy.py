"""Policy on real traffic: what is allowed passes, what is denied is refused, and changes reach running flows."""
import contextlib
import socket

import pytest

from support.guest import family_of
from support.wait import until

DENY_ALL = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: nobody, namespace: free}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""

ADMIN_DENY = """
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: no-udp}
spec:
  priority: 5
  subject: {namespaces: {matchLabels: {team: free}}}
  ingress:
    - name: no-udp-5001
      action: Deny
      from: [{namespaces: {}}]
      ports: [{portNumber: {protocol: UDP, port: 5001}}]
"""


@contextlib.contextmanager
def nginx(guest, tmp_path, port=8080):
    """A real web server."""
    tmp_path.chmod(0o755)
    config = tmp_path / "nginx.conf"
    config.write_text(f"daemon off; master_process off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
                      f"http {{ access_log off; server {{ listen {port}; listen [::]:{port};\n"
                      f"  location / {{ return 200 'hello from {guest.name}'; }} }} }}\n")
    server = guest.popen("nginx", "-c", config, "-p", tmp_path)
    try:
        assert until(lambda: guest.run("ss", "-Hltn", f"sport = :{port}").stdout), server.poll()
        yield
    finally:
        server.terminate()
        server.wait()


@pytest.mark.parametrize("client", ["shop/client-1", "shop/client-2", "shop/legacy"])
def test_clients_get_the_page(shop, tmp_path, client):
    web = shop["shop/web-1"]
    with nginx(web, tmp_path):
        for url in (f"http://{web.v4}:8080/", f"http://[{web.v6}]:8080/"):
            got = shop[client].run("curl", "-sS", "-m", "5", url)
            assert got.stdout == "hello from shop/web-1", got.stdout


@pytest.mark.parametrize("stranger", ["shop/other-1", "shop/web-2", "ops/admin"])
def test_strangers_are_refused_at_once(shop, servers, stranger):
    web = shop["shop/web-1"]
    servers.tcp(web, 8080)
    servers.tcp(web, 8080, version=6)
    with shop.drop_counted("policy_ingress", at_least=2):
        assert shop[stranger].tcp(web.v4, 8080) == "refused"
        assert shop[stranger].tcp(web.v6, 8080) == "refused"


def test_curl_says_refused(shop, tmp_path):
    with nginx(shop["shop/web-1"], tmp_path):
        got = shop["shop/other-1"].run("curl", "-sS", "-m", "5", f"http://{shop['shop/web-1'].v4}:8080/")
        assert got.returncode == 7, got.stdout  # CURLE_COULDNT_CONNECT, not 28: no time-out


def test_other_ports_are_denied(shop, servers):
    servers.tcp(shop["shop/web-1"], 8081)
    assert shop["shop/client-1"].tcp(shop["shop/web-1"].v4, 8081) == "refused"


def test_denied_ping(shop):
    with shop.drop_counted("policy_ingress"):
        assert shop["shop/client-1"].ping(shop["shop/web-1"].v4, wait=1) is not None


def test_replies_need_no_rule_of_their_own(shop, servers):
    """web-1 is isolated for ingress, yet hears the answers to what it asks."""
    servers.tcp(shop["shop/client-2"], 9000)
    assert shop["shop/web-1"].tcp(shop["shop/client-2"].v4, 9000) == "open"


def test_udp_by_policy(shop, servers):
    web = shop["shop/web-1"]
    servers.udp(web, 5000)
    assert shop["shop/client-1"].udp(web.v4, 5000) == "open"
    assert shop["shop/client-2"].udp(web.v4, 5000) == "open"
    assert shop["shop/other-1"].udp(web.v4, 5000) == "refused"


def test_a_silent_network_drops_without_a_word(world, servers):
    servers.tcp(world["free/g2"], 80)
    assert world["free/g1"].tcp(world["free/g2"].v4, 80) == "open"
    with world.applied(DENY_ALL):
        assert world["free/g1"].tcp(world["free/g2"].v4, 80, timeout=0.5) == "silent"


def test_explain_agrees_with_traffic(shop):
    allowed = shop.explain("shop/client-1", "shop/web-1", port=8080)
    denied = shop.explain("shop/other-1", "shop/web-1", port=8080)
    assert (allowed["verdict"], denied["verdict"]) == ("allow", "deny")
    assert "shop/web" in denied["rule"] and denied["reason"] == "policy_ingress"
    assert [step["service"] for step in allowed["steps"]][:2] == ["vswitch", "policy"]


def test_rules_count_their_hits(shop, servers):
    def hits():
        rules = [rule for node in shop.json("stats") for rule in node["rules"]]
        return sum(rule["hits"] for rule in rules if "shop/web ingress[0]" in rule["rule"])

    servers.tcp(shop["shop/web-1"], 8080)
    before = hits()
    assert shop["shop/client-1"].tcp(shop["shop/web-1"].v4, 8080) == "open"
    assert hits() > before


def test_a_segment_from_the_middle_opens_nothing_that_a_syn_could_not(shop):
    """An isolated end may not be talked to under the cover of an acknowledgement (an ACK scan), nor may it answer."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether

    web, stranger = shop["shop/web-1"], shop["shop/other-1"]
    ack = TCP(sport=8081, dport=4445, flags="A", seq=1, ack=1)
    answer = Ether(src=web.mac, dst=stranger.mac) / IP(src=web.v4, dst=stranger.v4) / ack
    scan = Ether(src=stranger.mac, dst=web.mac) / IP(src=stranger.v4, dst=web.v4) / TCP(sport=4446, dport=8081, flags="A")
    with web.wire() as wire, stranger.wire() as heard:
        with shop.drop_counted("tcp_no_session"):
            wire.send(answer)
            assert heard.first(lambda f: TCP in f and f[TCP].dport == 4445, timeout=0.2) is None
        wire.clear()
        with shop.drop_counted("policy_ingress"):
            heard.send(scan)
            assert wire.first(lambda f: TCP in f and f[TCP].sport == 4446, timeout=0.2) is None


class Flow:
    """A UDP conversation that has a session already."""

    def __init__(self, source, destination, port):
        self.socket = source.socket(family_of(destination), socket.SOCK_DGRAM, timeout=0.4)
        self.socket.connect((destination, port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def passes(self, size=5):
        self.socket.setblocking(False)
        with contextlib.suppress(OSError):  # late answers and errors of before
            while self.socket.recv(70000):
                pass
        self.socket.settimeout(0.4)
        try:
            self.socket.send(b"x" * size)
            return len(self.socket.recv(70000)) == size
        except OSError:  # refused by ICMP, or nothing came
            return False


@pytest.mark.parametrize("destination", ["free/a2", "free/b1", "free/c1"])
def test_a_change_cuts_a_running_flow_before_its_next_packet(world, servers, destination):
    """Each path of a denied flow: cached, stale after a change, first packet of a new flow, and back."""
    guest = world[destination]
    servers.udp(guest, 5001)
    servers.udp(world["free/a1"], 5001)
    # c1's node is plain: nothing judges there, so its flow is cut where it ends on the DPU.
    source, target = (world["free/a1"], guest) if guest.node != "c" else (guest, world["free/a1"])
    with Flow(source, target.v4, 5001) as flow:
        assert flow.passes() and flow.passes()
        with world.applied(DENY_ALL):
            assert not flow.passes(), "first packet after the change"
            assert not flow.passes(), "denied from the cached decision"
            with Flow(source, target.v4, 5001) as fresh:
                assert not fresh.passes(), "first packet of a new flow"
                assert not fresh.passes()
        assert flow.passes(), "allowed again"


def test_an_admin_policy_cuts_across_namespaces(world, servers):
    servers.udp(world["free/b1"], 5001)
    servers.udp(world["free/b1"], 5002)
    with Flow(world["free/a1"], world["free/b1"].v4, 5001) as cut, \
            Flow(world["free/a1"], world["free/b1"].v4, 5002) as spared:
        assert cut.passes() and spared.passes()
        with world.applied(ADMIN_DENY):
            assert not cut.passes()
            assert spared.passes()
        assert cut.passes()


def test_an_established_tcp_connection_is_cut_and_heals(world, servers):
    servers.tcp(world["free/b1"], 7000)
    with world["free/a1"].connect(world["free/b1"].v4, 7000) as connection:
        connection.sendall(b"before")
        assert connection.recv(100) == b"before"
        with world.applied(DENY_ALL), world.drop_counted("policy_ingress"):
            connection.settimeout(0.5)
            connection.sendall(b"during")
            with pytest.raises(OSError):
                assert connection.recv(100) == b"", "data came through a denied connection"
                raise ConnectionResetError


def test_an_unrelated_change_leaves_a_flow_alone(shop, servers):
    servers.udp(shop["free/b1"], 5001)
    with Flow(shop["free/a1"], shop["free/b1"].v4, 5001) as flow:
        assert flow.passes()
        shop.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh}\n")
        assert flow.passes()
        shop.cli("delete", "namespace", "fresh")


def test_fragments_of_an_allowed_flow_pass(world, servers):
    """4000 bytes: three fragments each way."""
    servers.udp(world["free/b1"], 5001)
    servers.udp(world["free/b1"], 5001, version=6)
    for address in (world["free/b1"].v4, world["free/b1"].v6):
        with Flow(world["free/a1"], address, 5001) as flow:
            assert flow.passes(size=4000), address


def test_fragments_of_a_denied_flow_do_not(world, servers):
    servers.udp(world["free/b1"], 5001)
    with Flow(world["free/a1"], world["free/b1"].v4, 5001) as flow:
        assert flow.passes(size=4000)
        with world.applied(DENY_ALL):
            assert not flow.passes(size=4000)
        assert flow.passes(size=4000)


def test_fragments_are_denied_from_the_first_one_on(shop, servers):
    servers.udp(shop["shop/web-1"], 5000)
    with Flow(shop["shop/client-1"], shop["shop/web-1"].v4, 5000) as allowed:
        assert allowed.passes(size=4000)
    with shop.drop_counted("policy_ingress"), Flow(shop["shop/other-1"], shop["shop/web-1"].v4, 5000) as denied:
        assert not denied.passes(size=4000)


def test_a_change_between_two_fragments_is_obeyed(world):
    """The later fragment is judged like the flow it belongs to, as it stands when it comes."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw

    source, target = world["free/a1"], world["free/a2"]
    datagram = IP(src=source.v4, dst=target.v4, id=77) / UDP(sport=4000, dport=5001) / Raw(b"f" * 2000)
    from scapy.layers.inet import fragment

    first, later = [Ether(src=source.mac, dst=target.mac) / IP(bytes(f)) for f in fragment(datagram, 1400)]
    with source.wire() as wire, target.wire() as heard:
        wire.send(first)
        assert heard.first(lambda f: IP in f and f[IP].id == 77) is not None
        with world.applied(DENY_ALL), world.drop_counted("policy_ingress"):
            wire.send(later)
            assert heard.first(lambda f: IP in f and f[IP].id == 77 and f[IP].frag > 0, timeout=0.3) is None


def test_icmp_errors_about_a_denied_flow_are_denied(world):
    """An error travels with its flow: once the flow is denied, so is what is said about it."""
    from scapy.layers.inet import ICMP, IP, UDP
    from scapy.layers.l2 import Ether

    source, target = world["free/a1"], world["free/a2"]
    data = IP(src=source.v4, dst=target.v4) / UDP(sport=4100, dport=5009) / b"data"
    error = Ether(src=target.mac, dst=source.mac) / IP(src=target.v4, dst=source.v4) / ICMP(type=3, code=3) / data

    def told(frame):
        return ICMP in frame and frame[ICMP].type == 3 and bytes(frame[ICMP].payload)[9:10] == b"\x11"

    with source.wire() as wire, target.wire() as back:
        wire.send(Ether(src=source.mac, dst=target.mac) / data)
        assert back.first(lambda f: UDP in f and f[UDP].dport == 5009) is not None
        wire.clear()
        back.send(error)
        assert wire.first(told) is not None, "an error about a live flow passes"
        with world.applied(DENY_ALL):
            wire.clear()
            back.send(error)
            assert wire.first(told, timeout=0.3) is None
