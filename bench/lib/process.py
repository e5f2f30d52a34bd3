"""Programs that the benchmark starts: they die with it, stand still while another is measured, and leave nothing."""
import ctypes
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import flowgen, machine

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Failed(Exception):
    """A program did not start or do what it was told."""


def _raise_group():
    """Where sessions are scheduled as groups (sched_autogroup), a nice value counts only inside one."""
    try:
        Path("/proc/self/autogroup").write_text("-20", encoding="ascii")
    except OSError:
        pass


def _prepare(cpus, urgent=True):
    def inside_child():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, cpus)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.setsid()  # a Ctrl-C is for the runner, which then stops its programs in order
        if urgent:
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            _raise_group()
    return inside_child


def call(*command, timeout=60):
    """A helper command on the other CPU; its output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False,
                              preexec_fn=_prepare({machine.OTHER_CPU}))
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {timeout} s") from None
    if done.returncode != 0:
        raise Failed(f"{' '.join(command[:6])}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


class Program:
    """One program under test with its two generator ports, inside (the tenant's) and outside."""
    name = ""
    devices = ("", "")
    cpus = {machine.WORKER_CPU, machine.OTHER_CPU}

    def __init__(self, setup, plugin):
        self.setup, self.plugin = setup, str(plugin)
        self.folder = None
        self.children = []
        self.generators = ()

    def start(self):
        """Runs, with generators still silent."""
        self.folder = tempfile.TemporaryDirectory(prefix=f"outrigger-bench-{self.name}-")
        for device in self.devices:
            flowgen.forget(device)
        self.launch()
        self.generators = tuple(flowgen.Generator(device) for device in self.devices)
        self._wait_for_polls()

    def launch(self):
        raise NotImplementedError

    @property
    def pid(self):
        return self.children[-1].pid

    def path(self, name):
        return str(Path(self.folder.name) / name)

    def device_arguments(self):
        return tuple(f"{device},enable=0,{arguments}" for device, arguments in
                     zip(self.devices, (self.setup.inside, self.setup.outside)))

    def spawn(self, command, cpus=None, **options):
        with open(self.path("log"), "ab") as log:
            options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL} | options
            urgent = self.setup.workers == 1  # a second worker shares its CPU with the runner, which must not starve
            child = subprocess.Popen(command, preexec_fn=_prepare(cpus or self.cpus, urgent), **options)
        self.children.append(child)
        return child

    def log_tail(self):
        return Path(self.path("log")).read_text(errors="replace").strip()[-600:]

    def wait_until(self, ready, seconds, what):
        end = time.monotonic() + seconds
        while not ready():
            if self.children and self.children[-1].poll() is not None:
                raise Failed(f"{self.name} ended by itself:\n{self.log_tail()}")
            if time.monotonic() > end:
                raise Failed(f"{self.name}: {what} did not come within {seconds} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def _wait_for_polls(self):
        before = [generator.polls() for generator in self.generators]
        self.wait_until(lambda: all(g.polls() > b for g, b in zip(self.generators, before)), 30, "the first poll")

    def freeze(self):
        """Costs nothing from here on, so that several programs take turns on one CPU."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def stop(self):
        for child in reversed(self.children):
            if child.poll() is None:
                os.kill(child.pid, signal.SIGCONT)
                child.terminate()
        for child in reversed(self.children):
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children.clear()
        for device in self.devices:
            flowgen.forget(device)
        if self.folder:
            self.folder.cleanup()
            self.folder = None

    def figures(self):
        """What the program itself says it did, as far as it says so: {"drops": {}, "decided": n}."""
        return {}

    def change_rules(self, count):
        """Changes about `count` rules nobody's traffic meets; says how many."""
        raise NotImplementedError

    def resident_bytes(self):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self):
        """{thread: (ns on a CPU, ns waiting for one)}: another program on the core under test shows here."""
        out = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            ran, waited, _ = (task / "schedstat").read_text().split()
            out[task.name] = (int(ran), int(waited))
        return out
