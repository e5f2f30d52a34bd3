"""A host that floods, replays, lies and sends garbage over its link: the DPU works on, answers, and tells it once."""
import json
import pathlib
import subprocess
import time

import pytest

from support.lab import MANIFESTS, ROOT, Lab, named, outrigger
from support.linked import WELL, fallback, health, is_well
from support.wait import until

LINK = "169.254.7.1:7444"
ATTACKER = ROOT / "tests/e2e/support/link_attacker.py"


@pytest.fixture(scope="module")
def lab(machine):
    made = Lab(named("flood"), MANIFESTS / "linked")
    try:
        made.apply(ROOT / "examples/services/built-in.yaml")
        assert until(lambda: is_well(made), timeout=15, every=0.1), (health(made), fallback(made))
        yield made
    finally:
        made.down()


def attack(lab, *arguments):
    argv = ["ip", "netns", "exec", f"or-{lab.name}.host.a", "/usr/bin/python3", ATTACKER, *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def slowest_answer(lab, attacker):
    """Of the management API, while the attack lasts."""
    slowest = 0
    while attacker.poll() is None:
        began = time.monotonic()
        lab.json("stats")
        slowest = max(slowest, time.monotonic() - began)
        assert set(health(lab).values()) == {"ready"}, health(lab)
    return slowest


def test_thousands_of_connections_disturb_nobody(lab):
    flow = lab["free/a1"].popen("ping", "-n", "-q", "-i", "0.02", "-c", 350, lab["free/a2"].v4)
    attacker = attack(lab, "connections", LINK, 5)
    slowest = slowest_answer(lab, attacker)
    said = flow.communicate(timeout=30)[0]
    assert int(attacker.stdout.read()) > 1000
    assert " 0% packet loss" in said, said
    assert slowest < 2
    assert fallback(lab) == WELL, "the host itself could not call any more"


def test_refused_calls_are_few_incidents(lab):
    """The certificate is the host's own, so its own calls suffer too: what it does then is its affair, until it behaves."""
    pki = pathlib.Path(f"/run/outrigger/lab/{lab.name}/pki")
    before = {one["id"] for one in lab.json("incidents", "--all")}
    attacker = attack(lab, "calls", LINK, 3, pki, "a")
    assert slowest_answer(lab, attacker) < 2
    answers = attacker.stdout.read()
    assert "ALREADY_EXISTS" in answers and "PERMISSION_DENIED" in answers and "RESOURCE_EXHAUSTED" in answers, answers
    assert "OK" not in answers, answers
    refused = [one for one in lab.json("incidents", "--all")
               if one["id"] not in before and one["kind"] == "refused_access"]
    told = " ".join(one["summary"] for one in refused)
    assert "was seen before" in told and "calls too often" in told, refused
    assert len(refused) <= 5 and all(one["domain"] == "host" for one in refused), refused
    assert until(lambda: is_well(lab), timeout=10, every=0.1), (health(lab), fallback(lab))
