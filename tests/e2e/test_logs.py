"""One time line: what the host tells arrives at the DPU once, in its order, merged; what finds no room is counted."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from support.kernel_path import HOST
from support.lab import MANIFESTS, PROGRAM, Lab, named, outrigger
from support.wait import until

SERVICE = "e2e"


class HostAgent:
    """outrigger-host of the lab's node: its process, its sockets."""

    def __init__(self, lab):
        self.netns = f"or-{lab.name}.host.a"
        self.argv = self.process()[1]
        self.socket = self.argv[self.argv.index("--socket") + 1]
        self.log_socket = self.socket.removesuffix(".sock") + "-log.sock"

    def process(self):
        pids = subprocess.run(["ip", "netns", "pids", self.netns], capture_output=True, text=True, check=True).stdout.split()
        for pid in pids:
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "outrigger-host":
                    return int(pid), pathlib.Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
        return None

    def status(self):
        done = subprocess.run([HOST, "fallback", "status", "--socket", self.socket], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def tell(self, *messages):
        for message in messages:
            subprocess.run([HOST, "tell", "--socket", self.socket, "--service", SERVICE, message], check=True)

    def restart(self, *options):
        os.kill(self.process()[0], signal.SIGTERM)
        assert until(lambda: self.process() is None, timeout=10)
        subprocess.Popen(["nsenter", f"--net=/run/netns/{self.netns}", *self.argv, *options], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True)
        assert until(self.status, timeout=10)


@pytest.fixture(scope="module")
def lab(machine):
    made = Lab(named("logs"), MANIFESTS / "linked")
    try:
        assert until(lambda: linked(made), timeout=15, every=0.1)
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def host(lab):
    return HostAgent(lab)


def linked(lab):
    done = outrigger("fallback", "status", "--lab", lab.name, "-o", "json", check=False)
    return done.returncode == 0 and json.loads(done.stdout)["host_linked"] and json.loads(done.stdout)["bundle_generation"] > 0


def logs(lab, *options):
    lines = lab.cli("logs", "-o", "json", *options).stdout.splitlines()
    return [json.loads(line) for line in lines]


def told(lab, *options):
    return [one["message"] for one in logs(lab, "--service", SERVICE, *options)]


@contextlib.contextmanager
def dead_dpu(lab, host):
    """Inside, the DPU is gone and the host carries the traffic; after, the DPU is back and knows it."""
    outrigger("lab", "freeze", "a", "--name", lab.name)
    try:
        assert until(lambda: host.status().get("state") == "active", timeout=15), host.status()
        yield
    finally:
        outrigger("lab", "thaw", "a", "--name", lab.name)
        assert until(lambda: linked(lab), timeout=20, every=0.1)


def at(record):
    """By the DPU's clock."""
    return int(record["monotonic_ns"]) + int(record.get("offset_ns", 0))


def test_what_is_told_while_the_dpu_is_dead_arrives_once_and_in_order(lab, host):
    before, meanwhile, after = ([f"{when} {i}" for i in range(5)] for when in ("before", "meanwhile", "after"))
    host.tell(*before)
    assert until(lambda: told(lab) == before, timeout=5, every=0.1), told(lab)
    with dead_dpu(lab, host):
        host.tell(*meanwhile)
    host.tell(*after)
    assert until(lambda: told(lab)[-1:] == after[-1:], timeout=15, every=0.2), told(lab)
    assert until(lambda: host.status().get("state") == "dormant", timeout=30, every=0.2)
    assert told(lab) == before + meanwhile + after
    records = logs(lab)
    places = [at(one) for one in records]
    late = [before - after for before, after in zip(places, places[1:])]
    assert max(late) < 1e6, "threads of one process may be a moment apart"
    of_host = [one for one in records if one["side"] == "host"]
    assert len({one["cursor"] for one in of_host}) == len(of_host)
    assert {one["side"] for one in records} == {"host", "dpu"}
    assert all(abs(int(one.get("offset_ns", 0))) < 50e6 for one in of_host), "both sides have one clock here"


def test_the_hosts_words_are_part_of_the_incident(lab, host):
    wanted = "the DPU's lease has expired without an answer"
    lost = [one for one in logs(lab, "--domain", "dpu") if one["message"] == wanted]
    assert lost and lost[0]["side"] == "host" and lost[0]["incident"], lost
    tree = {one["id"]: one for one in lab.json("incidents", "--all")}
    cause = tree[lost[0]["incident"]]
    assert cause["kind"] == "lease_lost" and cause["domain"] == "dpu" and cause["state"] == "over", cause
    fallbacks = [one for one in tree.values() if one["kind"] == "fallback"]
    assert [one["count"] for one in fallbacks] == [1], fallbacks  # both sides told of it
    about = logs(lab, "--incident", fallbacks[0]["id"])
    assert {one["side"] for one in about} == {"host", "dpu"}, about


def test_the_time_line_is_narrowed_down(lab, host):
    host.tell("recent")
    assert until(lambda: "recent" in told(lab, "--since", "30s"), timeout=5, every=0.1)
    assert told(lab, "--since", "1ms") == []
    assert "recent" in told(lab, "--owner", "platform") and told(lab, "--owner", "netsec") == []
    assert "recent" in told(lab, "--domain", "host") and told(lab, "--domain", "fabric") == []


def test_records_are_followed_as_they_come(lab, host):
    with subprocess.Popen([PROGRAM, "logs", "--lab", lab.name, "--follow", "--since", "1ms", "--service", SERVICE, "-o", "json"],
                          stdout=subprocess.PIPE, text=True) as following:
        try:
            host.tell("followed 1", "followed 2")
            seen = [json.loads(following.stdout.readline())["message"] for _ in range(2)]
        finally:
            following.terminate()
    assert seen == ["followed 1", "followed 2"]


def test_what_finds_no_room_is_counted_and_shown(lab, host):
    host.restart("--log-mib", "0.25")
    with dead_dpu(lab, host):
        dropped_before = host.status()["log"]["dropped"]
        flood(host, 600)
        assert until(lambda: host.status()["log"]["dropped"] > dropped_before, timeout=10, every=0.1), host.status()
    assert until(lambda: any(m.startswith("flood 599") for m in told(lab, "--limit", "100000")), timeout=20, every=0.2)
    kept = [int(m.split()[1]) for m in told(lab, "--limit", "100000") if m.startswith("flood ")]
    assert kept == list(range(kept[0], 600)) and 0 < kept[0] < 600
    dropped = host.status()["log"]["dropped"] - dropped_before
    assert kept[0] <= dropped <= kept[0] + 30, (kept[0], dropped)  # what the host itself told went first
    shown = [one for one in lab.json("logs", "--streams") if one["side"] == "host" and one["service"] == "(all)"]
    assert [one["dropped"] for one in shown] == [host.status()["log"]["dropped"]], shown


def flood(host, count):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.connect(host.log_socket)
        for i in range(count):
            wire.send(json.dumps({"time": "2026-01-01T00:00:00Z", "side": "host", "domain": "host", "service": SERVICE,
                                  "severity": "info", "message": f"flood {i} " + "x" * 800}).encode())


def test_what_others_tell_makes_no_incident(lab, host):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.connect(host.log_socket)
        wire.send(json.dumps({"time": "2026-01-01T00:00:00Z", "side": "host", "domain": "dpu", "service": SERVICE,
                              "severity": "error", "message": "a lie",
                              "evidence": {"kind": "lease_lost", "phase": "begin", "subject": "a made-up link"}}).encode())
        wire.send(b"no record")
    assert until(lambda: "a lie" in told(lab, "--domain", "host"), timeout=5, every=0.1)
    assert until(lambda: any("cannot be read" in one["message"] for one in logs(lab, "--service", "inbox")), timeout=5, every=0.1)
    assert [one["incident"] for one in logs(lab) if one["message"] == "a lie"] == [""]
    incidents = json.dumps(lab.json("incidents", "--all"))  # of the lab's own there may be more by now
    assert "a lie" not in incidents and "a made-up link" not in incidents, incidents
