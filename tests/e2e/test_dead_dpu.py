"""A DPU dies altogether, or is told to let its host carry the traffic; and gets it back.  Seen by whom it serves."""
import json
import subprocess
import sys
import time

import pytest

from support.lab import BUILD, PROGRAM, ROOT, Lab, named, outrigger
from support.wait import until

sys.path.insert(0, str(ROOT / "tests/chaos"))

from harness import scenarios  # noqa: E402
from harness.streams import Instruments  # noqa: E402

WORLD = ROOT / "tests/chaos/manifests/two-hosts.yaml"
RATE = 1000  # packets a second, from the node whose DPU dies to the other
LEASE_MS, TAKE_OVER_MS = 1000, 2000
HANDFUL = 10
FROM_A = {"rate": RATE, "connections": 10}
TO_A = {**FROM_A, "source": "run/two", "target": "run/one"}


@pytest.fixture(scope="module")
def lab(machine):
    assert (BUILD / "src/ports/outrigger-ports").exists(), "no outrigger-ports in this build: run make"
    made = Lab(named("dead"), WORLD, "--mode", "split", "--daemon-arg", "--engine-version", "--daemon-arg", "0.1.0")
    yield made
    made.down()


@pytest.fixture
def dormant(lab):
    """The host is on the link, holds a bundle, and carries nothing."""
    ready = until(lambda: state(lab)["state"] == "dormant" and state(lab)["bundle_generation"], timeout=30)
    assert ready, state(lab)
    return lab


def state(lab):
    done = outrigger("fallback", "status", "--lab", lab.name, "--node", "a", "-o", "json", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {"state": "unknown", "bundle_generation": 0}


def drill(lab, hold=3):
    return outrigger("drill", "policy", "--hold", hold, "--lab", lab.name, "--node", "a")


def test_a_dead_dpu_is_stood_in_for_and_gets_its_work_back(dormant):
    result = scenarios.dead_dpu(dormant, 1, **FROM_A)
    assert result["violations"] == 0 and result["duplicates"] == 0
    to_host = result["to_host_ms"]["max"]
    assert to_host < LEASE_MS + TAKE_OVER_MS
    on_the_way_back = result["lost"] - to_host * RATE / 1000
    assert on_the_way_back < HANDFUL, result
    assert result["tcp_broken"] == 0, result


@pytest.mark.parametrize("streams", [FROM_A, TO_A], ids=["from", "to"])
def test_a_drill_loses_next_to_nothing(dormant, streams):
    with Instruments(dormant, iperf=None, **streams) as instruments:
        drill(dormant)
        time.sleep(1)
        seen = instruments.stop()
    assert seen["denied"]["violations"] == 0
    assert seen["udp"]["lost"] < HANDFUL and seen["udp"]["duplicates"] == 0, seen["udp"]
    assert seen["tcp"]["broken"] == 0, seen["tcp"]


def test_a_dpu_that_dies_while_it_gets_its_work_back(dormant, servers):
    """Both paths are open then: the host takes all again, and the return is tried again when the DPU is back."""
    one, two = dormant["run/one"], dormant["run/two"]
    servers.tcp(two, 7999)
    servers.tcp(two, 9001)
    outrigger("fallback", "order", "--lab", dormant.name, "--node", "a")
    assert until(lambda: state(dormant)["state"] == "active", timeout=15), state(dormant)
    outrigger("fallback", "return", "--lab", dormant.name, "--node", "a")
    assert until(lambda: state(dormant)["state"] == "handing_back", timeout=5, every=0.02), state(dormant)
    time.sleep(1)
    outrigger("lab", "freeze", "a", "--name", dormant.name)
    try:
        assert until(lambda: one.tcp(two.v4, 7999, timeout=0.5) == "open", timeout=(LEASE_MS + TAKE_OVER_MS) / 1000)
        assert one.tcp(two.v4, 9001, timeout=0.5) == "silent"
    finally:
        outrigger("lab", "thaw", "a", "--name", dormant.name)
    assert until(lambda: state(dormant)["state"] == "dormant", timeout=30), state(dormant)
    assert one.tcp(two.v4, 7999, timeout=1) == "open"


def test_what_changes_a_node_is_told_which(dormant):
    """Never the first one that happens to be there."""
    for words in (("fallback", "order"), ("fallback", "return"), ("drill", "policy"), ("engine", "rollback"),
                  ("engine", "upgrade", "--to", "0.1.1"), ("rollout", "start", "policy", "--to", "0.1.1"),
                  ("rollout", "undo", "policy")):
        refused = outrigger(*words, "--lab", dormant.name, check=False)
        assert refused.returncode != 0 and "which node? --node a|b" in refused.stderr, words
    assert state(dormant)["state"] == "dormant" and not state(dormant).get("order")


def test_an_order_can_be_checked_and_tied_to_what_was_seen(dormant):
    def order(what, *options):
        return outrigger("fallback", what, "--lab", dormant.name, "--node", "a", *options, check=False)

    seen = state(dormant)["etag"]
    assert order("order", "--dry-run", "--etag", seen).returncode == 0
    assert "no fallback is in force" in order("return", "--dry-run").stderr
    stale = order("order", "--etag", "dormant/0/none/0")
    assert stale.returncode != 0 and "not dormant/0/none/0" in stale.stderr
    checked = outrigger("drill", "policy", "--dry-run", "--lab", dormant.name, "--node", "a")
    assert "may begin" in checked.stdout
    time.sleep(1)
    assert state(dormant)["etag"] == seen, "nothing was ordered"


def test_a_drill_ends_with_the_agent_that_leads_it(dormant):
    """Nobody else would: the host stays where it was ordered to.  Asked again, it says what became of it."""
    with subprocess.Popen([PROGRAM, "drill", "policy", "--hold", "60s", "--lab", dormant.name, "--node", "a"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        assert until(lambda: state(dormant)["state"] == "active", timeout=15), state(dormant)
        dormant.kill_daemon("a")
        outrigger("lab", "up", "--name", dormant.name)
        said = running.communicate(timeout=30)[0]
    assert running.returncode == 1 and "asking again" in said and "restarted during this drill" in said, said
    assert until(lambda: state(dormant)["state"] == "dormant", timeout=30), state(dormant)


def test_no_engine_is_changed_while_the_host_carries(dormant):
    """Refused with the reason, and nothing has begun: the engines are who they were."""
    def engines():
        listed = outrigger("engine", "list", "--lab", dormant.name, "--node", "a", "-o", "json")
        return [(e["version"], e["state"], e["pid"]) for e in json.loads(listed.stdout)["engines"]]

    before = engines()
    outrigger("fallback", "order", "--lab", dormant.name, "--node", "a")
    assert until(lambda: state(dormant)["state"] == "active", timeout=15), state(dormant)
    try:
        refused = outrigger("engine", "upgrade", "--to", "0.1.1", "--lab", dormant.name, "--node", "a", check=False)
        assert refused.returncode != 0 and "a fallback is in force" in refused.stdout + refused.stderr
        assert engines() == before
    finally:
        outrigger("fallback", "return", "--lab", dormant.name, "--node", "a")
    assert until(lambda: state(dormant)["state"] == "dormant", timeout=20), state(dormant)
