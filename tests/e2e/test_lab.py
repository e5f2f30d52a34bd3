"""The lab itself: it leaves nothing behind, two stand side by side, forty endpoints fit, and mistakes are named."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

from support.lab import MANIFESTS, PROGRAM, ROOT, Lab, named, outrigger
from support.netns import namespaces
from support.wait import until

SMALL = MANIFESTS / "small"
SMALL_LAB = named("small")  # of the fixture small_world


def traces(name):
    """Everything of a lab that could be left."""
    found = namespaces(f"or-{name}.")
    if pathlib.Path(f"/run/outrigger/lab/{name}").exists():
        found.append(f"/run/outrigger/lab/{name}")
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(f"/run/outrigger/lab/{name}/".encode() in word for word in command):
            found.append(f"process {process.parent.name}")
    found += [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()
              if line.split()[1].startswith(f"/run/outrigger/lab/{name}/")]
    return found


def huge_pages():
    return int(pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages").read_text())


def start(*arguments):
    return subprocess.Popen([PROGRAM, "lab", "up", *arguments], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True)


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_nothing(delay, signal_number):
    up = start("--name", named("int"), "-f", str(SMALL))
    try:
        time.sleep(delay)
        os.killpg(up.pid, signal_number)  # as the terminal does: to everything in the foreground
        said = up.communicate(timeout=30)[0]
        if up.returncode == 0:  # it was done before the signal came
            pytest.skip("up was faster than the signal")
        assert traces(named("int")) == [], said
    finally:
        outrigger("lab", "down", "--name", named("int"))


def test_down_cleans_up_after_a_killed_up():
    up = start("--name", named("dead"), "-f", str(SMALL))
    time.sleep(0.4)
    up.kill()
    up.wait()
    outrigger("lab", "down", "--name", named("dead"))
    assert until(lambda: not traces(named("dead")), timeout=5), traces(named("dead"))


def hear_interrupts():
    """Also when these tests run in the background, where a shell has interrupts ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def short_demo(folder):
    """The same story; what it measures is too short for a verdict that means anything."""
    return os.environ | {"OUTRIGGER_DEMO_OUT": str(folder), "OUTRIGGER_DEMO_MEASURE": "3s",
                         "OUTRIGGER_DEMO_PROOF": "--for 2s --blocks 1 --rules 200 --no-audit --steal-limit 100"}


