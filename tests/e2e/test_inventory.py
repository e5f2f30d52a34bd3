"""A host's infrastructure work is found by looking at it: real rules, tunnels and programs, and what plan says of them."""
import contextlib
import json
import os
import pathlib
import subprocess

import pytest
import yaml
from support.lab import PROGRAM, RUN, outrigger
from support.wait import until

NETNS = f"or-{RUN}-inventory"
PYTHON = "/usr/bin/python3"  # one that nobody may run, too
BGPD = pathlib.Path("/usr/lib/frr/bgpd")
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
LOADS_BPF = """
import ctypes, struct, sys, time
program = ctypes.create_string_buffer(struct.pack("<BBhi", 0xb7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0))  # return 0
gpl = ctypes.create_string_buffer(b"GPL")
words = struct.pack("<IIQQIIQII16s", 1, 2, ctypes.addressof(program), ctypes.addressof(gpl), 0, 0, 0, 0, 0, b"e2e_filter")
number = {"x86_64": 321, "aarch64": 280}[sys.argv[1]]
held = ctypes.CDLL(None).syscall(number, 5, ctypes.create_string_buffer(words, 128), 128)  # BPF_PROG_LOAD
print(held, flush=True)
time.sleep(600)
"""
HOSTILE = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'x\\n\\x1b[2J\\xff'); time.sleep(600)"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def inside(*command):
    return ["ip", "netns", "exec", NETNS, *map(str, command)]


