"""What is done to the lab, one function a row of the table.  Each returns its figures."""
import json
import random
import signal
import socket
import subprocess
import time

from support.cpu import cpu_ticks
from support.lab import PROGRAM, ROOT, outrigger
from support.wait import until

from .figures import around, in_a_row, longest_ms, spread
from .node import Dpu, gained
from .streams import Instruments, Stream

GOOD_VERSIONS = ("0.1.0", "0.1.1")
TRICKLE = 45_000  # a second: each of a million sessions well within the 30 s that an unanswered one lives
SPINNING_VERSION = "0.1.6-spin"
FLOOR_US = 200  # silences below are not told apart from the machine's own noise
POLICY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: number-{0}, namespace: run}}
spec: {{podSelector: {{matchLabels: {{none: such}}}}, policyTypes: [Ingress]}}
"""


class Run:
    """A scenario's surroundings: the instruments around it, the counters before and after."""

    def __init__(self, lab, load=0, before=0.0, after=1.0, quiet=10.0, **instruments):
        """A blackout is looked for from `before` seconds before each moment to `after` seconds after it."""
        self.lab, self.dpu, self.load, self.options = lab, Dpu(lab), load, instruments
        self.before, self.after, self.quiet = before, after, quiet

    def measure(self, act):
        """`act(dpu)` returns the moments (CLOCK_MONOTONIC) of what it did, and figures of its own."""
        before, buffers = self.dpu.losses(), self.dpu.buffers()
        with Instruments(self.lab, self.load, **self.options) as instruments:
            quiet_from = time.monotonic()
            time.sleep(self.quiet)
            total, stolen = cpu_ticks()
            moments, own = act(self.dpu)
            time.sleep(1)
            stolen_percent = 100 * (cpu_ticks()[1] - stolen) / (cpu_ticks()[0] - total)
            seen = instruments.stop()
        silences = seen["udp"]["silences"]
        quiet = in_a_row(quiet_from, quiet_from + self.quiet - 0.1, self.before + self.after)
        blackouts = longest_ms(silences, around(moments, self.before, self.after), FLOOR_US)
        result = {"noise_ms": spread(longest_ms(silences, quiet, FLOOR_US)), "window_s": self.before + self.after,
                  "blackout_ms": spread(blackouts), "each_ms": blackouts,
                  "until_next_ms": spread(longest_ms(silences, around(moments, self.before, float("inf")), FLOOR_US)),
                  "events": len(moments), "stolen_percent": round(stolen_percent, 2), **self.summary(seen), **own}
        result["counted_losses"] = gained(before, self.settled(self.dpu.losses))
        # At any moment a health probe may hold one or two: leaked is what is never given back.
        whole = until(lambda: self.dpu.buffers() <= buffers, timeout=5, every=0.1)
        result["buffers_leaked"] = 0 if whole else self.dpu.buffers() - buffers
        return result

    @staticmethod
    def settled(read):
        return until(read, timeout=5) or {}

    @staticmethod
    def summary(seen):
        udp, tcp, denied = seen["udp"], seen["tcp"], seen["denied"]
        result = {"sent": udp["sent"], "lost": udp["lost"], "duplicates": udp["duplicates"],
                  "reordered": udp["reordered"], "tcp_connections": tcp["connections"], "tcp_broken": tcp["broken"],
                  "tcp_longest_wait_ms": tcp["longest_wait_ms"], "denied_tried": denied["tried"],
                  "violations": denied["violations"]}
        if "load" in seen:
            load = seen["load"]
            result |= {"load_sent": load["sent"], "load_lost": load["lost"],
                       "load_rate": round(load["sent"] / load["seconds"]), "load_overflow": load["receiver_overflow"]}
        if "iperf" in seen:
            result |= {"iperf_alive": seen["iperf"]["alive"],
                       "iperf_mbit": round(seen["iperf"]["bits_per_second"] / 1e6, 1),
                       "iperf_retransmits": seen["iperf"]["retransmits"]}
        return result


