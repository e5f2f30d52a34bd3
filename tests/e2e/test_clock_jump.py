"""A wall clock that jumps a day under a whole node: no lease, probe, limit or swap goes by it, and the log stays in order."""
import contextlib
import json
import os
import struct
import subprocess
import time

import pytest

from support.lab import MANIFESTS, ROOT, Lab, named, outrigger
from support.linked import WELL, fallback, health, is_well
from support.wait import until

DPU = ("outriggerd", "outrigger-ports", "outrigger-engine")
HOST = ("outrigger-host",)
DAY = 86400
SEEN = 3.5  # seconds to watch after a jump: longer than the lease, the silence of a probe and its failure


class Clocks:
    """How far the wall clocks of programs are from the true time."""

    def __init__(self, folder):
        self.folder = folder
        library = folder / "clock_jump.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, ROOT / "tests/e2e/support/clock_jump.c", "-ldl"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "OUTRIGGER_CLOCKS": str(folder)}
        self.set(0, *DPU, *HOST)

    def set(self, seconds, *programs):
        for program in programs:
            with open(self.folder / program, "r+b" if (self.folder / program).exists() else "wb") as file:
                file.write(struct.pack("<q", seconds * 10**9))

    @contextlib.contextmanager
    def inherited(self):
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name in self.environment:
                del os.environ[name]


@pytest.fixture(scope="module")
def clocks(machine, tmp_path_factory):
    return Clocks(tmp_path_factory.mktemp("clocks"))


@pytest.fixture(scope="module")
def lab(clocks):
    with clocks.inherited():
        made = Lab(named("clock"), MANIFESTS / "linked")
    try:
        made.apply(ROOT / "examples/services/built-in.yaml")
        assert until(lambda: is_well(made), timeout=15, every=0.1), (health(made), fallback(made))
        yield made
    finally:
        made.down()


def processes(lab):
    engines = json.loads(outrigger("engine", "list", "--lab", lab.name, "-o", "json").stdout)
    return {(one["pid"], one["state"]) for one in engines["engines"] + [engines["ports"]] if one["pid"]}


def undisturbed(lab, seconds=SEEN):
    """Looks on for a while: every service stays ready, the host dormant, and traffic goes on."""
    flow = lab["free/a1"].popen("ping", "-n", "-q", "-i", "0.02", "-c", round(seconds / 0.02), lab["free/a2"].v4)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert set(health(lab).values()) == {"ready"}, health(lab)
        assert fallback(lab) == WELL
        time.sleep(0.1)
    said = flow.communicate(timeout=30)[0]
    assert " 0% packet loss" in said, said


@pytest.mark.parametrize("programs", [DPU, HOST], ids=["dpu", "host"])
def test_nothing_falls_back_or_swaps_when_the_clock_jumps(lab, clocks, programs):
    running = processes(lab)
    for offset in (DAY, -DAY, 0):
        clocks.set(offset, *programs)
        undisturbed(lab)
    assert processes(lab) == running
    kinds = {one["kind"] for one in lab.json("incidents", "--all")}
    assert "clock" in kinds or programs is HOST
    assert not kinds & {"lease_lost", "fallback", "engine_stall", "engine_crash", "ports_crash", "health", "swap"}, kinds


def test_the_log_is_in_the_order_in_which_it_happened(lab):
    for side in ("dpu", "host"):
        cursors = [one["cursor"] for one in records(lab) if one["side"] == side]
        assert len(cursors) > 2 and cursors == sorted(cursors), side
    moments = [one["monotonic_ns"] + one["offset_ns"] for one in records(lab)]
    slack = 50 * 10**6  # the host's clock is estimated
    assert all(b - a > -slack for a, b in zip(moments, moments[1:]))


def records(lab):
    return [json.loads(line) for line in lab.cli("logs", "-o", "json", "--since", "1h").stdout.splitlines()]
