"""What is measured: for each work the generators' packets, the rules, the numbers of flows, and how."""
from dataclasses import dataclass, field
from typing import Callable

from . import measure

NEW_FLOWS = 16_000_000  # so many that a flow never comes back while its session lives
EVERY = (1, 1_000, 100_000, 1_000_000, 10_000_000)
TIMED = "stamp=1,depth=4096"  # packets carry the time they were due; a NIC's 4096 descriptors stand before the program


@dataclass(frozen=True)
class Setup:
    """How a program is started."""
    inside: str  # generator arguments
    outside: str
    rules: int = 0
    overlay: bool = False
    sessions: int = 1 << 20
    workers: int = 1
    may_sleep: bool = False
    patience: int = 600  # seconds that loading rules may take


@dataclass(frozen=True)
class Group:
    """Rows that share one start of the programs."""
    work: str
    setup: Setup
    flows: tuple
    measure: Callable
    programs: tuple = ("outrigger", "ovs", "testpmd")
    extra: dict = field(default_factory=dict)  # into every row

    @property
    def huge_mib(self):
        """Ours, Open vSwitch's and testpmd's, all there at once."""
        return 256 + 1024 + 512 + self.setup.sessions * 150 // 2**20 + 96 + 32 * self.setup.workers


def _sessions_for(flows):
    return max(1 << 17, max(flows) * 21 // 20 + 65536)


def _pair(flows, more="", outside=""):
    table = f"flows={max(flows)}{more}"
    return table, f"{table},dir=rev{outside}"


def _traffic(work, flows, rules=0, overlay=False):
    inside, outside = _pair(flows, outside=",vni=100" if overlay else "")
    return Group(work, Setup(inside, outside, rules, overlay, _sessions_for(flows)), flows, measure.throughput)


def _new_udp(rules, sessions):
    setup = Setup(f"flows={NEW_FLOWS}", "dir=sink", rules, sessions=sessions)
    return Group("cps-udp", setup, (NEW_FLOWS,), measure.connections, extra={"packets": 1})


def _new_tcp(rules, sessions):
    inside, outside = _pair((NEW_FLOWS,), ",script=fin")
    setup = Setup(inside, outside, rules, sessions=sessions)
    return Group("cps-tcp", setup, (NEW_FLOWS,), measure.connections, extra={"packets": 6})


def _memory(flows):
    inside, outside = _pair(flows)
    return Group("memory", Setup(inside, outside, 10, sessions=_sessions_for(flows)), flows, measure.memory,
                 ("outrigger", "ovs"))


def _update(flows):
    inside, outside = _pair(flows, "," + TIMED)
    return Group("update", Setup(inside, outside, 10_000, sessions=_sessions_for(flows)), flows, measure.update,
                 ("outrigger", "ovs"))


def _workers(count, flows):
    inside, outside = _pair(flows, f",queues={count}")
    setup = Setup(inside, outside, 10_000, sessions=_sessions_for(flows), workers=count)
    return Group("workers", setup, flows, measure.lossless, extra={"workers": count})


def _idle():
    return Group("idle", Setup("flows=1", "flows=1,dir=rev", 10_000, sessions=1 << 17, may_sleep=True), (0,),
                 measure.idle)


NAMES = ("switch", "policy", "vxlan", "all", "cps-udp", "cps-tcp", "memory", "update", "workers", "idle")


def whole(flows=EVERY):
    groups = [_traffic("switch", flows)]
    groups += [_traffic("policy", flows, rules) for rules in (10, 1_000, 100_000, 1_000_000)]
    groups += [_traffic("vxlan", flows, overlay=True), _traffic("all", flows, 10_000, overlay=True)]
    groups += [_new_udp(rules, 4 << 20) for rules in (1_000, 1_000_000)] + [_new_tcp(1_000, 4 << 20)]
    small = tuple(count for count in flows if 1_000 <= count <= 100_000) or flows[:1]
    groups += [_memory((1_000_000,)), _update(small)]
    groups += [_workers(count, small) for count in (1, 2)]
    return groups + [_idle()]


def quick(flows=None):
    """Every work once, within three minutes."""
    few, more, most = (flows or chosen for chosen in ((1_000,), (1_000, 1_000_000), (1_000, 100_000, 1_000_000)))
    return [_traffic("all", most, 10_000, overlay=True), _traffic("policy", more, 1_000), _traffic("switch", few),
            _traffic("vxlan", few, overlay=True), _new_udp(1_000, 1 << 20), _new_tcp(1_000, 1 << 20), _update(few),
            _idle(), _workers(2, few), _workers(1, few), _memory((100_000,))]
