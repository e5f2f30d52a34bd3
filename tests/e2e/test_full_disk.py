"""A disk that is full or read-only under the agent: what is in force stays so, and all is well again by itself with room."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from support.lab import MANIFESTS, Lab, named, outrigger
from support.wait import until

ROOM = "1536k"  # of the file system below the state folder: what is there, and little more


def policy(name):
    return f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: free}}
spec: {{podSelector: {{matchLabels: {{none: such}}}}, policyTypes: [Ingress]}}
"""


DENY = policy("deny").replace("{matchLabels: {none: such}}", "{}")


class SmallDisk(Lab):
    """A lab whose node keeps its state on a file system of its own."""

    def __init__(self, name):
        super().__init__(name, MANIFESTS / "small")
        self.state = pathlib.Path(f"/run/outrigger/lab/{name}/nodes/a/state")
        self.log = self.state.parent / "log"
        try:
            self.kill()
            kept = self.state.with_name("kept")
            self.state.rename(kept)
            self.state.mkdir()
            self.mount("-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs")
            shutil.copytree(kept, self.state, dirs_exist_ok=True)
            self.start()
        except BaseException:
            self.down()
            raise

    def mount(self, *options):
        subprocess.run(["mount", *options, self.state], check=True)

    def make_read_only(self):
        """Linux does not while somebody writes to it: not before the last who did is gone."""
        remount = ["mount", "-o", "remount,ro", self.state]
        assert until(lambda: subprocess.run(remount, check=False).returncode == 0, timeout=10, every=0.1), "still written to"

    def kill(self):
        self.kill_daemon("a")

    def start(self, check=True):
        return outrigger("lab", "up", "--name", self.name, check=check)

    def down(self):
        with contextlib.suppress(FileNotFoundError, StopIteration, ProcessLookupError):
            if pid := self.daemon("a"):
                os.kill(pid, signal.SIGKILL)
                until(lambda: not pathlib.Path(f"/proc/{pid}").exists())
        subprocess.run(["umount", "-q", self.state], check=False)
        super().down()

    def fill(self):
        """Not a page is left."""
        with open(self.state / "ballast", "ab", buffering=0) as ballast:
            with contextlib.suppress(OSError):
                while ballast.write(b"x" * 4096):
                    pass

    def free(self):
        (self.state / "ballast").unlink()

    def policies(self):
        return {one["metadata"]["name"] for one in self.json("get", "networkpolicies")}

    def store(self):
        services = json.loads(self.cli("health", "-o", "json", check=False).stdout)["services"]
        return next(one for one in services if one["service"] == "store")

    def store_becomes(self, state):
        assert until(lambda: self.store()["state"] == state, timeout=15, every=0.2), self.store()
        return self.store()

    def journal_incidents(self):
        """The states of those that say the disk refuses records."""
        return {one["state"] for one in self.json("incidents", "--all") if one["service"] == "journal"}

    def carries(self):
        return self["free/a1"].ping(self["free/a2"].v4) is None


@pytest.fixture(scope="module")
def disk(machine):
    made = SmallDisk(named("disk"))
    yield made
    made.down()


def refused(lab, manifest, why):
    answer = lab.apply(manifest, check=False)
    assert answer.returncode == 1
    assert str(lab.state) in answer.stderr and why in answer.stderr, answer.stderr


def lost(lab):
    return sum(one["dropped"] for one in lab.json("logs", "--streams") if one["side"] == "dpu")


def test_full_nothing_changes_and_with_room_all_is_well_again(disk):
    """One story, as each of its steps takes the store's probe some seconds."""
    disk.store_becomes("ready")
    before = disk.policies()
    disk.fill()
    refused(disk, DENY, "free space on its disk")
    assert disk.policies() == before
    assert disk.carries(), "what was refused is in force"

    # Refused applies are told, until the journal's last page is full.
    assert until(lambda: disk.apply(policy("unlucky"), check=False) and lost(disk) > 0, timeout=10)
    assert "No space left" in disk.store_becomes("failed")["reason"]
    assert disk.carries()

    disk.kill()
    disk.fill()
    disk.start()
    assert disk.policies() == before
    assert until(disk.carries, timeout=5)
    refused(disk, DENY, "free space on its disk")
    assert until(lambda: disk.apply(policy("unlucky"), check=False) and lost(disk) > 0, timeout=10)

    disk.free()
    with disk.applied(DENY):
        assert not disk.carries()
    assert disk.carries()
    disk.store_becomes("ready")
    assert "the disk takes log records again" in disk.cli("logs").stdout
    assert until(lambda: disk.journal_incidents() == {"over"})
    kept = (disk.state / "journal/incidents.jsonl").read_text()
    assert '"service":"journal"' in kept

    disk.apply(policy("after"))
    disk.kill()
    disk.start()
    assert disk.policies() == before | {"after"}
    assert disk.journal_incidents() == {"over"}


def test_a_start_on_a_read_only_disk_says_so(disk):
    disk.kill()
    disk.make_read_only()
    try:
        assert disk.start(check=False).returncode != 0
        said = disk.log.read_text().splitlines()[-1]
        assert str(disk.state) in said and "--state" in said, said
    finally:
        disk.mount("-o", "remount,rw")
    disk.start()
    with disk.applied(DENY):
        assert not disk.carries()
    assert until(disk.carries, timeout=5)
