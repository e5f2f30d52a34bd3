"""The machine a figure is about: its names and versions, and the huge pages lent for the run."""
import fcntl
import os
import platform
import subprocess
from contextlib import contextmanager
from pathlib import Path

WORKER_CPU, OTHER_CPU = 0, 1
PAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
RESERVE = Path("/proc/sys/vm/nr_hugepages")
LOCK = "/run/lock/outrigger-bench.lock"


class Unfit(Exception):
    """This machine cannot run the benchmark; the text says what to do about it."""


def check():
    if os.geteuid() != 0:
        raise Unfit("bench/run needs root: huge pages, CPU pinning and a network namespace")
    if (os.cpu_count() or 1) < 2:
        raise Unfit("bench/run needs two CPUs: one under test, one for everything else")


@contextmanager
def only_one():
    """Two benchmarks at once would measure each other."""
    with open(LOCK, "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unfit("another bench/run is at work on this machine") from None
        yield


@contextmanager
def huge_pages(mebibytes):
    """At least so much free in 2 MiB pages; afterwards the number there was before."""
    before, free = int(RESERVE.read_text()), int((PAGES / "free_hugepages").read_text())
    wanted = before + max(0, (mebibytes + 1) // 2 - free)
    try:
        if wanted > before:
            RESERVE.write_text(str(wanted))
        got = int((PAGES / "free_hugepages").read_text()) * 2
        if got < mebibytes:
            raise Unfit(f"{mebibytes} MiB of huge pages wanted, {got} MiB to be had: free memory, or fewer --flows")
        yield
    finally:
        if wanted > before:
            RESERVE.write_text(str(before))


def available_mib():
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def stolen_seconds():
    """What the hypervisor took from the CPU under test so far."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{WORKER_CPU} "):
            return int(line.split()[8]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _told(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _version(package):
    return _told("dpkg-query", "-W", "-f", "${Version}", package) or "not installed"


def _commit(folder):
    return _told("git", "-C", folder, "describe", "--always", "--dirty") or "unknown"


def describe(folder):
    return {"cpu": _cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(),
            "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
            "dpdk": _version("libdpdk-dev"), "openvswitch": _version("openvswitch-switch-dpdk"),
            "outrigger": _commit(folder)}
