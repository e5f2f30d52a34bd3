"""How each work is measured on a program that runs and is not frozen: rows out."""
import time

from . import updates
from .flowgen import ALL
from .sampling import Pace, Watch, blank_row, row_of

_SETTLE_S = 120
_LOSSLESS = 0.001  # an interrupt costs as much here


def _drive(program, **controls):
    for generator in program.generators:
        generator.set(**controls)


def _quiet(program):
    _drive(program, enable=0, rate=0)


def _settle(program, flows):
    """Until every flow has come three times from both sides, so that only known flows are timed."""
    start, end = [g.counters().received for g in program.generators], time.monotonic() + _SETTLE_S
    time.sleep(0.5)
    while any(g.counters().received - at < 3 * flows for g, at in zip(program.generators, start)):
        if time.monotonic() > end:
            return [f"{flows} flows were not all known after {_SETTLE_S} s"]
        time.sleep(0.1)
    return []


def throughput(program, group, flows, pace, _options):
    try:
        _drive(program, active=flows, rate=0, enable=1)
        notes = _settle(program, flows)
        watch = Watch(program)
        rates = [one.mpps() for one in watch.take(pace)]
        extra = {}
        if program.setup.workers > 1 and watch.grown("packets"):
            extra["handed_over"] = round(watch.grown("handed_over") / watch.grown("packets"), 3)
        return [row_of(group, flows, program, rates, notes + watch.notes(), **extra)]
    finally:
        _quiet(program)


def lossless(program, group, flows, pace, options):
    """With several workers, packets pass between them on rings that overflow when more comes in than goes out: then
    the figure is the highest rate with less than 0.1 % lost."""
    row = throughput(program, group, flows, pace, options)[0]
    if "forwarded" not in row.get("note", "") and "dropped" not in row.get("note", ""):
        return [row]
    try:
        _drive(program, active=flows, enable=1)
        rate = _highest_rate(program, row["mpps"] * 1e6 / program.setup.workers / len(program.generators))
        _drive(program, rate=rate)
        time.sleep(0.3)
        watch = Watch(program)
        rates = [one.mpps() for one in watch.take(pace)]
        handed_over = round(watch.grown("handed_over") / max(watch.grown("packets"), 1), 3)
        return [row_of(group, flows, program, rates, watch.notes(), handed_over=handed_over,
                       offered="highest with under 0.1 % lost")]
    finally:
        _quiet(program)


def _highest_rate(program, most):
    """Packets a second of one queue: halves the interval seven times."""
    low, high = 0.0, 1.2 * most
    for _ in range(7):
        middle = (low + high) / 2
        _drive(program, rate=int(middle))
        time.sleep(0.1)
        low, high = (middle, high) if any(_passes(program) for _ in range(2)) else (low, middle)
    return int(low)


def _passes(program):
    watch = Watch(program)
    watch.take(Pace(1, 0.2))
    return watch.lost_share() < _LOSSLESS


def connections(program, group, flows, pace, _options):
    """New connections a second.  Ours is timed with its table full, when each new session takes an old one's place."""
    packets = group.extra["packets"]
    pace = Pace(pace.runs, min(pace.seconds, 0.5))  # Open vSwitch's table must not fill meanwhile
    try:
        _drive(program, active=flows, rate=0, left=ALL, enable=1)
        notes = _fill(program, packets) if program.name == "outrigger" else time.sleep(0.5) or []
        watch = Watch(program)
        taken = watch.take(pace)
        rates = [one.mpps() if packets == 1 else one.inside.finished / one.seconds / 1e6 for one in taken]
        if program.name == "outrigger":
            notes += _all_new(watch, packets)
        return [row_of(group, flows, program, rates, notes + watch.notes())]
    finally:
        _quiet(program)


def _fill(program, packets):
    wanted, end = 1.1 * program.setup.sessions * packets, time.monotonic() + 60
    first = program.generators[0].counters().received + program.generators[1].counters().received
    while sum(g.counters().received for g in program.generators) - first < wanted:
        if time.monotonic() > end:
            return ["the session table was not full after 60 s"]
        time.sleep(0.1)
    return []


def _all_new(watch, packets):
    """Every connection must have been decided; `decided` spans a little more time than the samples."""
    expected = watch.total("sent") / packets
    share = watch.grown("decided") / expected if expected else 0
    return [] if share > 0.99 else [f"only {100 * share:.0f} % were new sessions"]


def memory(program, group, flows, _pace, _options):
    """Ours states what its tables take; of another program, how it grew."""
    before = program.resident_bytes()
    try:
        _drive(program, active=flows, rate=0, enable=1)
        notes = _settle(program, flows)
        row = blank_row(group, flows, program.name)
        if program.name == "outrigger":
            tables = {one["name"]: one for one in program.figures()["capacity"]}
            sessions, index = tables["sessions"], tables["session index"]
            row["bytes_per_flow"] = round((sessions["bytes"] + index["bytes"]) / sessions["size"], 1)
            row["mib_at_10m_flows"] = round(row["bytes_per_flow"] * 10e6 / 2**20)
            known = sessions["used"]
        else:
            known = program.connections()
            row["bytes_per_flow"] = round((program.resident_bytes() - before) / max(known, 1), 1)
        row["runs"] = 1
        if known < 0.99 * flows:
            notes.append(f"knew only {known} flows")
        return [row | ({"note": "; ".join(notes)} if notes else {})]
    finally:
        _quiet(program)


def update(program, group, flows, pace, options):
    """Rule changes at full load, then at half of it: throughput, loss and latency with and without."""
    try:
        _drive(program, active=flows, rate=0, enable=1)
        notes = _settle(program, flows)
        rows = updates.measure(program, group, flows, pace, options)
        if notes:
            rows[0]["note"] = "; ".join(notes + [rows[0].get("note", "")])
        return rows
    finally:
        _quiet(program)


def idle(program, group, _flows, pace, _options):
    """CPU with ports open, rules loaded and no traffic."""
    _quiet(program)
    time.sleep(1)
    seconds = max(3.0, pace.runs * pace.seconds / 2)
    before, start = program.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    percent = 100 * (program.cpu_seconds() - before) / (time.monotonic() - start)
    return [blank_row(group, 0, program.name) | {"runs": 1, "cpu_percent": round(percent, 2)}]

