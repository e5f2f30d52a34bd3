"""A node's engines and rollouts, as an operator changes them."""
import json
import time

from .lab import outrigger
from .wait import until


class Node:
    def __init__(self, lab):
        self.lab = lab

    def say(self, *words, check=True, timeout=60):
        """`outrigger WORDS --lab ...`"""
        return outrigger(*words, "--lab", self.lab.name, check=check, timeout=timeout)

    def engines(self):
        done = self.say("engine", "list", "-o", "json", check=False)
        return json.loads(done.stdout)["engines"] if done.returncode == 0 else []

    def one(self, state, version=None):
        return next((one for one in self.engines()
                     if one["state"] == state and version in (None, one["version"])), None)

    def active(self):
        return (self.one("active") or {}).get("version")

    def wait_for(self, state, version=None, timeout=25):
        found = until(lambda: self.one(state, version), timeout=timeout, every=0.1)
        assert found, f"no {state} engine {version or ''}: {self.engines()}"
        return found

    def upgrade(self, to, *options):
        """Its exit code, and what it said, last first."""
        done = self.say("engine", "upgrade", "--to", to, *options, "-o", "json", check=False, timeout=120)
        steps = [json.loads(line) for line in done.stdout.splitlines()]
        return done.returncode, steps[::-1], done.stdout + done.stderr

    def rollout(self, verb, *words, check=True):
        done = self.say("rollout", verb, *words, "-o", "json", check=check)
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    def rollout_is(self, service, *states, timeout=25):
        """The rollout of `service` once it is in one of these states."""
        found = until(lambda: next((r for r in [self.rollout("status", service)] if r["state"] in states), None),
                      timeout=timeout, every=0.1)
        assert found, f"never {states}: {self.rollout('status', service)}"
        return found

    def kill_agent(self):
        """kill -9, and started again as its service manager would."""
        self.lab.kill_daemon("a")
        time.sleep(0.05)
        outrigger("lab", "up", "--name", self.lab.name)
