"""The API over the network: who gets in, what each role may do, and what a repeated write does.

One daemon of its own in a network namespace; no packet moves here.
"""
import json
import os
import signal
import subprocess
import time

import pytest

from support.lab import PROGRAM, RUN, outrigger
from support.wait import until

SPACE = f"or-{RUN}-api"
SERVER = "127.0.0.1:7443"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
POLICY = ("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: shop}\n"
          "spec: {podSelector: {}, policyTypes: [Ingress]}\n")
ROLES = ("viewer", "operator", "policy-admin", "host", "fleet")


class Daemon:
    """outriggerd --listen in a network namespace, and the command line inside of it."""

    def __init__(self, folder):
        self.pki = folder / "pki"
        outrigger("pki", "init", "--folder", self.pki, "--node", "node-a", "--address", "127.0.0.1")
        for role in ROLES:
            outrigger("pki", "issue", "--folder", self.pki, "--role", role, "--name", "node-a")
        subprocess.run(["ip", "netns", "add", SPACE], check=True)
        subprocess.run(["ip", "-n", SPACE, "link", "set", "lo", "up"], check=True)
        self.socket = folder / "api.sock"
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", SPACE, PROGRAM.parent.parent / "dpu/outriggerd", "--node", "node-a", "--mode", "solo",
             "--huge-pages", "off", "--sessions", "1024", "--buffers", "2048", "--state", folder / "state",
             "--socket", self.socket, "--listen", SERVER, "--cert", self.pki / "dpu-node-a.pem",
             "--ca", self.pki / "ca.crt", "--reflection"], stdout=self.log, stderr=self.log)
        until(self.socket.exists, timeout=30)

    def cli(self, role, *arguments, stdin=None):
        identity = ["--server", SERVER, "--pki", self.pki, "--as", f"{role}-node-a"] if role else ["--socket", self.socket]
        return subprocess.run(["ip", "netns", "exec", SPACE, PROGRAM, *arguments, *identity], input=stdin, text=True,
                              capture_output=True, timeout=60)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.log.close()
            subprocess.run(["ip", "netns", "del", SPACE], check=True)


@pytest.fixture(scope="module")
def daemon(machine, tmp_path_factory):
    made = Daemon(tmp_path_factory.mktemp("api"))
    yield made
    made.stop()


def test_root_is_let_in_through_the_socket_alone(daemon):
    assert daemon.cli(None, "get", "namespaces", "-o", "json").returncode == 0
    assert daemon.socket.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("role", ROLES)
def test_reading_is_for_all_but_hosts(daemon, role):
    run = daemon.cli(role, "stats", "-o", "json")
    if role == "host":
        assert run.returncode == 1 and "role host" in run.stderr and "Inspect/GetStats" in run.stderr
    else:
        assert run.returncode == 0 and json.loads(run.stdout)["node"] == "node-a", run.stderr


@pytest.mark.parametrize("role", ROLES)
def test_only_the_fleet_writes_what_is_not_policy(daemon, role):
    run = daemon.cli(role, "apply", "-f", "-", stdin=NAMESPACE)
    assert (run.returncode == 0) == (role == "fleet"), run.stderr
    if role != "fleet":
        assert f"role {role}" in run.stderr and "Config/Apply" in run.stderr


def test_a_policy_admin_writes_policies_and_nothing_beside_them(daemon):
    assert daemon.cli("fleet", "apply", "-f", "-", stdin=NAMESPACE).returncode == 0
    run = daemon.cli("policy-admin", "apply", "-f", "-", stdin=POLICY)
    assert run.returncode == 0, run.stderr
    both = POLICY.replace("closed", "other") + "---\n" + NAMESPACE.replace("shop", "stolen")
    run = daemon.cli("policy-admin", "apply", "-f", "-", stdin=both)
    assert run.returncode == 1 and "Namespace" in run.stderr
    assert "other" not in daemon.cli("viewer", "get", "networkpolicies", "-o", "json").stdout
    run = daemon.cli("policy-admin", "delete", "namespace", "shop")
    assert run.returncode == 1
    assert daemon.cli("policy-admin", "delete", "networkpolicy", "closed", "-n", "shop").returncode == 0


def test_a_node_in_solo_mode_says_since_when_its_engine_has_what_it_has(daemon):
    assert daemon.cli("fleet", "apply", "-f", "-", stdin=NAMESPACE).returncode == 0
    said = json.loads(daemon.cli("viewer", "generations", "-o", "json").stdout)
    engine, = (one for one in said["consumers"] if one["kind"] == "engine")
    assert engine["current"] and 0 < engine["applied_for"] < 600, engine


def test_another_authority_is_not_let_in(daemon, tmp_path):
    outrigger("pki", "init", "--folder", tmp_path / "other", "--node", "node-a")
    outrigger("pki", "issue", "--folder", tmp_path / "other", "--role", "fleet", "--name", "eve")
    run = subprocess.run(
        ["ip", "netns", "exec", SPACE, PROGRAM, "stats", "--server", SERVER, "--cert", tmp_path / "other/fleet-eve.pem",
         "--ca", daemon.pki / "ca.crt"], text=True, capture_output=True, timeout=60)
    assert run.returncode == 1 and SERVER in run.stderr


def test_without_a_certificate_the_way_out_is_named(daemon):
    run = subprocess.run([PROGRAM, "stats", "--server", SERVER], text=True, capture_output=True, timeout=60)
    assert run.returncode == 1 and "--cert" in run.stderr and "pki issue" in run.stderr


def test_it_listens_where_it_was_told_and_nowhere_else(daemon):
    run = subprocess.run(["ip", "netns", "exec", SPACE, "ss", "-Hltn"], text=True, capture_output=True, check=True)
    heard = [line.split()[3] for line in run.stdout.splitlines()]
    assert [one.replace("[::ffff:127.0.0.1]", "127.0.0.1") for one in heard] == [SERVER]  # gRPC's sockets are of both families


def test_rotation_needs_no_restart(daemon):
    before = json.loads(outrigger("pki", "list", "--folder", daemon.pki, "-o", "json").stdout)
    outrigger("pki", "rotate", "--folder", daemon.pki)
    after = json.loads(outrigger("pki", "list", "--folder", daemon.pki, "-o", "json").stdout)
    assert {one["name"] for one in before} == {one["name"] for one in after}
    assert not {one["serial"] for one in before} & {one["serial"] for one in after}
    deadline = time.monotonic() + 10
    while daemon.cli("viewer", "stats").returncode != 0:
        assert time.monotonic() < deadline
    assert daemon.process.poll() is None


def test_an_authority_is_not_overwritten(daemon):
    key = (daemon.pki / "ca.key").read_bytes()
    run = outrigger("pki", "init", "--folder", daemon.pki, "--node", "node-a", check=False)
    assert run.returncode == 1 and "--force" in run.stderr
    assert (daemon.pki / "ca.key").read_bytes() == key
    assert os.stat(daemon.pki / "ca.key").st_mode & 0o777 == 0o600
