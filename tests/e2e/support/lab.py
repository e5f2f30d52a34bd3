"""A lab, driven as a user drives it: by the `outrigger` program."""
import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess

from .guest import Guest
from .wait import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("OUTRIGGER_BUILD", ROOT / "build/release"))
PROGRAM = BUILD / "src/cli/outrigger"
RUN = f"e2e-{os.getpid()}"  # two runs on one machine must not take each other's labs down
MANIFESTS = ROOT / "tests/e2e/manifests"
MODE = os.environ.get("OUTRIGGER_MODE", "solo")  # of labs that do not say: one process a node is enough for most tests


def named(purpose):
    return f"{RUN}-{purpose}"


def outrigger(*arguments, check=True, stdin=None, timeout=60):
    """Runs the program; its result has returncode, stdout and stderr."""
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, text=True, capture_output=True,
                          timeout=timeout, check=False, cwd=ROOT)
    if check and done.returncode != 0:
        raise AssertionError(f"outrigger {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


class Lab:
    def __init__(self, name, manifests, *options, apply=True):
        self.name = name
        self.manifests = pathlib.Path(manifests)
        outrigger("lab", "down", "--name", name)
        if "--mode" not in options:
            options = ("--mode", MODE, *options)
        outrigger("lab", "up", "--name", name, "-f", self.manifests, *options)
        try:
            if apply:
                self.apply(self.manifests)
            self.reload()
        except BaseException:
            self.down()
            raise

    def reload(self):
        """Learns the guests from what is in force."""
        found = json.loads(self.cli("get", "endpoints", "-o", "json").stdout)
        self.guests = {g.name: g for g in (Guest(self.name, one) for one in found)}

    def __getitem__(self, name):
        return self.guests[name]

    def down(self):
        outrigger("lab", "down", "--name", self.name)

    # Commands.

    def cli(self, command, *arguments, **options):
        return outrigger(command, "--lab", self.name, *arguments, **options)

    def json(self, *arguments):
        return json.loads(self.cli(*arguments, "-o", "json").stdout)

    def status(self):
        return json.loads(outrigger("lab", "status", "--name", self.name, "-o", "json", check=False).stdout)

    def apply(self, what, check=True):
        """`what`: a path, or YAML text."""
        if isinstance(what, pathlib.Path):
            return self.cli("apply", "-f", what, check=check)
        return self.cli("apply", "-f", "-", stdin=what, check=check)

    @contextlib.contextmanager
    def applied(self, yaml):
        """`yaml` is in force inside, and gone after."""
        self.apply(yaml)
        try:
            yield
        finally:
            self.cli("delete", "-f", "-", stdin=yaml)

    def explain(self, source, destination, proto="tcp", port=None, **options):
        ports = ["--port", port] if port else []
        for name, value in options.items():
            ports += [f"--{name.replace('_', '-')}", value]
        return self.json("explain", source, destination, "--proto", proto, *ports)

    # Figures.

    def drops(self, node=None):
        counts = collections.Counter()
        for one in self.json("drops", "--all"):
            if node in (None, one["node"]):
                counts[one["reason"]] += one["count"]
        return counts

    def buffers_in_use(self):
        return {one["node"]: one["used"] for one in self.json("capacity") if one["name"] == "buffers"}

    def drop_counted(self, reason, at_least=1, node=None):
        """What is done inside is dropped for `reason`, and counted so."""
        return self.drop_counted_any({reason}, at_least, node)

    @contextlib.contextmanager
    def drop_counted_any(self, reasons, at_least=1, node=None):
        before = self.drops(node)
        yield
        gained = collections.Counter()

        def enough():
            gained.clear()
            gained.update(self.drops(node) - before)
            return sum(gained[reason] for reason in reasons) >= at_least

        wanted = " or ".join(sorted(reasons))
        assert until(enough, every=0.05), f"expected {at_least} x {wanted}, counted {dict(gained)}"

    # Namespaces other than the guests'.

    @property
    def fabric(self):
        return f"or-{self.name}.fabric"

    def node(self, name):
        return f"or-{self.name}.node.{name}"

    def in_node(self, name, *argv):
        return subprocess.run(["ip", "netns", "exec", self.node(name), *argv], check=True, text=True,
                              capture_output=True).stdout

    def daemon(self, node):
        return next(one["pid"] for one in self.status()["nodes"] if one["node"] == node)

    def kill_daemon(self, node):
        pid = self.daemon(node)
        assert pid, f"node {node}: no daemon runs"  # 0, to kill(), is whoever asks
        os.kill(pid, signal.SIGKILL)
        assert until(lambda: self.daemon(node) != pid)
