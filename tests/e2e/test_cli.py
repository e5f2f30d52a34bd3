"""The program's manners: exit codes, all or nothing, faults by file and line, JSON for machines."""
import json

import pytest

from support.lab import MANIFESTS, ROOT, outrigger

EXAMPLE = ROOT / "examples/two-hosts"


def test_validate_says_yes_and_names_faults(tmp_path):
    assert outrigger("validate", "-f", EXAMPLE).returncode == 0
    bad = tmp_path / "net.yaml"
    bad.write_text("apiVersion: outrigger.dev/v1alpha1\nkind: Network\nmetadata: {name: x}\nspec: {vni: 99999999}\n")
    run = outrigger("validate", "-f", bad, check=False)
    assert run.returncode == 1 and "net.yaml:" in run.stderr and "vni" in run.stderr


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["apply"], ["explain", "a/b", "c/d", "--proto", "tcp"],
                                       ["lab"], ["validate", "--no-such-option", "-f", "x"]])
def test_wrong_usage_is_2(arguments):
    assert outrigger(*arguments, check=False).returncode == 2


def test_help_of_every_command_has_an_example():
    for command in ("validate", "apply", "diff", "get", "delete", "explain", "sessions", "stats", "drops", "capacity",
                    "top", "policy", "lab"):
        run = outrigger(command, "--help")
        assert "Example:" in run.stdout, command


def test_no_daemon_is_1():
    run = outrigger("get", "--socket", "/run/no/such.sock", check=False)
    assert run.returncode == 1 and "/run/no/such.sock" in run.stderr


def test_no_such_lab_is_1():
    run = outrigger("drops", "--lab", "no-such-lab", check=False)
    assert run.returncode == 1 and "no-such-lab" in run.stderr


def test_diff_is_0_when_equal_and_3_when_not(world):
    assert world.cli("diff", "-f", MANIFESTS / "main").returncode == 0
    run = world.cli("diff", "-f", MANIFESTS / "shop-policies.yaml", check=False)
    assert run.returncode == 3 and "web" in run.stdout


def test_apply_again_changes_nothing(world):
    run = world.cli("apply", "-f", MANIFESTS / "main")
    assert "created" not in run.stdout and "configured" not in run.stdout and "unchanged" in run.stdout


def test_a_batch_with_one_fault_changes_nothing(world):
    good = "apiVersion: v1\nkind: Namespace\nmetadata: {name: fine}\n"
    bad = ("---\napiVersion: outrigger.dev/v1alpha1\nkind: Endpoint\nmetadata: {name: twin, namespace: free}\n"
           "spec: {node: a, network: blue, addresses: [10.1.0.51], mac: \"02:00:00:00:0a:99\"}\n")
    run = world.apply(good + bad, check=False)
    assert run.returncode == 1
    assert "10.1.0.51" in run.stderr and "free/a1" in run.stderr
    assert world.cli("get", "namespace", "fine", check=False).returncode == 1


def test_dry_run_changes_nothing(world):
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: dry}\n"
    assert "created" in world.cli("apply", "--dry-run", "-f", "-", stdin=text).stdout
    assert world.cli("get", "namespace", "dry", check=False).returncode == 1


def test_get_gives_back_what_was_applied(world):
    one = json.loads(world.cli("get", "endpoint", "free/a1", "-o", "json").stdout)
    assert one["kind"] == "Endpoint" and one["metadata"]["name"] == "a1" and one["spec"]["node"] == "a"
    assert "free" in world.cli("get", "namespaces").stdout


def test_explain_in_words(shop):
    said = shop.cli("explain", "shop/other-1", "shop/web-1", "--proto", "tcp", "--port", "8080").stdout
    assert said.startswith("DENY") and "shop/web" in said and "policy" in said


def test_explain_across_hosts_shows_the_tunnel(world):
    told = world.explain("free/a1", "free/b1", port=80)
    assert told["verdict"] == "allow"
    assert any(step["service"] == "overlay" for step in told["steps"])


def test_explain_of_an_unknown_endpoint_is_1(world):
    assert world.cli("explain", "free/nobody", "free/a1", "--proto", "icmp", check=False).returncode == 1


def test_policy_check_needs_no_daemon():
    run = outrigger("policy", "check", "-f", EXAMPLE, "--flow", "shop/client-1,shop/web-1,tcp,8080",
                    "--flow", "ops/admin-1,shop/db-1,tcp,22", "--flow", "shop/web-1,shop/client-1,tcp,9",
                    "--flow", "shop/db-1,shop/web-1,tcp,8080", "-o", "json")
    verdicts = [json.loads(line)["verdict"] for line in run.stdout.splitlines()]
    assert verdicts == ["allow", "allow", "allow", "deny"]


def test_sessions_show_a_live_flow(world, servers):
    servers.tcp(world["free/b1"], 7000)
    with world["free/a1"].connect(world["free/b1"].v4, 7000, source_port=33333):
        rows = world.json("sessions", "--endpoint", "free/a1", "--limit", "5000")
        mine = [row for row in rows if 33333 in (row["source_port"], row["destination_port"])]
        assert mine and {row["protocol"] for row in mine} == {"tcp"}
        assert {row["node"] for row in mine} == {"a"} or {row["node"] for row in mine} == {"a", "b"}
        assert "established" in mine[0]["state"]


def test_stats_count_packets(world):
    def packets():
        ports = [p for node in world.json("stats") for p in node["ports"] if p["endpoint"] == "free/a1"]
        return ports[0]["rx_packets"]

    before = packets()
    assert world["free/a1"].ping(world["free/a2"].v4, count=3) is None
    assert packets() >= before + 3


def test_capacity_states_size_use_and_refusals(world):
    names = {row["name"] for row in world.json("capacity")}
    assert {"sessions", "buffers"} <= names
    assert all(row["used"] <= row["size"] for row in world.json("capacity"))
