"""Our engine: build/bench-release/bench/outrigger-bench, told what to do on its standard input."""
import json
import os
import selectors
import subprocess
import time

from .process import Failed, Program


class Outrigger(Program):
    name = "outrigger"
    devices = ("net_flowgen0", "net_flowgen1")
    binary = ""

    def launch(self):
        setup = self.setup
        inside, outside = self.device_arguments()
        command = [self.binary, "--plugin", self.plugin, "--inside", inside, "--outside", outside,
                   "--rules", str(setup.rules), "--sessions", str(setup.sessions // setup.workers),
                   "--workers", str(setup.workers), "--cpus", *[str(cpu) for cpu in range(setup.workers)]]
        if setup.overlay:
            command.append("--overlay")
        if setup.may_sleep:
            command.append("--sleep")
        if setup.workers > 1:
            command += ["--buffers", "16383"]
        self.rest = b""
        child = self.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(child.stdout.fileno(), False)
        self._line(60, lambda line: line == "ready")

    def _line(self, seconds, wanted):
        """The next line of its output that is wanted."""
        end = time.monotonic() + seconds
        output = self.children[-1].stdout
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while True:
                while b"\n" in self.rest:
                    line, self.rest = self.rest.split(b"\n", 1)
                    if wanted(line.decode()):
                        return line.decode()
                if time.monotonic() > end:
                    raise Failed(f"outrigger-bench did not answer within {seconds} s:\n{self.log_tail()}")
                if selector.select(0.2):
                    got = output.read()
                    if got == b"":
                        raise Failed(f"outrigger-bench ended by itself:\n{self.log_tail()}")
                    self.rest += got or b""

    def _say(self, text):
        stdin = self.children[-1].stdin
        stdin.write(text.encode() + b"\n")
        stdin.flush()

    def figures(self):
        self._say("figures")
        raw = json.loads(self._line(30, lambda line: line.startswith("{")))
        workers = raw.get("workers") or []
        return {"drops": raw.get("drops") or {}, "capacity": raw.get("capacity") or [],
                **{name: sum(worker[name] for worker in workers)
                   for name in ("packets", "decided", "redecided", "handed_over")}}

    def change_rules(self, count):
        self._say(f"update {count} {count}")
        if float(self._line(60, lambda line: line.startswith("updates ")).split()[1]) == 0:
            raise Failed(f"a change of rules was refused:\n{self.log_tail()}")
        return count
