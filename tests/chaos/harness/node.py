"""The processes of one DPU, by what they are to each other."""
import json
import os
import signal

from support.lab import outrigger
from support.wait import until


class Dpu:
    def __init__(self, lab, node="a"):
        self.lab, self.node = lab, node

    def engines(self):
        """All of them, {"version", "state", "pid", ...}; none while the agent does not answer."""
        done = outrigger("engine", "list", "--lab", self.lab.name, "-o", "json", check=False)
        if done.returncode != 0:
            return []
        return json.loads(done.stdout)["engines"]

    def one(self, state):
        return next((engine for engine in self.engines() if engine["state"] == state and engine.get("pid")), None)

    def active(self):
        return self.one("active")

    def wait_for(self, state, timeout=20):
        """An engine in this state, settled; what is random is only when it is hit, not whether it was ready."""
        found = until(lambda: self.one(state), timeout=timeout, every=0.05)
        assert found, f"node {self.node}: no {state} engine after {timeout} s: {self.engines()}"
        return found

    def program(self, name):
        """Pid of outriggerd or outrigger-ports."""
        node = next(one for one in self.lab.status()["nodes"] if one["node"] == self.node)
        return next((p["pid"] for p in node["processes"] if p["program"] == name), None)

    def kill(self, pid, signal_number=signal.SIGKILL):
        os.kill(pid, signal_number)

    def repair(self):
        outrigger("lab", "up", "--name", self.lab.name)

    def buffers(self):
        return self.lab.buffers_in_use().get(self.node)

    def losses(self):
        """Packets that the engine's queues or the guests' kernels counted as lost, by counter."""
        found = {}
        for one in self.lab.json("drops", "--all"):
            if one["node"] == self.node and one["reason"] in QUEUE_DROPS:
                found[one["reason"]] = one["count"]
        for guest in self.lab.guests.values():
            if guest.node == self.node:
                found[f"tap {guest.name}"] = tap_drops(guest)
        return found


QUEUE_DROPS = {"transmit_full", "hand_over_full", "buffers_exhausted"}  # docs/reference/drops.md


def tap_drops(guest):
    """What the guest's kernel could not put into the tap's queue, for nobody read it."""
    said = guest.run("cat", "/sys/class/net/eth0/statistics/tx_dropped").stdout
    return int(said) if said.strip().isdigit() else 0


def gained(before, after):
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
