"""The run itself: starts the programs of a group, lets them take turns, collects rows, leaves nothing behind."""
import sys
import time

from . import flowgen, machine, table
from .outrigger import Outrigger
from .ovs import Ovs
from .process import Failed
from .sampling import blank_row
from .testpmd import Testpmd

PROGRAMS = {program.name: program for program in (Outrigger, Ovs, Testpmd)}
_OVS_BYTES_A_FLOW = 1100  # what its connection, with its flow, was seen to take at the most


class Session:
    def __init__(self, options, pace, plugin, deadline=None):
        self.options, self.pace, self.plugin, self.deadline = options, pace, plugin, deadline
        self.rows, self.running = [], []
        self.start = time.monotonic()

    def run(self, groups):
        for number, group in enumerate(groups, 1):
            if self.deadline and time.monotonic() - self.start > self.deadline:
                self._say(f"out of time: left out {', '.join(dict.fromkeys(g.work for g in groups[number - 1:]))}")
                return
            rules = f", {table.count(group.setup.rules)} rules" if group.setup.rules else ""
            self._say(f"[{number}/{len(groups)}] {group.work}{rules}: starting {', '.join(self._chosen(group))}")
            try:
                self._start(group)
                for flows in group.flows:
                    for program in list(self.running):
                        self._turn(group, flows, program)
            finally:
                self.stop()

    def _chosen(self, group):
        return [name for name in group.programs if name in self.options.programs]

    def _start(self, group):
        for name in self._chosen(group):
            program = PROGRAMS[name](group.setup, self.plugin)
            self.running.append(program)
            try:
                program.start()
                program.freeze()
            except Failed as fault:
                self._give_up(group, group.flows, program, fault)

    def _give_up(self, group, left, program, fault):
        self.running.remove(program)
        program.stop()
        for flows in left:
            self._add(blank_row(group, flows, program.name) | {"note": f"not measured: {fault}"})

    def _turn(self, group, flows, program):
        if program.name == "ovs" and flows * _OVS_BYTES_A_FLOW >> 20 > machine.available_mib() and flows > 1_000_000 \
                and not group.work.startswith("cps"):
            self._add(blank_row(group, flows, program.name) | {"note": "not measured: too little memory"})
            return
        try:
            program.thaw()
            for row in group.measure(program, group, flows, self.pace, self.options):
                self._add(row)
            program.freeze()
        except Failed as fault:
            self._give_up(group, group.flows[group.flows.index(flows):], program, fault)

    def _add(self, row):
        self.rows.append(row)
        print(table.line(row), flush=True)

    def _say(self, text):
        passed = int(time.monotonic() - self.start)
        print(f"{passed // 60:3d}:{passed % 60:02d} {text}", file=sys.stderr, flush=True)

    def stop(self):
        while self.running:
            self.running.pop().stop()
        for program in PROGRAMS.values():  # one that a signal caught while it started
            for device in program.devices:
                flowgen.forget(device)
