"""Counters over a stretch of time, the row they make, and what must be said when the figure is not clean."""
import statistics
import time
from contextlib import nullcontext
from dataclasses import dataclass

from . import machine
from .flowgen import Counters


@dataclass(frozen=True)
class Pace:
    runs: int
    seconds: float


@dataclass
class Sample:
    seconds: float
    inside: Counters
    outside: Counters

    def total(self, name):
        return getattr(self.inside, name) + getattr(self.outside, name)

    def mpps(self, name="sent"):
        return self.total(name) / self.seconds / 1e6

    def latency(self):
        return [a + b for a, b in zip(self.inside.latency, self.outside.latency)]


def sample(program, seconds, latency=False):
    start = time.monotonic()
    before = [generator.counters(latency) for generator in program.generators]
    time.sleep(max(0.0, seconds - (time.monotonic() - start)))
    passed = time.monotonic() - start
    after = [generator.counters(latency) for generator in program.generators]
    passed = (passed + time.monotonic() - start) / 2 if latency else passed
    return Sample(passed, *(b - a for a, b in zip(before, after)))


class Watch:
    """Around the samples of a row: what the program says it dropped, and whether it had its core to itself."""

    def __init__(self, program):
        self.program = program
        self.figures, self.threads, self.stolen = program.figures(), program.threads(), machine.stolen_seconds()
        self.samples = []
        self.taken_away = 0.0  # seconds that the core under test went to others

    def take(self, pace, latency=False, during=nullcontext()):
        with during:
            taken = [sample(self.program, pace.seconds, latency) for _ in range(pace.runs)]
            self.taken_away = self._waited() + machine.stolen_seconds() - self.stolen
        self.samples += taken
        self.after_figures = self.program.figures()  # not meanwhile: its input is busy with changes
        return taken

    def grown(self, name):
        return self.after_figures.get(name, 0) - self.figures.get(name, 0)

    def total(self, name):
        return sum(one.total(name) for one in self.samples)

    def notes(self):
        return [note for note in (self._lost(), self._dropped(), self._kind(), self._buffers(), self._shared()) if note]

    def lost_share(self):
        received = max(self.total("received"), 1)
        dropped = sum(self.after_figures.get("drops", {}).values()) - sum(self.figures.get("drops", {}).values())
        return max(1 - self.total("sent") / received, dropped / received)

    def _lost(self):
        received, sent = self.total("received"), self.total("sent")
        if received == 0:
            return "took nothing in"
        return f"forwarded {100 * sent / received:.1f} % of what it took in" if sent < 0.99 * received else None

    def _dropped(self):
        old = self.figures.get("drops", {})
        drops = {reason: count - old.get(reason, 0) for reason, count in self.after_figures.get("drops", {}).items()}
        named = ", ".join(f"{count} {reason}" for reason, count in drops.items() if count > 0)
        return f"dropped {named}" if named else None

    def _kind(self):
        """Did it do the work?  Sent outside must be VXLAN with an overlay, and nothing else may be."""
        if self.program.name == "testpmd":
            return None
        outside, inside = (sum(getattr(getattr(one, side), kind) for one in self.samples)
                           for side, kind in (("outside", "plain" if self.program.setup.overlay else "vxlan"),
                                              ("inside", "vxlan")))
        bursts = self.total("plain") + self.total("vxlan")
        return "sent the wrong kind of packet" if outside + inside > bursts / 1000 else None

    def _buffers(self):
        polls = self.total("no_buffer")
        return f"{polls} polls found no buffer" if polls else None

    def _waited(self):
        """The busiest thread is the one under test; it should never wait for its CPU."""
        spans = [(ran - self.threads[thread][0], waited - self.threads[thread][1])
                 for thread, (ran, waited) in self.program.threads().items() if thread in self.threads]
        return max(spans, default=(0, 0))[1] / 1e9

    def _shared(self):
        share = self.taken_away / max(sum(one.seconds for one in self.samples), 1e-9)
        return f"the core was another's {100 * share:.0f} % of the time" if share > 0.02 else None


def blank_row(group, flows, program):
    return {"work": group.work, "flows": flows, "rules": group.setup.rules, "program": program, "mpps": None,
            "min": None, "max": None, "ns": None, "cycles": None, "runs": 0, **group.extra}


def row_of(group, flows, program, rates, notes=(), **extra):
    """`rates` in millions a second of packets, or of connections."""
    row = blank_row(group, flows, program.name)
    median = statistics.median(rates)
    row |= {"mpps": round(median, 4), "min": round(min(rates), 4), "max": round(max(rates), 4), "runs": len(rates)}
    if median > 0:
        row |= {"ns": round(1e3 / median, 2), "cycles": round(program.generators[0].tsc_mhz / median, 1)}
    row |= extra
    if notes:
        row["note"] = "; ".join(notes)
    return row
