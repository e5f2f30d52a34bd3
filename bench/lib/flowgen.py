"""Reads and sets the counters of generators in /dev/shm (the layout is bench/flowgen/shared.h)."""
import mmap
import os
import struct
from dataclasses import dataclass, field

QUEUES, BINS = 16, 1024
RECEIVED, SENT = 128, 128 + 64 * QUEUES
LATENCY = SENT + 64 * QUEUES + 2 * 256
MAGIC = 0x46474E31
ALL = 2**64 - 1
_CONTROLS = {"enable": ("<I", 4), "active": ("<I", 8), "rate": ("<Q", 16), "left": ("<Q", 24)}


@dataclass
class Counters:
    """Sums over queues; two of them subtract to what happened in between."""
    received: int = 0
    no_buffer: int = 0
    missed: int = 0
    sent: int = 0
    vxlan: int = 0
    plain: int = 0  # packets that were IPv4 without VXLAN, in a sample of one a burst
    finished: int = 0  # connections that have passed the script's last step on this device
    latency: list = field(default_factory=list)

    def __sub__(self, other):
        out = Counters(**{name: getattr(self, name) - getattr(other, name)
                          for name in ("received", "no_buffer", "missed", "sent", "vxlan", "plain", "finished")})
        out.latency = [a - b for a, b in zip(self.latency, other.latency)]
        return out


class Generator:
    def __init__(self, name):
        self.path = path_of(name)
        file = os.open(self.path, os.O_RDWR)
        try:
            self.memory = mmap.mmap(file, os.fstat(file).st_size)
        finally:
            os.close(file)
        if self._u32(0) != MAGIC:
            raise ValueError(f"{self.path} is not a generator's")
        self.tsc_mhz = self._u64(96) / 1e6

    def _u32(self, at):
        return struct.unpack_from("<I", self.memory, at)[0]

    def _u64(self, at):
        return struct.unpack_from("<Q", self.memory, at)[0]

    def _sum(self, base, at):
        return sum(self._u64(base + 64 * queue + at) for queue in range(QUEUES))

    def counters(self, latency=False):
        out = Counters(received=self._sum(RECEIVED, 0), no_buffer=self._sum(RECEIVED, 16),
                       missed=self._sum(RECEIVED, 32), sent=self._sum(SENT, 0), vxlan=self._sum(SENT, 24),
                       plain=self._sum(SENT, 32), finished=self._u64(32 + 8 * 5))
        if latency:
            out.latency = self._latency()
        return out

    def polls(self):
        return self._sum(RECEIVED, 24)

    def _latency(self):
        out = [0] * BINS
        for queue in range(QUEUES):
            at = LATENCY + 8 * BINS * queue
            for i, count in enumerate(struct.unpack_from(f"<{BINS}Q", self.memory, at)):
                out[i] += count
        return out

    def set(self, **controls):
        for name, value in controls.items():
            form, at = _CONTROLS[name]
            struct.pack_into(form, self.memory, at, value)


def path_of(name):
    return "/dev/shm/fg." + name


def forget(name):
    if os.path.exists(path_of(name)):
        os.unlink(path_of(name))


def _cycles(bin_number):
    """The lower end of a bin: 16 for each power of two."""
    if bin_number < 16:
        return bin_number
    power = bin_number // 16 + 3
    return (16 + bin_number % 16) << (power - 4)


def quantile_us(bins, share, tsc_mhz):
    """The latency that `share` of the packets stayed below, in microseconds (upper end of its bin)."""
    total = sum(bins)
    if total == 0:
        return None
    seen = 0
    for i, count in enumerate(bins):
        seen += count
        if seen >= share * total:
            return _cycles(i + 1) / tsc_mhz
    return None