def test_an_interrupted_demo_leaves_nothing(tmp_path):
    demo = subprocess.Popen([ROOT / "devtools/demo"], cwd=ROOT, env=short_demo(tmp_path / "out"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True, preexec_fn=hear_interrupts)
    time.sleep(2.5)
    os.killpg(demo.pid, signal.SIGINT)
    said = demo.communicate(timeout=30)[0]
    assert demo.returncode == 130, said
    assert traces(f"demo-{demo.pid}") == []


def test_the_demo_tells_the_truth(tmp_path):
    done = subprocess.run([ROOT / "devtools/demo"], cwd=ROOT, env=short_demo(tmp_path / "out"), text=True, capture_output=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout and "all as promised" in done.stdout
    assert json.loads((tmp_path / "out/proof/scorecard.json").read_text())["verdict"] in ("pays", "does not pay", "inconclusive")
    assert (tmp_path / "out/proof/scorecard.html").stat().st_size > 50_000


def test_down_twice_and_of_nothing():
    assert outrigger("lab", "down", "--name", named("none")).returncode == 0
    assert outrigger("lab", "down", "--name", named("none")).returncode == 0


def test_a_failed_up_leaves_nothing(tmp_path):
    bad = outrigger("lab", "up", "--name", named("bad"), "-f", SMALL, "--daemon-arg", "--no-such-option", check=False)
    assert bad.returncode == 1
    assert "node a" in bad.stderr and "ended" in bad.stderr
    assert traces(named("bad")) == []


def test_faulty_manifests_are_named_and_nothing_is_made(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text((SMALL / "world.yaml").read_text().replace("network: blue", "network: blau"))
    bad = outrigger("lab", "up", "--name", named("bad"), "-f", file, check=False)
    assert bad.returncode == 1 and "blau" in bad.stderr and "bad.yaml:" in bad.stderr
    assert traces(named("bad")) == []


def test_geneve_on_a_plain_node_is_refused_by_name(tmp_path):
    text = (MANIFESTS / "v6/world.yaml").read_text().replace("encapsulation: vxlan", "encapsulation: geneve")
    file = tmp_path / "geneve.yaml"
    file.write_text(text)
    bad = outrigger("lab", "up", "--name", named("bad"), "-f", file, check=False)
    assert bad.returncode == 1 and "free/c1" in bad.stderr and "Geneve" in bad.stderr
    assert traces(named("bad")) == []


def test_two_labs_side_by_side_do_not_meet():
    """The same manifests, the same addresses, twice."""
    one, two = Lab(named("one"), SMALL), None
    try:
        two = Lab(named("two"), SMALL)
        deny = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: free}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
        with one.applied(deny):
            assert one["free/a1"].ping(one["free/a2"].v4, wait=1) is not None
            assert two["free/a1"].ping(two["free/a2"].v4) is None
        one.down()
        assert two["free/a1"].ping(two["free/a2"].v4) is None
        assert two.status()["ready"]
    finally:
        one.down()
        if two:
            two.down()
    assert traces(named("one")) == [] and traces(named("two")) == []


def forty(tmp_path):
    documents = ["""apiVersion: outrigger.dev/v1alpha1
kind: Network
metadata: {name: blue}
spec: {vni: 100, mtu: 1450, subnets: [{cidr: 10.1.0.0/24, gateway: 10.1.0.1}]}
"""]
    documents += [f"""apiVersion: outrigger.dev/v1alpha1
kind: Node
metadata: {{name: n{n}}}
spec: {{kind: dpu, underlay: [192.0.2.{n}]}}
""" for n in (1, 2)]
    documents += [f"""apiVersion: outrigger.dev/v1alpha1
kind: Endpoint
metadata: {{name: e{i}, namespace: many}}
spec: {{node: n{i % 2 + 1}, network: blue, addresses: [10.1.0.{i + 10}], mac: "02:00:00:00:00:{i + 10:02x}"}}
""" for i in range(40)]
    file = tmp_path / "forty.yaml"
    file.write_text("---\n".join(documents))
    return file


def test_forty_endpoints_are_up_in_seconds(tmp_path):
    began = time.monotonic()
    lab = Lab(named("forty"), forty(tmp_path))
    took = time.monotonic() - began
    try:
        assert lab.status()["ready"] and len(lab.guests) == 40
        for i in range(0, 40, 3):
            assert lab["many/e0"].ping(f"10.1.0.{i + 10}") is None, f"e{i}"
        assert took < 30, f"{took:.1f} s"
    finally:
        lab.down()
    assert traces(named("forty")) == []


def test_endpoints_come_and_go_with_apply_and_delete(small_world):
    extra = """apiVersion: outrigger.dev/v1alpha1
kind: Endpoint
metadata: {name: extra, namespace: free}
spec: {node: a, network: blue, addresses: [10.1.0.200], mac: "02:00:00:00:0a:c8"}
"""
    for _ in range(2):
        with small_world.applied(extra):
            assert f"or-{SMALL_LAB}.ep.free.extra" in namespaces()
            assert small_world["free/a1"].ping("10.1.0.200") is None
        assert f"or-{SMALL_LAB}.ep.free.extra" not in namespaces()
    assert small_world["free/a1"].ping("10.1.0.200", wait=1) is not None


def test_an_endpoints_new_address_is_followed(small_world):
    template = """apiVersion: outrigger.dev/v1alpha1
kind: Endpoint
metadata: {{name: extra, namespace: free}}
spec: {{node: a, network: blue, addresses: [10.1.0.{}], mac: "02:00:00:00:0a:c8"}}
"""
    with small_world.applied(template.format(201)):
        assert small_world["free/a1"].ping("10.1.0.201") is None
        small_world.apply(template.format(202))
        assert small_world["free/a1"].ping("10.1.0.202") is None
        assert small_world["free/a1"].ping("10.1.0.201", wait=1) is not None


def test_guests_configure_themselves_with_dhcp():
    lab = Lab(named("dhcp"), SMALL, "--dhcp")
    try:
        guest = lab["free/a1"]
        assert until(lambda: guest.v4 in guest.run("ip", "-4", "addr", "show", "eth0").stdout, timeout=10)
        assert until(lambda: "default" in guest.run("ip", "-6", "route").stdout, timeout=10)
        other = lab["free/a3"]
        assert until(lambda: other.v4 in other.run("ip", "-4", "addr", "show", "eth0").stdout, timeout=10)
        assert until(lambda: guest.ping(other.v4) is None, timeout=5)
    finally:
        lab.down()
    assert traces(named("dhcp")) == []


def test_status_shows_nodes_endpoints_and_processes(small_world):
    said = outrigger("lab", "status", "--name", SMALL_LAB).stdout
    assert "free/a1" in said and f"or-{SMALL_LAB}.node.a" in said and "ready: yes" in said
    status = small_world.status()
    os.kill(next(n["pid"] for n in status["nodes"] if n["kind"] == "dpu"), 0)


def test_exec_becomes_the_program(small_world):
    run = outrigger("lab", "exec", "--name", SMALL_LAB, "free/a1", "--", "sh", "-c", "ip -br addr; exit 7", check=False)
    assert run.returncode == 7 and "10.1.0.51" in run.stdout


def test_exec_names_what_there_is(small_world):
    run = outrigger("lab", "exec", "--name", SMALL_LAB, "free/nobody", "--", "true", check=False)
    assert run.returncode == 1 and "free/a1" in run.stderr


def test_without_root_it_says_so():
    run = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", PROGRAM, "lab", "up", "--name", named("user")],
                         cwd="/", text=True, capture_output=True, check=False)
    if "Permission denied" in run.stderr and "setpriv" in run.stderr:
        pytest.skip("the build folder is not readable by others")
    assert run.returncode == 1 and "root" in run.stderr
