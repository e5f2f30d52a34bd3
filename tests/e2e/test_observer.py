"""The host agent watches for noise, and is none: within 1 % of a CPU and 64 MiB, without a right, with or without a DPU."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from support.cpu import cpu_ticks
from support.kernel_path import HOST, sh
from support.lab import MANIFESTS, ROOT, RUN, Lab, named, outrigger
from support.linked import fallback, is_well
from support.measured import Doorway, HostAgent, agent_in
from support.wait import until

CPU, MEMORY = 0.01, 64 << 20
PROBES, PORT = 20, 9999  # a second: each a connection of its own, from one guest to another through the DPU


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def of_status(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.split()[1]
    raise AssertionError(f"no {name} of {pid}")


def cgroups_of(pid):
    """Folders in which the kernel shows the cgroups of a process."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for mount in mounts:
            first = mount[2] == "cgroup" and names and set(names.split(",")) <= set(mount[3].split(","))
            if first or (mount[2] == "cgroup2" and not names):
                yield pathlib.Path(mount[1] + path)


def keeps_its_share(cpu, begun, what):
    """The kernel puts what the hypervisor takes to the account of whoever ran. More than the bound with all that taken off
    is too much for certain; more only with it is no figure of the agent."""
    total, stolen = (now - then for now, then in zip(cpu_ticks(), begun))
    stolen_cpus = os.cpu_count() * stolen / total
    figure = f"{what}: {100 * cpu:.2f} % of a CPU on the average, and {100 * stolen_cpus:.2f} % were stolen"
    print(figure)
    if cpu - stolen_cpus <= CPU < cpu:
        pytest.skip(f"no figure of the agent alone: {figure}")
    return 0 < cpu <= CPU