def started(stack, *command):
    process = subprocess.Popen(inside(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def bgpd(folder):
    (folder / "bgpd.conf").write_text("router bgp 64512\n bgp router-id 192.0.2.1\n no bgp ebgp-requires-policy\n")
    return [BGPD, "--no_zebra", "--skip_runas", "--listenon", "127.0.0.1", "--config_file", folder / "bgpd.conf",
            "--pid_file", folder / "bgpd.pid", "--vty_socket", folder, "--vty_addr", "127.0.0.1", "--log", "stdout"]


@pytest.fixture(scope="module", name="host")
def a_host(tmp_path_factory):
    """A plain host, as a namespace: a firewall, a tunnel, a bridge, a capture, a router and an application."""
    folder = tmp_path_factory.mktemp("inventory")
    with contextlib.ExitStack() as stack:
        ip("netns", "add", NETNS)
        stack.callback(ip, "netns", "delete", NETNS)
        for line in ("link set lo up", "link add uplink type veth peer name far", "link set far up",
                     "address add 192.0.2.1/24 dev uplink", "link set uplink up",
                     "link add br-e2e type bridge", "link set br-e2e up",
                     "link add vx7 type vxlan id 7 dstport 4789 local 192.0.2.1 dev uplink", "link set vx7 master br-e2e up",
                     "link add idle type vxlan id 8 dstport 4790 local 192.0.2.1 dev uplink"):
            ip("-n", NETNS, *line.split())
        rules = ("table inet e2e { chain in { type filter hook input priority 0; tcp dport 22 accept; tcp dport 23 drop; };"
                 " chain more { }; }")
        subprocess.run(inside("nft", "-f", "-"), input=rules, text=True, check=True)
        shape = "tc qdisc add dev uplink root tbf rate 10mbit burst 10k latency 1s"
        subprocess.run(inside(*shape.split()), check=True)
        started(stack, "tcpdump", "-Z", "root", "-i", "uplink", "-w", "/dev/null")
        started(stack, *NOBODY, PYTHON, "-m", "http.server", "8080")
        started(stack, PYTHON, "-c", HOSTILE)
        if BGPD.exists():
            started(stack, *bgpd(folder))
        yield until(lambda: settled(look("-o", "json")), timeout=10)


def look(*options, check=True):
    return subprocess.run([PROGRAM, "inventory", "--network", NETNS, *options],
                          check=check, capture_output=True, text=True, timeout=60)


def settled(done):
    """Once each program is what it is going to be."""
    services = {one["name"]: one for one in json.loads(done.stdout)["services"]}
    names = {"tcpdump", "http.server"} | ({"bgpd"} if BGPD.exists() else set())
    sockets = names <= set(services) and all(services[name]["privilege"]["sockets"] for name in names)
    return services if sockets else None


def plan_of(text):
    done = json.loads(outrigger("plan", "-o", "json", stdin=text).stdout)
    return {one["service"]: one for one in done["placements"]}, done


def test_programs_are_named_with_task_and_privilege(host):
    capture, web = host["tcpdump"], host["http.server"]
    assert capture["task"] == "tap" and capture["privileged"]
    assert "packet" in capture["privilege"]["sockets"] and capture["privilege"]["uid"] == 0
    assert capture["why"] == 'rule "captures": program tcpdump'
    assert web["task"] == "application" and not web["privileged"]
    assert web["privilege"]["uid"] == 65534 and web["privilege"]["capabilities"] == []
    assert "listen tcp 0.0.0.0:8080" in web["privilege"]["sockets"]
    assert all(one["privilege"]["host_network"] for one in (capture, web))


@pytest.mark.skipif(not BGPD.exists(), reason="FRR is not installed")
def test_a_router_is_a_network_agent(host):
    assert host["bgpd"]["task"] == "network_agent" and host["bgpd"]["privileged"]
    assert "listen tcp 127.0.0.1:179" in host["bgpd"]["privilege"]["sockets"]


def test_work_of_the_kernel_is_a_service_without_a_process(host):
    rules = host["nftables inet e2e"]
    assert look("-o", "table").stdout.count(" kernel ") == 4
    assert rules["kernel"] and rules["privileged"] and rules["task"] == "policy" and rules["pids"] == []
    assert "2 chains (hooked: in), 2 rules" in rules["why"]
    assert host["vxlan"]["task"] == "overlay"
    assert host["vxlan"]["privilege"]["tables"] == ["vxlan vx7 vni 7"], "one that is down does nothing"
    assert host["bridge"]["task"] == "virtual_switch"
    assert host["tc"]["privilege"]["tables"] == ["tc uplink tbf"]


def test_plan_gives_the_articles_verdict(host):
    text = look("-o", "yaml").stdout
    verdicts, plan = plan_of(text)
    for name in ("nftables inet e2e", "vxlan", "bridge", "tcpdump"):
        assert verdicts[name]["verdict"] == "offload", verdicts[name]
    assert verdicts["http.server"]["verdict"] == "keep"
    assert verdicts["tcpdump"]["missing"], "nobody has said what it is held to"
    assert verdicts["nftables inet e2e"]["wave"] > 0 and not verdicts["vxlan"]["missing"]
    assert any("without a CPU limit" in finding for finding in plan["findings"])
    assert {one["name"] for one in yaml.safe_load(text)["services"]} == set(verdicts)


def test_hostile_names_reach_no_terminal(host):
    assert len(host) > 5
    for form in ("table", "yaml", "json"):
        shown = look("-o", form).stdout
        assert "\x1b" not in shown, form
        assert "x\\x0a" not in host  # it is known by its program, not by what it calls itself


def test_loaded_programs_are_named(tmp_path):
    script = tmp_path / "loads-bpf"
    script.write_text(LOADS_BPF)
    with subprocess.Popen([PYTHON, script, os.uname().machine], stdout=subprocess.PIPE, text=True) as process:
        try:
            if int(process.stdout.readline()) < 0:
                pytest.skip("this kernel loads no eBPF")
            services = {one["name"]: one for one in json.loads(outrigger("inventory", "-o", "json").stdout)["services"]}
        finally:
            process.kill()
    assert services["loads-bpf"]["privilege"]["bpf"] == ["socket_filter e2e_filter"]
    assert services["loads-bpf"]["privileged"]


def test_a_file_is_shown_as_it_was_taken(host, tmp_path):
    file = tmp_path / "inventory.yaml"
    file.write_text(look("-o", "yaml").stdout)
    assert outrigger("inventory", "-f", file, "-o", "yaml").stdout == file.read_text()
    assert set(host) <= {one["name"] for one in json.loads(outrigger("inventory", "-f", file, "-o", "json").stdout)["services"]}


def test_watching_tells_how_uneven_it_is(host):
    assert host
    busy = "import time\nwhile True:\n  end = time.time() + 1.5\n  while time.time() < end: pass\n  time.sleep(1.5)\n"
    with contextlib.ExitStack() as stack:
        started(stack, PYTHON, "-c", busy)
        found = json.loads(look("--watch", "6s", "-o", "json").stdout)
    one = next(one for one in found["services"] if one["name"].startswith("python3") and one["noise"]["cpu"] > 0.05)
    assert 5.9 < one["noise"]["watched_seconds"] < 7
    assert 0.4 * one["noise"]["cpu"] < one["noise"]["cpu_deviation"] < 1, one["noise"]


def mounts():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return [line.split()[:4] for line in file]


def in_group(folder, command):
    """Starts `command` in a control group of its own, removed by the caller."""
    process = subprocess.Popen(["sh", "-c", 'read go; exec "$@"', "sh", *command], stdin=subprocess.PIPE, text=True)
    (folder / "cgroup.procs").write_text(str(process.pid))
    process.stdin.write("go\n")
    process.stdin.close()
    return process


def test_a_unit_is_known_by_its_control_group():
    unified = next((pathlib.Path(point) for _, point, kind, _ in mounts() if kind == "cgroup2"), None)
    if unified is None:
        pytest.skip("no version 2 of control groups here")
    folder = unified / f"or-{RUN}.service"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: until(lambda: not removed(folder) or None, timeout=5))
        for _ in range(2):  # two on one CPU: one of them waits
            process = in_group(folder, ["taskset", "-c", "0", PYTHON, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        outrigger("inventory", "--watch", "4s")
        found = json.loads(outrigger("inventory", "--watch", "1s", "-o", "json").stdout)
    unit = next(one for one in found["services"] if one["unit"] == f"or-{RUN}.service")
    assert unit["name"] == f"or-{RUN}" and unit["cgroup"] == f"/or-{RUN}.service" and len(unit["pids"]) == 2
    assert unit["noise"]["run_queue_wait"] > 0.1, unit["noise"]
    if (unified / "cpu.pressure").exists():
        assert 0 < unit["noise"]["cpu_pressure"] <= 1, unit["noise"]


def removed(folder):
    try:
        folder.rmdir()
    except OSError:
        return folder.exists()
    return False


def test_limits_of_version_one_are_seen(host, tmp_path):
    assert host
    cpu = next((pathlib.Path(point) for _, point, kind, options in mounts()
                if kind == "cgroup" and "cpu" in options.split(",")), None)
    if cpu is None:
        pytest.skip("no version 1 of the CPU controller here")
    own = tmp_path / "own.yaml"
    own.write_text("rules:\n- {name: this one alone, program: sleep, task: application}\n- {name: rest, task: other}\n")
    folder = cpu / f"or-{RUN}"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: until(lambda: not removed(folder) or None, timeout=5))
        process = in_group(folder, inside("sleep", "600"))
        stack.callback(process.wait)
        stack.callback(process.kill)

        def limited():
            found = json.loads(look("--rules", own, "-o", "json").stdout)
            return any(one["task"] == "application" for one in found["services"]) and [found["applications_limited"]]

        assert until(limited, timeout=5) == [False]
        (folder / "cpu.cfs_quota_us").write_text("20000")
        assert limited() == [True]


def test_nobody_sees_less_and_says_so(host):
    assert host
    done = subprocess.run([*NOBODY, PROGRAM, "inventory", "-o", "yaml"], check=True, capture_output=True, text=True, timeout=60)
    left_out = yaml.safe_load(done.stdout)["notSeen"]
    assert any(one.startswith("sockets and eBPF programs of ") for one in left_out), left_out
    assert any("eBPF programs: " in one for one in left_out), left_out
    plan_of(done.stdout)


def test_what_is_wrong_is_said(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- {name: a, task: plumbing}\n")
    done = outrigger("inventory", "--rules", rules, check=False)
    assert done.returncode == 1 and f"{rules}:2: rules: rules[0].task: must be one of policy" in done.stderr
    assert outrigger("inventory", "-f", rules, "--watch", "1s", check=False).returncode == 2
    assert outrigger("inventory", "-f", rules, check=False).returncode == 1
    assert os.path.exists(PROGRAM)


def test_rules_can_be_printed_and_put_first(host, tmp_path):
    assert host
    own = tmp_path / "own.yaml"
    own.write_text("rules:\n- {name: ours, program: http.server, task: storage_agent,\n"
                   "   contract: {health: probe, version: '1', logOwner: us, fallback: host}}\n")
    services = {one["name"]: one for one in json.loads(look("--rules", own, "-o", "json").stdout)["services"]}
    assert services["http.server"]["why"] == 'rule "ours": program http.server'
    assert services["http.server"]["contract"]["log_owner"] == "us"
    assert services["tcpdump"]["task"] == "tap", "the built-in rules come after"
    printed = outrigger("inventory", "--print-rules").stdout
    assert {"name": "FRR", "task": "network_agent"}.items() <= next(
        one for one in yaml.safe_load(printed)["rules"] if one["name"] == "FRR").items()
