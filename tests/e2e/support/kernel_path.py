"""Hosts that carry their own traffic: outrigger-host in namespaces, without any DPU.

Each node is a namespace on a common fabric; its guests have an eth0 that leads nowhere, as behind a DPU that is dead.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import yaml

from .frames import Wire
from .guest import Guest, gateway_of
from .lab import BUILD, ROOT
from .wait import until

HOST = pathlib.Path(os.environ.get("OUTRIGGER_HOST", BUILD / "src/host/outrigger-host"))
BUNDLE = pathlib.Path(os.environ.get("OUTRIGGER_BUNDLE", BUILD / "src/dpu/fallback/outrigger-bundle"))


def sh(*argv, check=True, stdin=None):
    done = subprocess.run([str(a) for a in argv], text=True, capture_output=True, input=stdin, check=False, timeout=60)
    assert not check or done.returncode == 0, f"{argv}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class FallenGuest(Guest):
    def wire(self):
        return Wire(self.netns, "fb0")


class KernelPath:
    """`manifests`: a file with Nodes (their underlay is where the hosts speak from), Networks and Endpoints."""

    def __init__(self, name, manifests):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="outrigger-fb-"))
        self.base = list(yaml.safe_load_all(pathlib.Path(manifests).read_text()))
        self.nodes = {d["metadata"]["name"]: d for d in self.base if d["kind"] == "Node"}
        endpoints = [d for d in self.base if d["kind"] == "Endpoint"]
        for one in endpoints:
            one["metadata"].setdefault("namespace", "default")
        self.guests = {g.name: g for g in (FallenGuest(name, one) for one in endpoints)}
        self.daemons, self.generation = {}, 0
        try:
            self.build()
            self.apply("")
            for node in self.nodes:
                self.start(node)
        except BaseException:
            self.down()
            raise

    def __getitem__(self, name):
        return self.guests[name]

    # Namespaces.

    def host(self, node):
        return f"or-{self.name}.host.{node}"

    @property
    def fabric(self):
        return f"or-{self.name}.fabric"

    def build(self):
        sh("ip", "netns", "add", self.fabric)
        sh("ip", "-n", self.fabric, "link", "add", "fabric", "type", "bridge")
        sh("ip", "-n", self.fabric, "link", "set", "fabric", "up")
        for index, (node, manifest) in enumerate(self.nodes.items()):
            netns = self.host(node)
            sh("ip", "netns", "add", netns)
            sh("ip", "-n", netns, "link", "add", "uplink", "type", "veth", "peer", "name", f"up{index}", "netns", self.fabric)
            sh("ip", "-n", self.fabric, "link", "set", f"up{index}", "master", "fabric", "up")
            for address in manifest["spec"]["underlay"]:
                sh("ip", "-n", netns, "addr", "add", f"{address}/24", "dev", "uplink")
            sh("ip", "-n", netns, "link", "set", "lo", "up")
            sh("ip", "-n", netns, "link", "set", "uplink", "up")
        for guest in self.guests.values():
            self.add_guest(guest)
        for node in self.nodes:
            mine = [{"endpoint": g.name, "netns": g.netns, "device": "eth0"}
                    for g in self.guests.values() if g.node == node]
            (self.folder / f"{node}.endpoints").write_text(json.dumps(mine))

    def add_guest(self, guest):
        sh("ip", "netns", "add", guest.netns)
        sh("ip", "netns", "exec", guest.netns, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0",
           "net.ipv6.conf.default.router_solicitations=0", "net.ipv6.conf.default.accept_ra=0")
        self.add_port(guest)
        sh("ip", "-n", guest.netns, "link", "set", "lo", "up")

    def add_port(self, guest):
        """The DPU's port, with a dead end behind it."""
        lines = ["link add eth0 type veth peer name dead0", f"link set eth0 address {guest.mac} mtu 1450 up",
                 "link set dead0 up"]
        for address, length in ((guest.v4, 24), (guest.v6, 64)):
            lines.append(f"addr add {address}/{length} dev eth0" + (" nodad" if length == 64 else ""))
        lines += [f"route add default via {gateway_of(a)} dev eth0" for a in (guest.v4, guest.v6)]
        sh("ip", "-n", guest.netns, "-batch", "-", stdin="\n".join(lines) + "\n")

    # Bundles and daemons.

    def bundle(self, node, policies="", **options):
        """A bundle that makes `node`'s own underlay its host's tunnel address."""
        documents = []
        for one in json.loads(json.dumps(self.base)):
            if one["kind"] == "Node" and one["metadata"]["name"] == node:
                own = one["spec"]["underlay"][0]
                one["spec"]["underlay"], one["spec"]["fallback"] = ["198.51.100.1"], {"underlay": own}
            documents.append(one)
        manifests = self.folder / f"{node}.yaml"
        manifests.write_text(yaml.safe_dump_all(documents) + "\n---\n" + policies)
        out = self.folder / f"{node}.pb"
        extra = [w for name, value in options.items() for w in (f"--{name.replace('_', '-')}", str(value))]
        sh(BUNDLE, "-f", manifests, "--node", node, "--key", self.folder / "key", "--out", out,
           "--sequence-file", self.folder / "sequence", "--generation", self.generation, *extra)
        return out

    def apply(self, policies):
        self.generation += 1
        self.policies = policies
        for node in self.nodes:
            self.bundle(node, policies)
        for node in list(self.daemons):
            self.stop(node)
            self.start(node)

    def start(self, node, *options):
        log = open(self.folder / f"{node}.log", "a")
        self.daemons[node] = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.host(node)}", str(HOST), "run", "--node", node, "--key", self.folder / "key.pub",
             "--endpoints", self.folder / f"{node}.endpoints", "--bundle", self.folder / f"{node}.pb",
             "--state", self.folder / f"{node}.state", "--socket", self.folder / f"{node}.sock",
             "--netns-prefix", f"or-{self.name}.fb.{node}.", *options], stdout=log, stderr=subprocess.STDOUT)
        log.close()
        wanted = self.generation
        ready = until(lambda: self.status(node).get("prepared_generation") == wanted and
                      self.status(node).get("path_fault") == "", timeout=20)
        assert ready, f"{self.status(node)}\n{self.log(node)}"

    def stop(self, node, signal=15):
        daemon = self.daemons.pop(node)
        daemon.send_signal(signal)
        daemon.wait(10)

    def log(self, node):
        return (self.folder / f"{node}.log").read_text()

    def status(self, node):
        done = sh(HOST, "fallback", "status", "--socket", self.folder / f"{node}.sock", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def order(self, node, what, state):
        sh(HOST, "order", what, "--socket", self.folder / f"{node}.sock")
        reached = until(lambda: self.status(node).get("state") == state, timeout=10)
        assert reached, f"{self.status(node)}\n{self.log(node)}"

    def path_netns(self, node, vni=100):
        return f"or-{self.name}.fb.{node}.{vni}"

    def down(self):
        for node in list(self.daemons):
            self.stop(node, 9)
        for name in sorted(os.listdir("/run/netns")):
            if name.startswith(f"or-{self.name}."):
                sh("ip", "netns", "del", name, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