def test_alone_it_keeps_its_bounds_and_has_no_rights():
    begun = cpu_ticks()
    observer = subprocess.Popen([HOST, "observe", "--for", "10", "--cgroup", RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
    head = json.loads(observer.stdout.readline())
    [sampler] = children(observer.pid)
    assert of_status(sampler, "Uid") == "65534" and int(of_status(sampler, "CapEff"), 16) == 0
    assert int(of_status(sampler, "Seccomp")) == 2
    folders = [folder for folder in cgroups_of(sampler) if RUN in folder.name]
    enforced = [line for line in head["enforced"] if "of a CPU" in line or "of memory" in line]
    if len(enforced) == 2:  # where cgroups may be made at all
        assert len(folders) >= 1
    said = [json.loads(line) for line in observer.stdout]
    assert observer.wait(10) == 0
    figure = observer.stderr.read()
    print(figure.strip(), "; enforced:", ", ".join(enforced))
    assert len(said) == 10 and "the agent took" in figure
    assert sum(one["spun"] for one in said) > 0.005, "it looked"
    assert all(one["wakeups"] != "0 0" for one in said) or "discarded" in figure
    assert not any(folder.exists() for folder in folders), "its cgroups are gone with it"
    assert max(one["own_memory"] for one in said) <= MEMORY
    assert keeps_its_share(sum(one["own_cpu"] for one in said) / len(said), begun, "alone")


def test_a_sampler_that_is_killed_comes_back():
    observer = subprocess.Popen([HOST, "observe", "--cgroup", RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert "enforced" in json.loads(observer.stdout.readline())
        [first] = children(observer.pid)
        assert "window" in json.loads(observer.stdout.readline())
        os.kill(first, signal.SIGKILL)
        for line in observer.stdout:
            if "enforced" in json.loads(line):
                break
        assert children(observer.pid) != [first]
        assert json.loads(observer.stdout.readline())["window"] == 0
    finally:
        observer.terminate()
        observer.wait(10)
    assert "has died (137)" in observer.stderr.read()


def test_it_ends_at_once_though_its_share_is_used_up():
    """What is stolen from the machine counts as used: without more of the CPU it would end in a later second."""
    observer = subprocess.Popen([HOST, "observe", "--cgroup", RUN], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert "enforced" in json.loads(observer.stdout.readline())
        assert "window" in json.loads(observer.stdout.readline())
        [sampler] = children(observer.pid)
        folders = [folder for folder in cgroups_of(sampler) if RUN in folder.name]
        if share_of(folders) is None:
            pytest.skip("no control group may be made here")
        for folder in folders:
            for name, least in (("cpu.max", "1000 1000000"), ("cpu.cfs_quota_us", "1000")):
                if (folder / name).exists():
                    (folder / name).write_text(least)
        time.sleep(1.5)
    finally:
        begun = time.monotonic()
        observer.terminate()
        observer.wait(60)
    assert time.monotonic() - begun < 1.5
    assert not any(folder.exists() for folder in folders)


def daemon(folder, *options):
    """A host whose DPU never answers."""
    sh("openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "key")
    sh("openssl", "pkey", "-in", folder / "key", "-pubout", "-out", folder / "key.pub")
    sh("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", folder / "tls.key", "-out", folder / "tls.crt", "-subj",
       "/CN=host", "-days", "1", "-addext", "subjectAltName=URI:spiffe://outrigger.local/host/host-a")
    (folder / "endpoints.json").write_text("[]")
    log = open(folder / "log", "w")
    return subprocess.Popen([HOST, "run", "--node", "host-a", "--key", folder / "key.pub", "--endpoints", folder / "endpoints.json",
                             "--state", folder / "state", "--socket", folder / "host.sock", "--netns-prefix", f"or-{RUN}-observer.",
                             "--link", "127.0.0.1:9", "--tls-ca", folder / "tls.crt", "--tls-cert", folder / "tls.crt",
                             "--tls-key", folder / "tls.key", *options], stdout=log, stderr=subprocess.STDOUT)


def observer_of(agent):
    [one] = [pid for pid in children(agent) if b"\0observe\0" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
    return one


def status(folder):
    done = sh(HOST, "fallback", "status", "--socket", folder / "host.sock", check=False)
    return json.loads(done.stdout).get("observer", {}) if done.returncode == 0 else {}


def keeps_its_bounds(seen, what, begun):
    print(f"{seen['memory'] / 2**20:.1f} MiB; {100 * seen['cpu_most']:.2f} % of a CPU at most; enforced: {', '.join(seen['enforced'][:2])}")
    assert seen["running"] and seen["memory"] <= MEMORY
    return keeps_its_share(seen["cpu"], begun, f"the whole agent, {what}")


class Linked:
    """A node whose DPU answers its host, and the control groups of what measures there."""

    def __init__(self, lab):
        self.lab, self.netns, self.folders = lab, f"or-{lab.name}.host.a", set()
        self.folder = pathlib.Path(f"/run/outrigger/lab/{lab.name}/hosts/a")

    def after(self, windows):
        """The figures, once there are so many; and who measures is held to them by the kernel."""
        assert until(lambda: status(self.folder).get("windows", 0) >= windows, timeout=3 * windows, every=5), status(self.folder)
        [sampler] = children(observer_of(agent_in(self.netns)))
        mine = {folder for folder in cgroups_of(sampler) if "outrigger-observer-a-" in folder.name}
        self.folders |= mine
        seen = status(self.folder)
        assert {"1 % of a CPU", "24 MiB of memory"} <= set(seen["enforced"]), seen["not_enforced"]
        assert share_of(mine) == CPU
        return seen


def share_of(folders):
    """Of a CPU: by version 2 of control groups, or by version 1."""
    for folder in folders:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
            return int(quota) / int(period)
        if (folder / "cpu.cfs_quota_us").exists():
            return int((folder / "cpu.cfs_quota_us").read_text()) / int((folder / "cpu.cfs_period_us").read_text())
    return None


@pytest.fixture
def linked(machine):
    lab = Lab(named("observed"), MANIFESTS / "linked")
    made = Linked(lab)
    try:
        lab.apply(ROOT / "examples/services/built-in.yaml")
        assert until(lambda: is_well(lab), timeout=30, every=0.2), fallback(lab)
        yield made
    finally:
        lab.down()
    assert not any(folder.exists() for folder in made.folders), "no control group outlives its lab"


def test_with_a_dpu_that_answers_the_whole_agent_keeps_its_bounds(linked):
    begun = cpu_ticks()
    assert keeps_its_bounds(linked.after(windows=20), "its DPU on the link", begun)


def test_with_a_dpu_and_an_application_the_whole_agent_keeps_its_bounds(linked, servers):
    one, two = linked.lab["free/a1"], linked.lab["free/a2"]
    servers.tcp(two, PORT)
    doorway = Doorway(linked.netns, one, two.v4, PORT)
    begun = cpu_ticks()
    agent = HostAgent(linked.lab, "a", PROBES)
    try:
        assert keeps_its_bounds(linked.after(windows=45), f"its DPU on the link, {PROBES} probes a second", begun)
    finally:
        agent.stop()
        doorway.close()


def test_without_a_dpu_the_whole_agent_keeps_its_bounds(tmp_path):
    begun = cpu_ticks()
    agent = daemon(tmp_path)
    try:
        assert until(lambda: status(tmp_path).get("windows", 0) >= 15, timeout=60, every=17), (tmp_path / "log").read_text()
        seen = status(tmp_path)  # seldom: who asks often is work, too
    finally:
        agent.terminate()
        agent.wait(60)  # it waits for what measures, which has a hundredth of a CPU
    assert keeps_its_bounds(seen, "its DPU away", begun)
    assert "the agent took" in (tmp_path / "log").read_text()


def test_the_observer_dies_with_its_daemon_and_not_the_other_way(tmp_path):
    agent = daemon(tmp_path)
    try:
        assert until(lambda: status(tmp_path).get("windows", 0) >= 1, timeout=60), (tmp_path / "log").read_text()
        os.kill(observer_of(agent.pid), signal.SIGKILL)
        assert until(lambda: status(tmp_path).get("running") is False, timeout=5)
        assert agent.poll() is None, "the lease does not depend on who measures"
    finally:
        agent.kill()
        agent.wait(10)
    agent = daemon(tmp_path)
    assert until(lambda: status(tmp_path).get("windows", 0) >= 1, timeout=60)
    observer = observer_of(agent.pid)
    agent.kill()
    agent.wait(10)
    assert until(lambda: not pathlib.Path(f"/proc/{observer}").exists() or of_status(observer, "State") == "Z", timeout=5)


@pytest.mark.parametrize("arguments, complaint", [
    (["--work", "ftp://h:1"], "redis://HOST"), (["--cpu", "4000"], "those are"), (["--spin", "2"], "full, off"),
    (["--window", "1ms"], "a window of"), (["--for", "0"], "a run of"), (["--budget", "5ms"], "--work"),
    (["--placement", "policy"], "SERVICE=host"), (["--out", "/no/such/folder/x"], "/no/such/folder"),
    (["--work", "tcp://127.0.0.1:1", "--netns", "no-such"], "no-such")])
def test_measure_says_what_is_wrong_before_it_measures(tmp_path, arguments, complaint):
    if "--out" not in arguments:
        arguments = [*arguments, "--out", tmp_path / "m.jsonl"]
    run = outrigger("measure", "--label", "x", *arguments, check=False)
    assert run.returncode == 1 and complaint in run.stderr, run
    assert not (tmp_path / "m.jsonl").exists()


def test_measure_leaves_a_sealed_file_and_replaces_none(tmp_path):
    file = tmp_path / "before.jsonl"
    run = outrigger("measure", "--for", "3s", "--label", "before", "--out", file, "-o", "json")
    said = json.loads(run.stdout)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert said["windows"] == 3 and lines[-1]["seal"]["windows"] == 3 and lines[0]["label"] == "before"
    figures = {one["name"]: one for one in said["figures"]}
    assert figures["wakeups.p50"]["value"] > 0
    assert figures["wakeups.p99.9"]["value"] is None and "needs" in figures["wakeups.p99.9"]["how"]
    again = outrigger("measure", "--for", "3s", "--label", "before", "--out", file, check=False)
    assert again.returncode == 1 and "--force" in again.stderr


def test_measure_that_is_interrupted_keeps_what_there_is(tmp_path):
    from support.lab import PROGRAM
    file = tmp_path / "cut.jsonl"
    measuring = subprocess.Popen([PROGRAM, "measure", "--for", "60s", "--label", "cut", "--out", file], stdout=subprocess.PIPE, text=True)
    assert until(lambda: pathlib.Path(f"/proc/{measuring.pid}/task").exists() and
                 len(os.listdir(f"/proc/{measuring.pid}/task")) >= 3, timeout=5)
    measuring.send_signal(signal.SIGINT)
    out, _ = measuring.communicate(timeout=20)
    assert measuring.returncode == 0 and "ended early" in out, out
    lines = file.read_text().splitlines()
    assert "seal" in json.loads(lines[-1]) and "ended early" in lines[-2]
