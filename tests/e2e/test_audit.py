"""`outrigger audit boundary`: all held against the real thing, and every attempt broken where there is no boundary."""
import json
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest

from support.lab import MANIFESTS, PROGRAM, ROOT, RUN, Lab, named, outrigger
from support.linked import fallback
from support.wait import until
from test_logs import HostAgent

# The host and its DPU share a kernel in a lab, and no contract of this one says closed.
NOT_HERE = {"keys-root", "fallback-closed"}
# While a contract has `host` in its fallback list, the DPU takes the host's word that it has taken over.
KNOWN = {"fallback-claimed"}
CLOSED = (ROOT / "examples/services/built-in.yaml").read_text().replace("[previous, host, closed]", "[previous, closed]")
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: audited, namespace: free}
spec:
  podSelector: {matchLabels: {role: target}}
  policyTypes: [Ingress]
  ingress:
    - ports: [{protocol: TCP, port: 8080}]
"""
TARGET = """
apiVersion: outrigger.dev/v1alpha1
kind: Endpoint
metadata: {name: a2, namespace: free, labels: {role: target}}
spec: {node: a, network: blue, addresses: [10.1.0.52, "fd00:1::52"], mac: "02:00:00:00:0a:02"}
"""


def command(*arguments, netns=None):
    enter = ["nsenter", f"--net=/run/netns/{netns}"] if netns else []
    return [*enter, PROGRAM, "audit", "boundary", "-o", "json", *map(str, arguments)]


def audit(*arguments, netns=None, timeout=300):
    """Findings by name, and the exit status."""
    done = subprocess.run(command(*arguments, netns=netns), text=True, capture_output=True, timeout=timeout, check=False)
    assert done.stdout, f"exit {done.returncode}: {done.stderr}"
    return {one["name"]: one for one in json.loads(done.stdout)}, done.returncode


def outcomes(findings):
    return {name: one["outcome"] for name, one in findings.items()}


def audited(name, *options):
    # The API where the host reaches it: worse than it should be, so that there is something to refuse.
    made = Lab(named(name), MANIFESTS / "linked", *options, "--daemon-arg", "--listen", "--daemon-arg", "169.254.7.1:7443")
    try:
        made.apply(TARGET + "---" + POLICY)
        assert until(lambda: fallback(made)["state"] == "dormant" and fallback(made)["bundle"], timeout=20, every=0.1)
        yield made
    finally:
        made.down()


def rules(netns):
    return subprocess.run(["ip", "netns", "exec", netns, "nft", "-s", "list", "ruleset"], text=True, capture_output=True,
                          check=True).stdout


class TestAgainstALab:
    @pytest.fixture(scope="class")
    def lab(self, machine):
        yield from audited("audit")

    def test_what_can_be_tried_holds(self, lab):
        findings, code = audit("--lab", lab.name, "--node", "a")
        untried = {name: one["evidence"] for name, one in findings.items() if one["outcome"] == "not tried"}
        assert set(untried) == NOT_HERE, untried
        broken = {name: one["evidence"] for name, one in findings.items() if one["outcome"] == "broken"}
        assert set(broken) <= KNOWN, broken
        assert code == (1 if broken else 3)
        assert until(lambda: fallback(lab)["state"] == "dormant" and fallback(lab)["host_linked"], timeout=20, every=0.1)

    def test_a_service_whose_contract_says_closed_is_not_taken_over(self, lab):
        with lab.applied(CLOSED):
            findings, code = audit("--lab", lab.name, "--only", "fallback-closed")
            assert outcomes(findings) == {"fallback-closed": "held"} and code == 0, findings
        refused = [one["summary"] for one in lab.json("incidents", "--all") if one["kind"] == "refused_access"]
        assert any("not believed" in one for one in refused), refused

    def test_what_is_asked_alone_is_tried_alone(self, lab):
        findings, code = audit("--lab", lab.name, "--only", "link-plain", "--only", "spoofed-mac")
        assert outcomes(findings) == {"link-plain": "held", "spoofed-mac": "held"} and code == 0

    def test_a_measurement_takes_what_was_tried(self, lab):
        done = subprocess.run([PROGRAM, "audit", "boundary", "--lab", lab.name, "-o", "measurement", "--only", "link-plain",
                               "--only", "keys-root"], text=True, capture_output=True, timeout=60, check=False)
        assert [(one["name"], one["held"]) for one in json.loads(done.stdout)] == [("link-plain", True)]
        assert done.returncode == 3

    def test_a_port_that_nobody_named_is_found(self, lab):
        listener = subprocess.Popen(["ip", "netns", "exec", lab.node("a"), "/usr/bin/python3", "-m", "http.server", "8099",
                                     "--bind", "169.254.7.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            findings, code = audit("--lab", lab.name, "--only", "ports")
            assert outcomes(findings) == {"ports": "broken"} and code == 1
            assert "169.254.7.1:8099" in findings["ports"]["evidence"]
        finally:
            listener.kill()
            listener.wait()

    def test_a_key_left_open_is_found(self, lab):
        key = pathlib.Path(f"/run/outrigger/lab/{lab.name}/pki/dpu-a.pem")
        mode = key.stat().st_mode
        key.chmod(0o644)
        try:
            findings, _ = audit("--lab", lab.name, "--only", "keys-user")
            assert outcomes(findings) == {"keys-user": "broken"}
            assert "dpu-a.pem" in findings["keys-user"]["evidence"]
        finally:
            key.chmod(mode)

    def test_the_agent_is_back_when_only_its_killing_was_asked_for(self, lab):
        before = HostAgent(lab).process()[0]
        findings, code = audit("--lab", lab.name, "--only", "agent-killed")
        assert outcomes(findings) == {"agent-killed": "held"} and code == 0
        assert HostAgent(lab).process()[0] != before
        assert until(lambda: fallback(lab)["host_linked"], timeout=20, every=0.1)


class TestInSplitMode:
    """Ports, engine and agent are processes of their own: more sockets, more processes, the same boundary."""

    @pytest.fixture(scope="class")
    def lab(self, machine):
        yield from audited("audit-split", "--mode", "split", "--daemon-arg", "--engine-version", "--daemon-arg", "0.1.0")

    def test_what_can_be_tried_without_harm_holds(self, lab):
        findings, code = audit("--lab", lab.name, "--node", "a", "--gentle")
        untried = {name: one["evidence"] for name, one in findings.items() if one["outcome"] == "not tried"}
        disturbing = {name for name, why in untried.items() if "--gentle" in why}
        assert set(untried) - disturbing == {"keys-root"} and "agent-killed" in disturbing, untried
        assert set(outcomes(findings).values()) == {"held", "not tried"} and code == 3, findings
        assert "inet outrigger in" in findings["rules-removed"]["evidence"]
        assert "split" in [one["mode"] for one in lab.status()["nodes"]]

    def test_the_host_that_carries_is_the_boundary_and_root_there_removes_it(self, lab):
        """What the DPU is for: the same act, held while it carries and broken while the host does."""
        path = f"or-{lab.name}.fb.a.100"
        before = rules(path)
        assert "table inet outrigger" in before
        outrigger("fallback", "order", "--lab", lab.name)
        assert until(lambda: fallback(lab)["state"] == "active", timeout=20, every=0.1)
        guests = ["policy", "spoofed-address", "spoofed-nd", "vlan"]  # no less of them is asked by the host's rules
        findings, code = audit("--lab", lab.name, *(word for name in [*guests, "rules-removed"] for word in ("--only", name)))
        assert outcomes(findings) == dict.fromkeys(guests, "held") | {"rules-removed": "broken"} and code == 1, findings
        evidence = findings["rules-removed"]["evidence"]
        assert "10.1.0.51 connected to 10.1.0.52:" in evidence and "with them back, what is denied stayed denied" in evidence
        assert rules(path) == before
        outrigger("fallback", "return", "--lab", lab.name)
        assert until(lambda: fallback(lab)["state"] == "dormant", timeout=20, every=0.1)
        findings, code = audit("--lab", lab.name, "--only", "rules-removed")
        assert outcomes(findings) == {"rules-removed": "held"} and code == 0, findings
        assert rules(path) == before


class Bridge:
    """Two guests on a plain Linux bridge: no boundary at all."""

    def __init__(self):
        self.middle, self.one, self.two = (f"or-{RUN}-plain.{name}" for name in ("bridge", "one", "two"))
        self.options = ["--endpoint", f"{self.one}/eth0", "--peer", f"{self.two}/eth0", "--allowed", "tcp:8080",
                        "--denied", "10.9.0.2:9090"]

    def up(self):
        for name in (self.middle, self.one, self.two):
            self.sh("ip", "netns", "add", name)
        self.sh("ip", "-n", self.middle, "link", "add", "plain", "type", "bridge", "mcast_snooping", "0")
        self.sh("ip", "-n", self.middle, "link", "set", "plain", "up")
        for number, guest in enumerate((self.one, self.two), 1):
            self.sh("ip", "-n", guest, "link", "add", "eth0", "type", "veth", "peer", "name", f"p{number}", "netns",
                    self.middle)
            self.sh("ip", "-n", self.middle, "link", "set", f"p{number}", "master", "plain", "up")
            self.sh("ip", "-n", guest, "addr", "add", f"10.9.0.{number}/24", "dev", "eth0")
            self.sh("ip", "-n", guest, "addr", "add", f"fd09::{number}/64", "dev", "eth0", "nodad")
            self.sh("ip", "-n", guest, "link", "set", "lo", "up")
            self.sh("ip", "-n", guest, "link", "set", "eth0", "up")
            self.sh("ip", "-n", guest, "route", "add", "default", "via", "10.9.0.254")

    @staticmethod
    def sh(*argv, **options):
        subprocess.run(argv, check=True, **options)

    def rules(self, text):
        self.sh("ip", "netns", "exec", self.middle, "nft", "-f", "-", input=text, text=True)

    def down(self):
        for name in (self.middle, self.one, self.two):
            subprocess.run(["ip", "netns", "del", name], check=False)


DENY = """table bridge f {
  chain forward { type filter hook forward priority 0;
    ip frag-off & 0x3fff == 0 tcp dport 9090 drop
  }
}
"""
CLOSED_TO_ONE = """table inet f {
  chain input { type filter hook input priority 0;
    ip saddr 10.9.0.1 tcp dport 7444 drop
  }
}
"""
QUOTA = """table bridge f {
  chain forward { type filter hook forward priority 0;
    quota over 100 kbytes drop
  }
}
"""


class TestWhereThereIsNoBoundary:
    @pytest.fixture
    def bridge(self, machine):
        made = Bridge()
        try:
            made.up()
            yield made
        finally:
            made.down()

    def test_every_frame_arrives_and_is_called_broken(self, bridge):
        names = ["policy", "spoofed-mac", "spoofed-address", "spoofed-arp", "spoofed-nd", "spoofed-router", "spoofed-dhcp",
                 "vlan", "vlan-double", "fragments"]
        findings, code = audit(*bridge.options, *(word for name in names for word in ("--only", name)))
        assert outcomes(findings) == dict.fromkeys(names, "broken"), findings
        assert code == 1

    def test_a_filter_that_reads_no_fragments_is_broken_by_them(self, bridge):
        bridge.rules(DENY)
        findings, _ = audit(*bridge.options, "--only", "policy", "--only", "fragments")
        assert outcomes(findings) == {"policy": "held", "fragments": "broken"}, findings

    def test_without_a_way_nothing_is_held(self, bridge):
        bridge.sh("ip", "-n", bridge.middle, "link", "set", "p2", "down")
        findings, code = audit(*bridge.options, "--only", "spoofed-mac", "--only", "policy")
        assert outcomes(findings) == {"spoofed-mac": "not tried", "policy": "not tried"}, findings
        assert code == 3

    def test_a_flood_that_ends_an_established_flow_is_broken(self, bridge):
        bridge.rules(QUOTA)
        findings, _ = audit(*bridge.options, "--only", "session-flood", "--flood", "5000")
        assert outcomes(findings) == {"session-flood": "broken"}, findings

    def test_a_tunnel_that_anybody_may_speak_through_is_broken(self, bridge):
        """The bridge's namespace ends VXLAN for whoever sends it: its guests, and a host on its wire."""
        bridge.sh("ip", "-n", bridge.middle, "addr", "add", "10.9.0.254/24", "dev", "plain")
        bridge.sh("ip", "-n", bridge.middle, "link", "add", "vx", "type", "vxlan", "id", "100", "dstport", "4789", "local",
                  "10.9.0.254")
        bridge.sh("ip", "-n", bridge.middle, "link", "set", "vx", "master", "plain", "up")
        names = ("tunnel-nested", "tunnel-host")
        findings, _ = audit(*bridge.options, "--underlay", "10.9.0.254", "--vni", "100",
                            *(word for name in names for word in ("--only", name)), netns=bridge.one)
        assert outcomes(findings) == dict.fromkeys(names, "broken"), findings

    def test_rules_that_root_can_remove_are_broken_and_put_back(self, bridge):
        bridge.rules(DENY)
        before = rules(bridge.middle)
        findings, _ = audit(*bridge.options, "--only", "rules-removed", "--netns-prefix", bridge.middle)
        assert outcomes(findings) == {"rules-removed": "broken"}, findings
        assert rules(bridge.middle) == before

    def test_rules_elsewhere_are_left_alone_and_prove_nothing(self, bridge):
        bridge.rules(DENY)
        findings, _ = audit(*bridge.options, "--only", "rules-removed", "--netns-prefix", f"{bridge.one}-none")
        assert outcomes(findings) == {"rules-removed": "not tried"}, findings

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
    def test_rules_come_back_when_the_audit_is_ended(self, bridge, how):
        """What denies is elsewhere, by silence: there is time between the removal and the verdict."""
        bridge.rules(DENY)
        idle = bridge.one
        subprocess.run(["ip", "netns", "exec", idle, "nft", "-f", "-"], input="table inet idle {\n}\n", text=True,
                       check=True)
        before = rules(idle)
        audit_process = subprocess.Popen(command(*bridge.options, "--only", "rules-removed", "--netns-prefix", idle),
                                         stdout=subprocess.DEVNULL)
        try:
            assert until(lambda: rules(idle) == "", timeout=20, every=0.01)
        finally:
            audit_process.send_signal(how)
            code = audit_process.wait()
        assert code == -how
        assert until(lambda: rules(idle) == before, timeout=10, every=0.05)

    def test_a_guest_that_reaches_the_link_is_found(self, bridge):
        """The second guest stands for the host here; what answers on the link is nobody but a listener."""
        bridge.sh("ip", "-n", bridge.middle, "addr", "add", "10.9.0.254/24", "dev", "plain")
        reach = ["--link", "10.9.0.254:7444", "--only", "guest-reaches-dpu"]
        findings, _ = audit(*bridge.options, *reach, netns=bridge.two)
        assert outcomes(findings) == {"guest-reaches-dpu": "not tried"}, findings
        listener = subprocess.Popen(["ip", "netns", "exec", bridge.middle, "/usr/bin/python3", "-m", "http.server", "7444"],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            findings, _ = audit(*bridge.options, *reach, netns=bridge.two)
            assert outcomes(findings) == {"guest-reaches-dpu": "broken"}, findings
            bridge.rules(CLOSED_TO_ONE)
            findings, _ = audit(*bridge.options, *reach, netns=bridge.two)
            assert outcomes(findings) == {"guest-reaches-dpu": "held"}, findings
        finally:
            listener.kill()
            listener.wait()

    def test_enforcement_that_lives_in_the_agent_is_broken_by_killing_it(self, bridge, tmp_path):
        """A filter that goes with the agent, as that of a policy agent on the host would."""
        bridge.rules(DENY)
        program = tmp_path / "outrigger-host"
        shutil.copy("/bin/sleep", program)
        agent = subprocess.Popen(["ip", "netns", "exec", bridge.one, program, "60"])
        ends_with_it = threading.Thread(target=lambda: (agent.wait(), bridge.rules("flush ruleset")))
        ends_with_it.start()
        try:
            findings, _ = audit(*bridge.options, "--only", "agent-killed", "--restart-agent", f"{program} 60 &",
                                netns=bridge.one)
            assert outcomes(findings) == {"agent-killed": "broken"}, findings
            assert "10.9.0.2:9090" in findings["agent-killed"]["evidence"]
        finally:
            agent.kill()
            ends_with_it.join()
            for pid in subprocess.run(["ip", "netns", "pids", bridge.one], text=True, capture_output=True,
                                      check=True).stdout.split():
                subprocess.run(["kill", "-9", pid], check=False)
