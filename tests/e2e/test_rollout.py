"""Changes of the engine's version that must not go through, and what an operator can say to one under way."""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

from support.engines import Node
from support.lab import BUILD, PROGRAM, ROOT, Lab, named
from support.wait import until

WORLD = ROOT / "tests/chaos/manifests/world.yaml"
GOOD, NEXT, DENY = "0.1.0", "0.1.1", "0.1.2-deny"  # DENY decides otherwise about TCP to DOOR
DOOR = 9999
OPEN = f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: door, namespace: run}}
spec: {{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{ports: [{{protocol: TCP, port: {DOOR}}}]}}]}}
"""


@pytest.fixture(scope="module")
def lab(machine, tmp_path_factory):
    assert (BUILD / "src/ports/outrigger-ports").exists(), "no outrigger-ports in this build: run make"
    engines = tmp_path_factory.mktemp("engines")
    shutil.copytree(BUILD / "engines", engines, dirs_exist_ok=True)
    for version, mode in (("7.0.0-plain", 0o644), ("7.0.1-empty", 0o755)):
        (engines / version).mkdir()
        (engines / version / "outrigger-engine").touch(mode)
    options = ["--engines", engines, "--engine-version", GOOD, "--bar-failures", "3"]
    made = Lab(named("rollout"), WORLD, "--mode", "split", *(word for one in options for word in ("--daemon-arg", one)))
    made.apply(OPEN)
    yield made
    made.down()


@pytest.fixture
def node(lab):
    """GOOD is active, with a standby, before each test and again after it."""
    made = Node(lab)
    settle(made)
    yield made
    settle(made)


def settle(node):
    said = []
    if node.active() != GOOD:
        until(lambda: said.append(node.upgrade(GOOD, "--intended", "all")) or said[-1][0] == 0, timeout=30, every=0.5)
    assert node.wait_for("active")["version"] == GOOD, "\n".join(one[2] for one in said)
    node.wait_for("standby")


@contextlib.contextmanager
def knocking(lab, servers):
    """Connections from one guest to another's DOOR, without end; how they went."""
    one, two = lab["run/one"], lab["run/two"]
    servers.tcp(two, DOOR)
    seen, stop = [], threading.Event()

    def knock():
        while not stop.wait(0.05):
            seen.append(one.tcp(two.v4, DOOR, timeout=0.5))

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_a_version_that_decides_differently_is_stopped_in_shadow(node, lab, servers):
    before = node.wait_for("active")
    with knocking(lab, servers) as seen:
        assert until(lambda: "open" in seen, timeout=5)
        code, (last, *steps), said = node.upgrade(DENY, "--shadow", "10s")
    assert code == 1, said
    assert last["step"] == "failed" and "decide differently" in last["message"]
    differences = [one for step in steps for one in step.get("differences", [])]
    assert differences, said
    assert all(str(DOOR) in one["flow"] and one["active"] != one["shadow"] for one in differences)
    assert node.active() == GOOD and node.wait_for("active")["pid"] == before["pid"], "nothing was to move"
    assert set(seen) == {"open"}, "the version in shadow must not decide"
    assert not node.one("shadow")


def test_a_difference_that_is_meant_goes_through(node, lab, servers):
    with knocking(lab, servers) as seen:
        assert until(lambda: "open" in seen, timeout=5)
        _, (_, *steps), said = node.upgrade(DENY, "--shadow", "5s")
        kinds = {one["kind"] for step in steps for one in step.get("differences", [])}
        assert kinds, said
        code, (last, *_), said = node.upgrade(DENY, "--shadow", "2s", *(word for kind in kinds for word in ("--intended", kind)))
        assert code == 0 and last["step"] == "done", said
        assert node.active() == DENY
        assert until(lambda: seen[-1] != "open", timeout=5), "the new version denies it"
        node.say("engine", "rollback")
        assert node.active() == GOOD
        assert until(lambda: seen[-1] == "open", timeout=5)


@pytest.mark.parametrize("version, words", [
    ("9.9.9", "installed are"), ("7.0.0-plain", "cannot be used"), ("7.0.1-empty", "cannot be used"),
    ("0.1.3-crash", "0.1.3-crash"), ("0.1.4-hang", "0.1.4-hang"), ("0.1.5-layout", "--lose-sessions"),
    (GOOD, "is active already"), ("../0.1.1", "is no version")])
def test_a_version_that_cannot_be_used_changes_nothing(node, version, words):
    before = node.wait_for("active")
    code, _, said = node.upgrade(version)
    assert code != 0 and words in said, said
    assert node.wait_for("active")["pid"] == before["pid"]
    node.wait_for("standby")


def test_two_upgrades_at_once(node):
    first = subprocess.Popen([PROGRAM, "engine", "upgrade", "--to", NEXT, "--shadow", "4s", "--lab", node.lab.name],
                             stdout=subprocess.PIPE, text=True)
    assert until(lambda: node.one("shadow"), timeout=15)
    code, _, said = node.upgrade("0.1.2-deny")
    assert code != 0 and "under way" in said and NEXT in said
    assert first.wait(30) == 0, first.stdout.read()
    assert node.active() == NEXT


def test_an_upgrade_without_a_standby(node):
    """The active engine is enough; what it leaves behind is the standby."""
    settle_on(node, NEXT)
    os.kill(node.wait_for("standby", GOOD)["pid"], signal.SIGKILL)
    code, (last, *_), said = node.upgrade(GOOD)
    assert code == 0 and last["step"] == "done", said
    node.wait_for("standby", NEXT)


