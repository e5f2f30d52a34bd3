"""kill -9 of the daemon, at any moment: what was applied is in force again once it is back."""
import random
import subprocess
import time

import pytest

from support.lab import MANIFESTS, PROGRAM, ROOT, Lab, named, outrigger
from support.wait import until

SEED = 7
ROUNDS = 6


@pytest.fixture(scope="module")
def lab(machine):
    made = Lab(named("kill"), MANIFESTS / "small")
    yield made
    made.down()


@pytest.fixture
def two_nodes(machine):
    made = Lab(named("kill-two"), ROOT / "tests/chaos/manifests/two-hosts.yaml")
    yield made
    made.down()


def policy(number):
    return f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: number-{number}, namespace: free}}
spec: {{podSelector: {{matchLabels: {{none: such}}}}, policyTypes: [Ingress]}}
"""


def kill(lab):
    lab.kill_daemon("a")


def revive(lab):
    time.sleep(0.05)
    outrigger("lab", "up", "--name", lab.name)


def policies(lab):
    return {one["metadata"]["name"] for one in lab.json("get", "networkpolicies")}


def test_traffic_is_back_after_a_kill(lab):
    assert lab["free/a1"].ping(lab["free/a2"].v4) is None
    kill(lab)
    assert not lab.status()["ready"]
    revive(lab)
    assert lab.status()["ready"]
    assert until(lambda: lab["free/a1"].ping(lab["free/a2"].v4) is None, timeout=5)
    assert until(lambda: lab["free/a1"].ping(lab["free/a3"].v6) is None, timeout=5)


def test_a_dead_agent_is_an_incident_and_hides_no_other(two_nodes):
    lab = two_nodes
    kill(lab)
    for command in ("health", "incidents", "logs"):
        said = lab.cli(command, check=False)
        assert said.returncode == 1
        assert "node a: cannot reach outriggerd" in said.stderr
    assert "node b: " in lab.cli("health", check=False).stdout
    revive(lab)
    restarts = [one for one in lab.json("incidents", "--all") if one["kind"] == "agent_restart"]
    assert restarts[0]["node"] == "a"
    assert restarts[0]["domain"] == "dpu"
    assert restarts[0]["detect_ms"] >= 0
    assert until(lambda: [one["state"] for one in lab.json("incidents", "--all", "--node", "a")
                          if one["kind"] == "agent_restart"][0] == "over")


def test_a_kill_loses_no_applied_policy(lab):
    deny = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: free}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
    with lab.applied(deny):
        kill(lab)
        revive(lab)
        assert lab["free/a1"].ping(lab["free/a2"].v4, wait=1) is not None
        assert lab.explain("free/a1", "free/a2", port=80)["verdict"] == "deny"
    assert lab["free/a1"].ping(lab["free/a2"].v4) is None


def test_kills_during_apply_lose_nothing_acknowledged(lab):
    """Whatever `apply` said yes to is there; what it did not finish is there whole or not at all."""
    rng = random.Random(SEED)
    acknowledged, tried = set(), set()
    for round_number in range(ROUNDS):
        number = 2 * round_number
        tried |= {f"number-{number}", f"number-{number + 1}"}
        batch = policy(number) + "---\n" + policy(number + 1)
        apply = subprocess.Popen([PROGRAM, "apply", "--lab", lab.name, "-f", "-"], stdin=subprocess.PIPE, text=True,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        apply.stdin.write(batch)
        apply.stdin.close()
        time.sleep(rng.uniform(0, 0.12))
        kill(lab)
        apply.wait(30)
        revive(lab)
        now = policies(lab)
        both = {f"number-{number}", f"number-{number + 1}"} & now
        assert len(both) in (0, 2), f"half a batch: {both}"
        if apply.returncode == 0:
            acknowledged |= both
            assert len(both) == 2, "apply said yes, and the policies are gone"
        assert acknowledged <= now <= tried | {"deny"}
        acknowledged |= both
    assert until(lambda: lab["free/a1"].ping(lab["free/a2"].v4) is None, timeout=5)
