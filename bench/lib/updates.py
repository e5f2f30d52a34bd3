"""Rule changes while packets flow: how many a second, and what the packets notice."""
import threading
import time
from contextlib import nullcontext

from .flowgen import quantile_us
from .process import Failed
from .sampling import Watch, row_of


class Changing:
    """A thread that changes rules, `rate` a second in batches, or as fast as the program takes them (rate None)."""

    def __init__(self, program, batch, rate=None):
        self.program, self.batch, self.rate = program, batch, rate
        self.done, self.fault = 0, None
        self.halt = threading.Event()
        self.thread = threading.Thread(target=self._work)

    def _work(self):
        start = time.monotonic()
        try:
            while not self.halt.is_set():
                self.done += self.program.change_rules(self.batch)
                self.seconds = time.monotonic() - start
                if self.rate:
                    self.halt.wait(max(0.0, self.done / self.rate - self.seconds))
                    self.seconds = max(self.seconds, self.done / self.rate)
        except Failed as fault:
            self.fault = fault

    def __enter__(self):
        self.thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        self.halt.set()
        self.thread.join()
        if self.fault:
            raise self.fault

    def per_second(self):
        return round(self.done / self.seconds)


def measure(program, group, flows, pace, options):
    rows = []

    def add(case, rate=None, changing=False, latency=False):
        watch = Watch(program)
        changes = Changing(program, options.batch, rate) if changing else None
        taken = watch.take(pace, latency, changes or nullcontext())
        extra = {"changes_per_second": changes.per_second()} if changing else {}
        extra |= _felt(program, taken) if latency else {}
        row = row_of(group, flows, program, [one.mpps() for one in taken], watch.notes(), case=case, **extra)
        if latency:  # it idles half of the time, so a time a packet would mean nothing
            row |= {"ns": None, "cycles": None, "core_taken_ms": round(1e3 * watch.taken_away, 1)}
        rows.append(row)

    add("full load")
    add("full load, rules changing", options.change_rate, changing=True)
    add("full load, changing all it can", changing=True)
    for generator in program.generators:
        generator.set(rate=int(rows[0]["mpps"] * 1e6 / 2 / len(program.generators)))
    time.sleep(0.3)
    add("half load", latency=True)
    add("half load, rules changing", options.change_rate, changing=True, latency=True)
    return rows


def _felt(program, taken):
    bins = [sum(column) for column in zip(*(one.latency() for one in taken))]
    mhz = program.generators[0].tsc_mhz
    missed, received = (sum(one.total(name) for one in taken) for name in ("missed", "received"))
    unsent = received - sum(one.total("sent") for one in taken)
    lost = missed + (unsent if unsent > 256 * len(taken) else 0)  # a few are on their way at each border
    return {"p50_us": _rounded(quantile_us(bins, .5, mhz)), "p99_us": _rounded(quantile_us(bins, .99, mhz)),
            "p999_us": _rounded(quantile_us(bins, .999, mhz)),
            "lost": lost, "of": received + missed}


def _rounded(value):
    return None if value is None else round(value, 2)