def settle_on(node, version):
    code, _, said = node.upgrade(version)
    assert code == 0, said


def test_a_rollback_to_nothing_names_the_way_out(node):
    until(lambda: node.one("standby", GOOD), timeout=1)
    standby = node.wait_for("standby")
    if standby["version"] != GOOD:
        os.kill(standby["pid"], signal.SIGKILL)
        node.wait_for("standby", GOOD)
    said = node.say("engine", "rollback", check=False)
    assert said.returncode != 0
    assert "nothing to go back to" in said.stderr and "outrigger engine upgrade --to" in said.stderr and NEXT in said.stderr


def test_a_change_of_engines_can_be_checked_and_tied_to_what_was_seen(node):
    before = node.wait_for("active")["pid"]
    said = node.say("engine", "rollback", "--dry-run", check=False)
    assert said.returncode != 0 and "nothing to go back to" in said.stderr
    seen = json.loads(node.say("engine", "list", "-o", "json").stdout)["etag"]
    assert f"active={GOOD}@{before}" in seen
    settle_on(node, NEXT)
    assert "may start" in node.say("engine", "rollback", "--dry-run").stdout
    stale = node.say("engine", "rollback", "--etag", seen, check=False)
    assert stale.returncode != 0 and f"not {seen}" in stale.stderr
    assert node.active() == NEXT


def test_a_barred_version_stays_barred_until_it_is_asked_for(node):
    settle_on(node, NEXT)
    for _ in range(3):  # active or standby: it is the version that fails
        victim = until(lambda: next((one for one in node.engines() if one["version"] == NEXT and one.get("pid")), None),
                       timeout=15, every=0.05)
        os.kill(victim["pid"], signal.SIGKILL)
        until(lambda pid=victim["pid"]: not any(one.get("pid") == pid for one in node.engines()), timeout=10)
    why = node.wait_for("barred", NEXT)["why"]
    assert "3 failures" in why
    assert node.wait_for("active")["version"] == GOOD, "the good version before takes its place"
    node.kill_agent()
    assert node.wait_for("barred", NEXT)["why"] == why
    code, steps, said = node.upgrade(NEXT)
    assert code == 0, said
    assert any("was barred" in step["message"] and "another chance" in step["message"] for step in steps), said
    assert node.active() == NEXT and not node.one("barred", NEXT)


def test_an_abort_in_shadow_takes_effect_at_once(node):
    node.rollout("start", "policy", "--to", NEXT, "--shadow", "10m", "--settle", "0s")
    node.rollout_is("policy", "shadow")
    assert until(lambda: node.one("shadow"), timeout=15)
    began = time.monotonic()
    aborted = node.rollout("abort", "policy", "--reason", "second thoughts")
    assert aborted["state"] == "rolled_back" and time.monotonic() - began < 5
    assert aborted["transitions"][-1]["reason"] == "second thoughts"
    assert node.active() == GOOD and not node.one("shadow")


def test_words_to_a_rollout_and_its_history_survive_the_agent(node):
    assert "policy" in node.rollout("start", "nothing", "--to", NEXT, check=False), "the error names the services"
    node.rollout("start", "policy", "--to", NEXT, "--shadow", "1s", "--settle", "10m")
    node.rollout_is("policy", "settle")
    assert "under way" in node.rollout("start", "overlay", "--to", DENY, check=False)
    assert node.rollout("pause", "policy")["paused"]
    assert not node.rollout("resume", "policy").get("paused")
    node.kill_agent()
    resumed = node.rollout_is("policy", "settle")
    assert any("resumed after a restart" in one["reason"] for one in resumed["transitions"])
    assert "changed since" in node.rollout("promote", "policy", "--etag", "ro-0-0", check=False)
    assert node.rollout("abort", "policy", "--dry-run")["state"] == "settle"
    etag = until(lambda: known_etag(node), timeout=15, every=0.2)
    assert node.rollout("promote", "policy", "--etag", etag)["state"] == "complete"
    history = node.rollout("history")
    node.kill_agent()
    assert node.rollout("history") == history
    undone = node.rollout("undo", "policy")
    assert undone["state"] == "rolled_back" and node.active() == GOOD


def known_etag(node):
    """Once probes have told the restarted agent how the service is, the rollout stands still."""
    health = node.say("health", "--service", "policy", check=False)
    now = node.rollout("status", "policy")
    return health.returncode == 0 and now["state"] == "settle" and now["etag"]


def test_a_version_that_falls_in_settle_is_rolled_back(node):
    node.rollout("start", "policy", "--to", NEXT, "--settle", "10m")
    node.rollout_is("policy", "settle")
    os.kill(node.wait_for("active", NEXT)["pid"], signal.SIGSTOP)
    back = node.rollout_is("policy", "rolled_back")
    assert back["transitions"][-1]["actor"] == "agent" and back["transitions"][-1]["evidence"]
    assert until(lambda: node.active() == GOOD, timeout=10)


def test_the_checks_of_preflight_end_a_rollout(node):
    node.rollout("start", "policy", "--to", "0.1.5-layout")
    aborted = node.rollout_is("policy", "aborted")
    assert "--lose-sessions" in aborted["transitions"][-1]["reason"]
    assert node.active() == GOOD
