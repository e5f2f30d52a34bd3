"""The instruments: outrigger-stream and iperf3 between two guests, from `start` to `stop`."""
import json
import os
import pathlib
import re
import subprocess
import time

from support.lab import BUILD

STREAM = pathlib.Path(os.environ.get("OUTRIGGER_STREAM", BUILD / "tests/chaos/outrigger-stream"))
HOST_CPU = "0"  # the lab's DPU sides run on the other one


class Stream:
    """One run of outrigger-stream; `stop` returns what it measured."""

    def __init__(self, mode, source, target, port, **options):
        words = []
        for name, value in options.items():
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
        self.process = subprocess.Popen(
            ["taskset", "-c", HOST_CPU, STREAM, mode, "--from", source.netns, "--to", target.netns, "--address",
             target.v4, "--port", str(port), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def stop(self):
        self.process.stdin.close()
        said = self.process.stdout.read()
        assert self.process.wait() == 0, "outrigger-stream failed"
        return json.loads(said)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Iperf:
    """A TCP stream as fast as `bitrate` lets it; how much came, and whether the connection lived to the end."""

    PORT = 5201

    def __init__(self, source, target, bitrate):
        self.server = target.popen("iperf3", "-s", "-1", "-A", HOST_CPU, stdout=subprocess.DEVNULL)
        time.sleep(0.3)
        self.client = source.popen("iperf3", "-c", target.v4, "-t", "36000", "-b", bitrate, "-A", HOST_CPU, "-i", "0",
                                   "-J")

    def stop(self):
        died = self.client.poll() is not None
        self.client.send_signal(2)  # it reports what there was
        said = self.client.communicate(timeout=10)[0]
        self.server.kill()
        self.server.wait()
        found = re.search(r'"sum_sent":.*?"bits_per_second":\s*([0-9.e+]+)', said, re.S)
        resent = re.search(r'"sum_sent":.*?"retransmits":\s*(\d+)', said, re.S)
        return {"alive": not died, "bits_per_second": float(found[1]) if found else 0.0,
                "retransmits": int(resent[1]) if resent else None}

    def kill(self):
        for process in (self.client, self.server):
            process.kill()
            process.wait()


class Instruments:
    """All of them at once.  `load`: 64-byte frames a second beside the measured stream; 0: none."""

    def __init__(self, lab, load=0, iperf="100M", rate=10_000, connections=100, source="run/one", target="run/two",
                 load_source="run/three", load_target="run/four"):
        one, two = lab[source], lab[target]
        self.running = {"udp": Stream("udp", one, two, 7001, record=True, rate=rate, threshold=300)}
        self.running["tcp"] = Stream("tcp", one, two, 7002, connections=connections, every=20)
        self.running["denied"] = Stream("denied", one, two, 9001, every=5)
        if load:
            self.running["load"] = Stream("udp", lab[load_source], lab[load_target], 7003, rate=load, burst=16)
        if iperf:
            self.running["iperf"] = Iperf(lab[load_source], lab[load_target], iperf)

    def __enter__(self):
        time.sleep(1.5)  # sessions made, neighbours known
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            for one in self.running.values():
                one.kill()

    def stop(self):
        """What each has measured, by name; the load first, so that nothing else is cut off by it."""
        return {name: self.running[name].stop() for name in reversed(list(self.running))}


def most(lab, source="run/three", target="run/four", seconds=2.0):
    """Frames of 64 bytes a second that get through with less than one in a thousand lost: what half of is taken.

    A rate is given up only when it fails twice: the machine's CPUs are taken away by others now and then."""
    def carried(rate):
        found = Stream("udp", lab[source], lab[target], 7009, rate=rate, burst=16, seconds=seconds).stop()
        sent_rate = found["sent"] / found["seconds"]
        return int(sent_rate) if found["lost"] <= found["sent"] / 1000 and sent_rate >= rate * 0.9 else 0

    best = 0
    for rate in (20_000, 40_000, 60_000, 80_000, 100_000, 130_000, 160_000, 200_000, 250_000, 300_000):
        got = carried(rate) or carried(rate)
        if not got:
            break
        best = got
    return best
