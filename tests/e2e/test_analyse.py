"""The gate of a rollout: what the host measures decides whether a version is kept.

Traffic is real: connections from one guest to another through the node's engine, measured by its outrigger-host.  The slow
version takes 20 ms more for each new one, and health finds nothing wrong with it."""
import os
import shutil
import time

import pytest

from support.engines import Node
from support.lab import BUILD, MANIFESTS, ROOT, Lab, named
from support.linked import WELL, fallback, is_well
from support.measured import Doorway, HostAgent
from support.wait import until

GOOD, NEXT, SLOW = "0.1.0", "0.1.1", "0.1.7-slow"
PORT = 9999  # what the slow version is slow about
RATE, SECONDS = 20, 25  # 500 requests a side: p99 needs 368
MARGIN = "60%"  # two cores are shared with all that measures; the slow version costs far more


@pytest.fixture(scope="module")
def lab(machine, tmp_path_factory):
    assert (BUILD / "src/ports/outrigger-ports").exists(), "no outrigger-ports in this build: run make"
    engines = tmp_path_factory.mktemp("engines")
    shutil.copytree(BUILD / "engines", engines, dirs_exist_ok=True)
    options = ["--engines", engines, "--engine-version", GOOD]
    made = Lab(named("gate"), MANIFESTS / "linked", "--mode", "split", *(word for one in options for word in ("--daemon-arg", one)))
    try:
        made.apply(ROOT / "examples/services/built-in.yaml")
        assert until(lambda: is_well(made), timeout=30, every=0.2), fallback(made)
        yield made
    finally:
        made.down()


@pytest.fixture
def node(lab):
    made = Node(lab)
    assert made.wait_for("active")["version"] == GOOD
    made.wait_for("standby")
    yield made
    if made.active() != GOOD:
        made.rollout("undo", "policy", check=False)
        assert until(lambda: made.active() == GOOD, timeout=20)


@pytest.fixture(scope="module")
def measured(lab, servers):
    """Since long enough for a side."""
    one, two = lab["free/a1"], lab["free/a2"]
    servers.tcp(two, PORT)
    doorway = Doorway(f"or-{lab.name}.host.a", one, two.v4, PORT)
    agent = HostAgent(lab, "a", RATE)
    try:
        assert until(lambda: fallback(lab) == WELL, timeout=20, every=0.2), fallback(lab)
        time.sleep(SECONDS + 5)
        yield
    finally:
        agent.stop()
        doorway.close()


def gated(node, version, seconds=SECONDS):
    """The rollout once it is over, or held by the gate; health that nobody knows yet, after the change, is neither."""
    node.rollout("start", "policy", "--to", version, "--settle", "2s", "--analyse", f"{seconds}s", "--margin", MARGIN)
    decided = until(lambda: next((r for r in [node.rollout("status", "policy")] if is_decided(r)), None), timeout=120, every=0.3)
    assert decided, node.rollout("status", "policy")
    return decided


def is_decided(rollout):
    by_gate = last(rollout)["reason"].startswith(("no data: ", "inconclusive: "))
    return rollout["state"] in ("complete", "rolled_back", "fallback", "aborted") or rollout["state"] == "hold" and by_gate


def last(rollout):
    return rollout["transitions"][-1]


def states(rollout):
    return [one["state"] for one in rollout["transitions"]]


def test_no_data_holds_until_somebody_says_a_word(node):
    held = gated(node, NEXT, seconds=3)
    assert held["state"] == "hold" and last(held)["reason"].startswith("no data: "), held
    waited = node.say("rollout", "status", "policy", "--wait", check=False)
    assert waited.returncode == 1 and "rollout promote policy" in waited.stderr
    assert node.rollout("undo", "policy")["state"] == "rolled_back"


def first_that_ends(node, version, state):
    """A machine that others use is noisy, and then the gate may hold, or be misled: it is asked three times."""
    for _ in range(3):
        decided = gated(node, version)
        if decided["state"] == state:
            break
        node.rollout("undo", "policy", check=False)
    return decided


# Noise holds a gate: on a machine that others use, "inconclusive" is the right answer, and no defect.
quiet = pytest.mark.skipif("OUTRIGGER_QUIET_MACHINE" not in os.environ, reason="set OUTRIGGER_QUIET_MACHINE where nobody else has the CPUs")


@quiet
def test_a_version_as_good_as_before_is_kept(node, measured):
    kept = first_that_ends(node, NEXT, "complete")
    assert states(kept)[-2:] == ["analyse", "complete"], last(kept)
    assert "p99 changed by" in last(kept)["reason"] and "requests failed" in last(kept)["evidence"], kept


@quiet
def test_a_version_that_slows_the_traffic_goes_back(node, measured):
    back = first_that_ends(node, SLOW, "rolled_back")
    assert states(back)[-2:] == ["analyse", "rolled_back"], f"health alone did not see it: {last(back)}"
    assert last(back)["reason"].startswith("p99 changed by +") and last(back)["actor"] == "agent", back
    assert node.active() == GOOD
    shown = node.say("rollout", "status", "policy").stdout
    assert "margin +60.0" in shown and "0.1.0 is in force again" in shown
