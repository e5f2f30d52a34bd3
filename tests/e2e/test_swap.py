"""The short form of tests/chaos: an engine is upgraded, killed, hung; the agent and the ports process die; under traffic.

Figures are judged loosely here, for other work shares the machine; the tight ones are those of `make chaos`."""
import os
import pathlib
import sys

import pytest

from support.lab import BUILD, ROOT, Lab, named, outrigger

sys.path.insert(0, str(ROOT / "tests/chaos"))

from harness import scenarios  # noqa: E402
from harness.node import Dpu  # noqa: E402

WORLD = ROOT / "tests/chaos/manifests/world.yaml"
LOAD = 5_000  # 64-byte frames a second
STOLEN = 0.5  # % of the CPUs, of some ten CPU seconds: in a row it would be half of what a tap's queue holds
QUIET = {"quiet": 2, "load": LOAD, "iperf": "20M", "connections": 20}


def split_lab(name, *more):
    assert (BUILD / "src/ports/outrigger-ports").exists(), "no outrigger-ports in this build: run make"
    options = ["--bar-failures", "1000", "--engine-version", "0.1.0", *more]
    before = huge_pages()
    made = Lab(named(name), WORLD, "--mode", "split", *(part for one in options for part in ("--daemon-arg", one)))
    yield made
    made.down()
    assert huge_pages() == before, "huge pages were not given back"


@pytest.fixture(scope="module")
def lab(machine):
    yield from split_lab("swap")


@pytest.fixture(scope="module")
def two_workers(machine):
    yield from split_lab("swap-2w", "--workers", "2")


def huge_pages():
    return int(pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages").read_text())


def undisturbed(scenario, *arguments):
    """A machine whose hypervisor takes its CPUs for longer than a tap's queue lasts loses packets, whatever the engine does."""
    for _ in range(4):
        result = scenario(*arguments, **QUIET)
        nobody_noticed(result)
        if result["stolen_percent"] <= STOLEN or result["lost"] == 0:
            return result
    pytest.skip(f"no figure of a swap: {result['stolen_percent']} % of the CPUs were stolen, {result['lost']} packets lost")


def nobody_noticed(result):
    assert result["violations"] == 0
    assert result["tcp_broken"] == 0, result
    assert result["iperf_alive"]
    assert result["buffers_leaked"] == 0


def test_a_node_is_three_processes(lab):
    node = next(one for one in lab.status()["nodes"] if one["node"] == "a")
    programs = [one["program"] for one in node["processes"]]
    assert node["mode"] == "split"
    assert {"outriggerd", "outrigger-ports", "outrigger-engine"} <= set(programs)


def test_a_planned_swap_loses_nothing(lab):
    result = undisturbed(scenarios.planned_swap, lab, 3)
    assert result["lost"] == 0
    assert result["blackout_ms"]["max"] < 50


def test_a_killed_engine_is_replaced(lab):
    result = scenarios.kill_active(lab, 2, **QUIET)
    nobody_noticed(result)
    assert result["blackout_ms"]["max"] < 500


def test_a_stopped_engine_is_replaced(lab):
    result = scenarios.hang(lab, 1, **QUIET)
    nobody_noticed(result)
    assert result["blackout_ms"]["max"] < 1000


def test_a_killed_agent_loses_neither_packets_nor_generations(lab):
    result = scenarios.kill_agent(lab, 3, **QUIET)
    nobody_noticed(result)
    assert result["promised_and_gone"] == 0


def test_killed_ports_open_nothing(lab):
    result = scenarios.kill_ports(lab, 1, **QUIET)
    assert result["violations"] == 0
    assert result["tcp_broken"] == 0, "sessions and taps are handed to the new ports process"


def test_a_lab_down_leaves_no_process(lab):
    dpu = Dpu(lab)
    pids = [engine["pid"] for engine in dpu.engines() if engine.get("pid")] + [dpu.program("outrigger-ports")]
    other = named("swap-2")
    outrigger("lab", "up", "--name", other, "-f", WORLD, "--mode", "split")
    outrigger("lab", "down", "--name", other)
    assert all(os.path.exists(f"/proc/{pid}") for pid in pids), "down ended another lab's processes"


def handed_over(lab):
    return sum(worker["handed_over"] for node in lab.json("stats") for worker in node["workers"])


def test_two_workers_hand_over_through_a_swap_and_lose_nothing(two_workers):
    """Either worker gets packets of the other's sessions, also while one of the two has passed its queues already."""
    before = handed_over(two_workers)
    result = undisturbed(scenarios.planned_swap, two_workers, 4)
    assert result["lost"] == 0
    assert handed_over(two_workers) > before + 100


@pytest.mark.parametrize("what", ["kill_active", "hang"])
def test_both_workers_queues_go_to_the_next(two_workers, what):
    result = getattr(scenarios, what)(two_workers, 1, **QUIET)
    nobody_noticed(result)
    assert result["blackout_ms"]["max"] < 1000
