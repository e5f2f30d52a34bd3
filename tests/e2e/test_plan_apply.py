"""A plan is carried out on a node: wave by wave, and no next one before the last has paid."""
import json
import shutil

import pytest

from support.engines import Node
from support.lab import BUILD, ROOT, Lab, named

GOOD, NEXT, LAST = "0.1.0", "0.1.1", "0.1.2-deny"
WORLD = ROOT / "tests/chaos/manifests/world.yaml"
PLANNED = f"""
apiVersion: outrigger.dev/inventory/v1
host: {{name: web-1, cpus: 8}}
services:
- name: flowd
  task: chain
  privileged: true
  privilege: {{uid: 0}}
  unit: flowd.service
  contract: {{health: tcp 4739, version: "1.0", logOwner: network, fallback: previous}}
- name: felix
  task: policy
  privileged: true
  privilege: {{uid: 0, capabilities: [NET_ADMIN]}}
  noise: {{cpu: 0.6}}
  contract: {{health: verdict, version: "{NEXT}", logOwner: network, fallback: host}}
- name: ovs
  task: virtual_switch
  privileged: true
  privilege: {{uid: 0}}
  contract: {{health: loop-back, version: "{LAST}", logOwner: network, fallback: host}}
- name: bare
  task: overlay
  privileged: true
  privilege: {{uid: 0}}
"""
RULES = "waveBudget: 2\n"


@pytest.fixture(scope="module")
def node(machine, tmp_path_factory):
    engines = tmp_path_factory.mktemp("engines")
    shutil.copytree(BUILD / "engines", engines, dirs_exist_ok=True)
    options = ["--engines", engines, "--engine-version", GOOD]
    lab = Lab(named("plan"), WORLD, "--mode", "split", *(word for one in options for word in ("--daemon-arg", one)))
    made = Node(lab)
    made.wait_for("standby")
    yield made
    lab.down()


@pytest.fixture(scope="module")
def apply(node, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    (folder / "inventory.yaml").write_text(PLANNED)
    (folder / "rules.yaml").write_text(RULES)

    def run(*words):
        done = node.say("plan", "apply", "-f", folder / "inventory.yaml", "--rules", folder / "rules.yaml",
                        "--settle", "1s", "--shadow", "0s", "--analyse", "0s", *words, check=False)
        return done.returncode, done.stdout + done.stderr

    def card(verdict, why):
        (folder / "card.json").write_text(json.dumps({"verdict": verdict, "why": why}))
        return folder / "card.json"

    run.card = card
    return run


def test_a_plan_is_carried_out_wave_by_wave(node, apply):
    code, said = apply("--dry-run")
    assert code == 0, said
    assert "not ready: bare: its contract lacks" in said
    assert "flowd" in said and "by hand" in said and "nothing on this node does chain" in said
    assert "every check passed; nothing was started" in said and not node.rollout("history")
    code, said = apply()
    assert code == 0 and "rollout ro-1 of policy has begun" in said, said
    assert "systemctl disable --now flowd.service" in said
    code, said = apply()
    assert code == 1 and "wave 1 is in flight: felix: rollout ro-1" in said, said
    done = node.rollout_is("policy", "complete")
    assert done["transitions"][0]["reason"] == "plan wave 1 of web-1; the first"

    code, said = apply()
    assert code == 1 and "wave 2 waits for the scorecard of wave 1" in said and "flowd" in said, said
    code, said = apply("--scorecard", apply.card("inconclusive", "p99 -1 %, noise floor 3 %"))
    assert code == 1 and "says inconclusive: p99 -1 %, noise floor 3 %" in said, said
    assert len(node.rollout("history")) == 1
    code, said = apply("--scorecard", apply.card("pays", "p99 -20 %"))
    assert code == 0 and "rollout ro-2 of vswitch has begun" in said, said
    done = node.rollout_is("vswitch", "complete")
    assert "scorecard" in done["transitions"][0]["reason"] and "pays (p99 -20 %)" in done["transitions"][0]["reason"]
    code, said = apply()
    assert code == 0 and "every wave is done" in said, said


def test_what_is_no_scorecard_is_refused(apply):
    card = apply.card("pays", "")
    card.write_text("{}")
    code, said = apply("--scorecard", card)
    assert code == 1 and "no verdict in it" in said, said
