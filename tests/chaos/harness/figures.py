"""From what the instruments saw to the figures of the table."""
import datetime
import pathlib
import platform


def quantile(values, q):
    """The smallest value that at least the share q of all do not exceed."""
    ordered = sorted(values)
    if not ordered:
        return None
    place = max(0, -(-len(ordered) * q // 1) - 1)
    return ordered[int(place)]


def spread(values):
    if not values:
        return None
    return {"n": len(values), "p50": round(quantile(values, 0.5), 3), "p99": round(quantile(values, 0.99), 3),
            "max": round(max(values), 3)}


def longest_ms(silences, windows, floor_us):
    """For each window (from, to) the longest silence that overlaps it.

    A window without a silence above the threshold counts as the threshold: nothing longer was seen."""
    found = []
    for start, end in windows:
        here = [s["us"] for s in silences if s["at"] < end and s["at"] + s["us"] / 1e6 > start]
        found.append(max(here, default=floor_us) / 1e3)
    return found


def around(moments, before, after):
    """A window for each moment, none longer than to the next moment."""
    ends = [*moments[1:], float("inf")]
    return [(moment - before, min(moment + after, end)) for moment, end in zip(moments, ends)]


def in_a_row(start, end, seconds):
    """Windows of that length, one after the other, that fit in."""
    return [(start + number * seconds, start + (number + 1) * seconds) for number in range(int((end - start) / seconds))]


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def machine():
    cpus = len([p for p in pathlib.Path("/sys/devices/system/cpu").glob("cpu[0-9]*")])
    return {"cpu": cpu_model(), "cpus": cpus, "kernel": platform.release(),
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")}
