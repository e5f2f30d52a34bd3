"""An agent beside the engine, version by version: its contract begins rollouts, its probes end them."""
import json
import shutil

import pytest

from support.engines import Node
from support.lab import MANIFESTS, Lab, named
from support.wait import until

BEACON = """apiVersion: outrigger.dev/v1alpha1
kind: Service
metadata: {{name: beacon}}
spec:
  version: "{version}"
  task: agent
  health: {{probe: exec, command: [/bin/sh, -c, "test -e /run/good"], interval: 200ms, timeout: 2s, failAfter: 3, readyAfter: 2}}
  logs: {{owner: e2e}}
  fallback: [previous, closed]
  agent: {{command: {command}, limits: {{memory: 32Mi, cpu: 200m, pids: 8}}}}
"""
GOOD = ["/bin/sh", "-c", "touch /run/good; exec sleep 100000"]
NEVER_GOOD = ["/bin/sh", "-c", "exec sleep 100000"]
GOOD_AT_FIRST = ["/bin/sh", "-c", "touch /run/good; sleep 8; rm /run/good; exec sleep 100000"]


@pytest.fixture(scope="module")
def node(machine):
    if shutil.which("crun") is None:
        pytest.fail("no crun: devtools/packages.txt names it")
    made = Lab(named("sidecar"), MANIFESTS / "small", "--mode", "solo")
    made.apply(contract("1"))
    node = Node(made)
    assert is_ready(node, "1"), health(node)
    yield node
    made.down()


def contract(version, command=None):
    return BEACON.format(version=version, command=json.dumps(command or GOOD))


def health(node):
    said = node.say("health", "--service", "beacon", "-o", "json", check=False).stdout
    found = json.loads(said or "{}")
    return next((one for one in found.get("services", []) if one["service"] == "beacon"), {})


def is_ready(node, version, timeout=15):
    return until(lambda: (health(node).get("version"), health(node).get("state")) == (version, "ready"),
                 timeout=timeout, every=0.2)


def newest(node, to, *states, timeout=25):
    found = until(lambda: next((r for r in node.rollout("history", "beacon")[:1] if r["to"] == to and r["state"] in states), None),
                  timeout=timeout, every=0.2)
    assert found, f"no rollout to {to} came to {states}: {node.rollout('history', 'beacon')[:1]}"
    return found


def use(node, version):
    """In force, with nothing under way, whatever was before."""
    node.lab.apply(contract(version))
    if is_ready(node, version, timeout=0):
        return
    newest(node, version, "settle")
    node.rollout("promote", "beacon")
    assert is_ready(node, version), health(node)


def test_another_version_in_the_contract_begins_a_rollout(node):
    use(node, "1")
    node.lab.apply(contract("2"))
    begun = newest(node, "2", "settle")
    assert begun["from"] == "1" and begun["transitions"][0]["actor"] == "contract"
    assert is_ready(node, "2"), health(node)
    assert node.rollout("promote", "beacon")["state"] == "complete"


def test_there_and_back_by_word(node):
    use(node, "1")
    use(node, "2")
    node.say("rollout", "start", "beacon", "--to", "1", "--settle", "1s", "--wait")
    done = node.rollout("status", "beacon")
    assert [one["state"] for one in done["transitions"]] == ["planned", "preflight", "shadow", "settle", "complete"]
    assert "no shadow" in done["transitions"][3]["evidence"]
    assert is_ready(node, "1") and set(done["good_versions"]) >= {"1", "2"}
    assert node.rollout("undo", "beacon")["state"] == "rolled_back"
    assert is_ready(node, "2"), health(node)


def test_a_version_that_fails_its_probes_is_rolled_back(node):
    use(node, "1")
    node.lab.apply(contract("3", NEVER_GOOD))
    back = newest(node, "3", "rolled_back")
    assert "failed" in back["transitions"][-1]["evidence"]
    assert is_ready(node, "1"), health(node)
    count = len(node.rollout("history", "beacon"))
    node.kill_agent()
    assert is_ready(node, "1"), "the choice outlives the agent"
    assert len(node.rollout("history", "beacon")) == count, "and is not tried again"


def test_a_program_that_is_none_never_takes_the_place(node):
    use(node, "1")
    node.lab.apply(contract("4", ["/no/such/program"]))
    aborted = newest(node, "4", "aborted")
    assert "/no/such/program" in aborted["transitions"][-1]["reason"]
    assert health(node)["version"] == "1" and is_ready(node, "1")


@pytest.mark.parametrize("options, words", [(["--to", "99"], "installed are"), (["--to", "2", "--shadow", "5s"], "no shadow")])
def test_what_cannot_be_is_refused(node, options, words):
    use(node, "2")
    use(node, "1")
    node.say("rollout", "start", "beacon", *options)
    assert words in node.rollout_is("beacon", "aborted")["transitions"][-1]["reason"]
    assert is_ready(node, "1")


def test_the_fallback_previous(node):
    use(node, "1")
    node.lab.apply(contract("5", GOOD_AT_FIRST))
    newest(node, "5", "settle")
    assert is_ready(node, "5"), health(node)
    node.rollout("promote", "beacon")
    assert is_ready(node, "1", timeout=25), health(node)
    told = [line for line in node.say("logs", "--service", "beacon").stdout.splitlines() if "version 5 fails its probes" in line]
    assert told and all(" inc-" in line for line in told), "it is part of an incident"
