"""The link between a host and its DPU is cut, and nothing else.  The DPU carries, peers believe it: so does its host."""
import json
import pathlib
import subprocess
import time

import pytest

from support.lab import BUILD, ROOT, Lab, named, outrigger
from support.wait import until

WORLD = ROOT / "tests/chaos/manifests/two-hosts.yaml"
HOST = BUILD / "src/host/outrigger-host"
LEASE, TAKE_OVER = 1, 2  # seconds


@pytest.fixture(scope="module")
def lab(machine):
    assert (BUILD / "src/ports/outrigger-ports").exists(), "no outrigger-ports in this build: run make"
    made = Lab(named("cut"), WORLD, "--mode", "split", "--daemon-arg", "--engine-version", "--daemon-arg", "0.1.0")
    try:
        assert until(lambda: host(made)["state"] == "dormant" and host(made)["prepared_generation"], timeout=30), host(made)
        assert until(lambda: health(made) == {"ready"}, timeout=30), health(made)
        yield made
    finally:
        made.down()


@pytest.fixture
def cut(lab):
    """The host's end of the link goes down; afterwards it is up again, and all is as before."""
    link(lab, "down")
    yield lab
    link(lab, "up")
    assert until(lambda: host(lab)["lease"] and host(lab)["state"] == "dormant", timeout=40), host(lab)


def link(lab, verb):
    subprocess.run(["ip", "-n", f"or-{lab.name}.host.a", "link", "set", "dpu", verb], check=True)


def host(lab):
    socket = next(pathlib.Path(f"/run/outrigger/lab/{lab.name}").rglob("host.sock"), "none")
    done = subprocess.run([HOST, "fallback", "status", "--socket", socket], text=True, capture_output=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {"state": "unknown", "prepared_generation": 0}


def health(lab):
    done = outrigger("health", "--lab", lab.name, "--node", "a", "-o", "json", check=False)
    return {one["state"] for one in json.loads(done.stdout)["services"]} if done.stdout else set()


def fallbacks(lab):
    done = outrigger("incidents", "--all", "--lab", lab.name, "--node", "a", "-o", "json")
    return [one for one in json.loads(done.stdout) if one["kind"] == "fallback"]


def test_nobody_notices_a_cut_link(cut, servers):
    one, two = cut["run/one"], cut["run/two"]
    servers.tcp(two, 7999)
    with one.connect(two.v4, 7999, timeout=5) as connection:
        until(lambda: not host(cut)["lease"], timeout=5)
        end = time.monotonic() + LEASE + TAKE_OVER + 2
        while time.monotonic() < end:
            assert one.tcp(two.v4, 7999, timeout=0.5) == "open"
            time.sleep(0.1)
        connection.sendall(b"still here")
        assert connection.recv(100) == b"still here"
    now = host(cut)
    assert now["state"] == "dormant" and "the link alone is cut" in now["reason"], now
    assert ",UP,LOWER_UP" in one.run("ip", "link", "show", "eth0").stdout
    assert fallbacks(cut) == []


def test_a_dpu_that_dies_behind_a_cut_link_is_stood_in_for(cut, servers):
    one, two = cut["run/one"], cut["run/two"]
    servers.tcp(two, 7999)
    servers.tcp(two, 9001)
    assert until(lambda: "the link alone is cut" in host(cut).get("reason", ""), timeout=5), host(cut)
    outrigger("lab", "freeze", "a", "--name", cut.name)
    try:
        assert until(lambda: one.tcp(two.v4, 7999, timeout=0.5) == "open", timeout=LEASE + TAKE_OVER), host(cut)
        assert host(cut)["state"] == "active"
        assert one.tcp(two.v4, 9001, timeout=0.5) == "silent"
    finally:
        link(cut, "up")
        outrigger("lab", "thaw", "a", "--name", cut.name)
    assert until(lambda: host(cut)["state"] == "dormant", timeout=40), host(cut)
    assert one.tcp(two.v4, 7999, timeout=1) == "open"
    assert until(lambda: fallbacks(cut), timeout=10)
    told = fallbacks(cut)[-1]
    assert told["detect_ms"] >= 1000 * LEASE and told["domain"] == "dpu", told