def alive(pid):
    """Neither gone nor a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def noticed_ms(pid, since):
    """How long an engine that does nothing any more was let be."""
    assert until(lambda: not alive(pid), timeout=10, every=0.001), f"engine {pid} moves nothing and nobody killed it"
    return (time.monotonic() - since) * 1e3


def another_than(dpu, pid):
    """Waits until the agent, too, knows that this engine is not the active one any more."""
    assert until(lambda: (dpu.active() or {"pid": pid})["pid"] != pid, timeout=10, every=0.02), f"{pid} is still active"


def planned_swap(lab, count, load=0, seed=1, **options):
    """From one version to another and back, in turns."""
    rng = random.Random(seed)

    def act(dpu):
        versions = [dpu.wait_for("active")["version"]]
        versions.append(next(v for v in GOOD_VERSIONS if v != versions[0]))
        moments, reported = [], []
        for number in range(count):
            dpu.wait_for("standby")
            time.sleep(rng.uniform(0.05, 0.25))
            moment, blackout_us = upgrade(lab, versions[(number + 1) % 2])
            moments.append(moment)
            reported.append(blackout_us)
        return moments, {"versions": versions, "reported_us": spread(reported)}

    return Run(lab, load, **({"before": 0.02, "after": 0.1} | options)).measure(act)


def upgrade(lab, version):
    """When the queues changed hands, as near as its word for it comes; how long nobody had them, as the ports process says."""
    moment, blackout_us, said = None, 0, []
    with subprocess.Popen([PROGRAM, "engine", "upgrade", "--to", version, "--lab", lab.name, "-o", "json"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT) as running:
        for line in running.stdout:
            said.append(line)
            if line.startswith("{") and json.loads(line).get("step") == "swap":
                moment, blackout_us = time.monotonic(), json.loads(line)["blackout_us"]
    assert running.returncode == 0 and moment, "".join(said)
    return moment, blackout_us


def kill_active(lab, count, load=0, seed=2, **options):
    """kill -9 of the active engine, once a standby is warm, at a random moment."""
    rng = random.Random(seed)

    def act(dpu):
        moments, standby_after = [], []
        for _ in range(count):
            dpu.wait_for("standby")
            active = dpu.wait_for("active")
            time.sleep(rng.uniform(0, 0.2))
            moments.append(time.monotonic())
            dpu.kill(active["pid"])
            another_than(dpu, active["pid"])
            dpu.wait_for("standby")
            standby_after.append((time.monotonic() - moments[-1]) * 1e3)
        return moments, {"standby_again_ms": spread(standby_after)}

    return Run(lab, load, **options).measure(act)


def hang(lab, count, load=0, seed=3, **options):
    """SIGSTOP of the active engine: it does not die, it only does nothing any more."""
    rng = random.Random(seed)

    def act(dpu):
        moments, found = [], []
        for _ in range(count):
            dpu.wait_for("standby")
            active = dpu.wait_for("active")
            time.sleep(rng.uniform(0, 0.2))
            moments.append(time.monotonic())
            dpu.kill(active["pid"], signal.SIGSTOP)
            found.append(noticed_ms(active["pid"], moments[-1]))
            another_than(dpu, active["pid"])
        return moments, {"detected_ms": spread(found)}

    return Run(lab, load, **options).measure(act)


def spin(lab, count, load=0, seed=5, **options):
    """A worker in an endless loop: an engine that was built to fall into one at a certain packet."""
    rng = random.Random(seed)

    def act(dpu):
        good = dpu.wait_for("active")["version"]
        moments, found = [], []
        for _ in range(count):
            dpu.wait_for("standby")
            if dpu.active()["version"] != SPINNING_VERSION:
                upgrade(lab, SPINNING_VERSION)
            dpu.wait_for("standby")
            pid = dpu.active()["pid"]
            time.sleep(rng.uniform(0, 0.2))
            moments.append(time.monotonic())
            with lab["run/three"].socket(socket.AF_INET, socket.SOCK_DGRAM) as deadly:
                deadly.sendto(b"go", (lab["run/four"].v4, 6666))
            found.append(noticed_ms(pid, moments[-1]))
            another_than(dpu, pid)
        if dpu.active()["version"] != good:
            upgrade(lab, good)
        return moments, {"detected_ms": spread(found)}

    return Run(lab, load, **options).measure(act)


def kill_agent(lab, count, load=0, seed=4, **options):
    """kill -9 of the agent while policies are applied; whatever apply said yes to is there at the end."""
    rng = random.Random(seed)

    def act(dpu):
        moments, promised, back = [], set(), []
        for number in range(count):
            apply = subprocess.Popen([PROGRAM, "apply", "--lab", lab.name, "-f", "-"], stdin=subprocess.PIPE, text=True,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
            apply.stdin.write(POLICY.format(number))
            apply.stdin.close()
            time.sleep(rng.uniform(0, 0.12))
            moments.append(time.monotonic())
            lab.kill_daemon(dpu.node)
            if apply.wait(30) == 0:
                promised.add(f"number-{number}")
            dpu.repair()
            back.append((time.monotonic() - moments[-1]) * 1e3)
        there = {one["metadata"]["name"] for one in lab.json("get", "networkpolicies")}
        for one in sorted(there - {"doors"}):
            lab.cli("delete", "-f", "-", stdin=POLICY.format(one.removeprefix("number-")))
        return moments, {"promised": len(promised), "promised_and_gone": len(promised - there),
                         "agent_again_ms": spread(back)}

    return Run(lab, load, **options).measure(act)


def kill_ports(lab, count, load=0, **options):
    """kill -9 of the ports process."""

    def act(dpu):
        moments = []
        for _ in range(count):
            dpu.wait_for("standby")
            pid = dpu.program("outrigger-ports")
            moments.append(time.monotonic())
            dpu.kill(pid)
            again = until(lambda: dpu.program("outrigger-ports") not in (None, pid), timeout=20, every=0.05)
            assert again, "the ports process is not back"
            dpu.wait_for("active")
            time.sleep(1)
        return moments, {}

    return Run(lab, load, **options).measure(act)


def with_a_million(lab, scenario, count, load):
    """A swap or a kill while a million sessions are there, kept alive by a trickle."""
    fill = Stream("fill", lab["run/three"], lab["run/four"], 7100, sessions=1_000_000, rate=TRICKLE)
    try:
        full = until(lambda: sessions_used(lab) >= 1_000_000, timeout=120, every=0.5)
        assert full, f"only {sessions_used(lab)} sessions"
        act = planned_swap if scenario == "million_swap" else kill_active
        return act(lab, count, load=max(1000, load - TRICKLE)) | {"sessions": sessions_used(lab)}
    finally:
        fill.kill()


def sessions_used(lab):
    return sum(one["used"] for one in lab.json("capacity") if one["name"] == "sessions")


def dead_dpu(lab, count, node="a", **options):
    """Everything of one DPU dies; the host's own kernel carries on; and hands back when it returns."""

    def act(dpu):
        moments = []
        for _ in range(count):
            moments.append(time.monotonic())
            outrigger("lab", "freeze", node, "--name", lab.name)
            time.sleep(10)  # the lease runs out, the host takes over and carries
            moments.append(time.monotonic())
            outrigger("lab", "thaw", node, "--name", lab.name)
            time.sleep(20)  # it is healthy for a while and has its work back
        return moments, {}

    run = Run(lab, 0, iperf=None, **options)
    result = run.measure(act)
    result["to_host_ms"], result["back_ms"] = spread(result["each_ms"][::2]), spread(result["each_ms"][1::2])
    return result
