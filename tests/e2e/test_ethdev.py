"""A device that DPDK opens, in split mode: the ports process configures it before engines attach, and they poll it.

net_tap stands for a network card here: of DPDK 22.11's virtual devices it is the one whose packets a second process can
move (net_af_packet cannot, net_ring and net_null carry none of the outside).  Not simulated: a card's own registers, and
buffers that it writes while an engine dies."""
import os
import re
import signal
import sys
import time

import pytest

from support.lab import ROOT, Lab, named, outrigger
from support.wait import until

sys.path.insert(0, str(ROOT / "tests/chaos"))

from harness.node import Dpu  # noqa: E402

WORLD = ROOT / "tests/chaos/manifests/world.yaml"
DEVICE = "net_tap0,iface=up0"


@pytest.fixture(scope="module")
def lab(machine, tmp_path_factory):
    world = WORLD.read_text().replace("spec: {kind: dpu,", f'spec: {{kind: dpu, uplink: "{DEVICE}",', 1)
    world = "---".join(part for part in world.split("---") if "kind: NetworkPolicy" not in part)
    path = tmp_path_factory.mktemp("ethdev") / "world.yaml"
    path.write_text(world)
    made = Lab(named("ethdev"), path, "--mode", "split", "--daemon-arg", "--eal", "--daemon-arg", f"--vdev={DEVICE}",
               "--daemon-arg", "--engine-version", "--daemon-arg", "0.1.0")
    yield made
    made.down()


def lost_while(lab, act):
    """Pings through the device during `act`: how many of 200 were not answered."""
    source, target = lab["run/far"], lab["run/one"]
    assert until(lambda: source.ping(target.v4, count=1) is None, timeout=10)
    ping = source.popen("ping", "-q", "-i", "0.02", "-c", "200", "-W", "1", target.v4)
    time.sleep(0.5)
    act()
    said = ping.communicate(timeout=30)[0]
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", said).groups())
    return sent - received


def test_a_swap_of_engines_loses_nothing(lab):
    Dpu(lab).wait_for("standby")
    assert lost_while(lab, lambda: outrigger("engine", "upgrade", "--to", "0.1.1", "--lab", lab.name)) == 0


def test_a_killed_engine_is_replaced(lab):
    Dpu(lab).wait_for("standby")
    assert lost_while(lab, lambda: os.kill(Dpu(lab).active()["pid"], signal.SIGKILL)) < 150
