"""`outrigger lab freeze` and `thaw`: a DPU without power, and back.  What its host does meanwhile is test_fallback's."""
import os
import pathlib

import pytest

from support.lab import MANIFESTS, Lab, named, outrigger
from support.netns import namespaces
from support.wait import until


@pytest.fixture(scope="module", params=["solo", "split"])
def lab(machine, request):
    made = Lab(named(f"ice-{request.param}"), MANIFESTS / "small", "--mode", request.param)
    yield made
    made.down()


def dpu(lab):
    return next(one for one in lab.status()["nodes"] if one["mode"])


def freeze(lab, node, verb="freeze", check=True):
    return outrigger("lab", verb, node, "--name", lab.name, check=check)


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def reaches(lab):
    one, other, *_ = lab.guests.values()
    return one.ping(other.v4, count=1) is None


def test_a_frozen_dpu_has_no_process_and_forwards_nothing(lab):
    node = dpu(lab)
    pids = [one["pid"] for one in node["processes"]] or [node["pid"]]
    assert pids and reaches(lab)
    freeze(lab, node["node"])
    try:
        assert until(lambda: all(gone(pid) for pid in pids), timeout=5), "a part of it lives"
        assert dpu(lab)["why"] == "frozen"
        assert not reaches(lab)
        again = freeze(lab, node["node"], check=False)
        assert again.returncode != 0 and "frozen already" in again.stderr + again.stdout
        outrigger("lab", "up", "--name", lab.name)
        assert dpu(lab)["why"] == "frozen", "up brought back what was to stay dead"
    finally:
        freeze(lab, node["node"], "thaw")
    assert until(lambda: reaches(lab), timeout=20), "what was in force before is in force again"


def test_what_is_not_frozen_or_not_there_is_refused_by_name(lab):
    node = dpu(lab)["node"]
    thaw = freeze(lab, node, "thaw", check=False)
    assert thaw.returncode != 0 and f'"{node}" is not frozen' in thaw.stderr + thaw.stdout
    for verb in ("freeze", "thaw"):
        unknown = freeze(lab, "nobody", verb, check=False)
        assert unknown.returncode != 0 and 'no DPU on a node "nobody"' in unknown.stderr + unknown.stdout
    assert reaches(lab)


def test_down_takes_a_frozen_lab_away():
    name = named("ice-down")
    lab = Lab(name, MANIFESTS / "small", "--mode", "split")
    freeze(lab, dpu(lab)["node"])
    outrigger("lab", "down", "--name", name)
    assert namespaces(f"or-{name}.") == []
    assert not pathlib.Path(f"/run/outrigger/lab/{name}").exists()
    assert not [one for one in pathlib.Path("/proc/mounts").read_text().splitlines() if f"/lab/{name}/" in one]
