"""The agent killed while it writes, and its files spoilt by hand: what was acknowledged reads back, or somebody is told."""
import concurrent.futures
import json
import pathlib
import random
import sqlite3
import subprocess
import threading
import time

import pytest

from support.lab import MANIFESTS, Lab, named, outrigger
from support.wait import until

SEED = 11
KILLS = 15


@pytest.fixture(scope="module")
def lab(machine):
    made = Lab(named("damage"), MANIFESTS / "small")
    made.state = pathlib.Path(f"/run/outrigger/lab/{made.name}/nodes/a/state")
    made.log = made.state.parent / "log"
    yield made
    made.down()


def policy(name):
    return f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: free}}
spec: {{podSelector: {{matchLabels: {{none: such}}}}, policyTypes: [Ingress]}}
"""


def kill(lab):
    lab.kill_daemon("a")


def start(lab, check=True):
    return outrigger("lab", "up", "--name", lab.name, check=check)


def records(lab):
    return [json.loads(line) for line in lab.cli("logs", "-o", "json", "--since", "1h").stdout.splitlines()]


def policies(lab):
    return {one["metadata"]["name"] for one in lab.json("get", "networkpolicies")}


def history(lab):
    return {one["id"]: one["state"] for one in json.loads(outrigger("rollout", "history", "--lab", lab.name, "-o", "json").stdout)}


def write_until_killed(lab, round_number, acknowledged, started):
    """Applies and rollouts, which solo mode aborts, in turn: store, journal, incidents and history are written."""
    for number in range(100):
        name = f"p-{round_number}-{number}"
        if lab.apply(policy(name), check=False).returncode != 0:
            return
        acknowledged.add(name)
        if number >= 2:
            continue  # the oldest of many rollouts are forgotten, as they should be
        done = outrigger("rollout", "start", "policy", "--to", f"9.{round_number}.{number}", "--lab", lab.name, "-o", "json",
                         check=False)
        if done.returncode == 0:
            started.add(json.loads(done.stdout)["id"])


def test_kills_at_random_moments_lose_nothing_acknowledged(lab):
    rng = random.Random(SEED)
    acknowledged, started, told = set(), set(), []
    for round_number in range(KILLS):
        writer = threading.Thread(target=write_until_killed, args=(lab, round_number, acknowledged, started))
        writer.start()
        time.sleep(rng.uniform(0.02, 0.3))
        kill(lab)
        writer.join()
        start(lab)
        assert acknowledged <= policies(lab)
        assert started <= set(history(lab))
        now = [(one["cursor"], one["message"]) for one in records(lab)]
        assert now[:len(told)] == told, "a record is gone, or another"
        assert len({cursor for cursor, _ in now}) == len(now), "a cursor stands twice"
        told = now
    assert started and acknowledged
    assert until(lambda: set(history(lab).values()) <= {"aborted", "rolled_back"}), history(lab)
    numbers = [one["id"] for one in lab.json("incidents", "--all")]
    assert len(numbers) == len(set(numbers))


def test_spoilt_records_are_left_out_and_told(lab):
    if not history(lab):
        outrigger("rollout", "start", "policy", "--to", "9.9.9", "--lab", lab.name)
    before = records(lab)
    last_rollout = next(iter(history(lab)))
    kill(lab)
    segment = sorted((lab.state / "journal/dpu").glob("*.jsonl"))[-1]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join([*lines[:3], b"\x00garbage\xff\n", *lines[4:], lines[-1][:20]]))
    incidents = lab.state / "journal/incidents.jsonl"
    whole = incidents.read_bytes() if incidents.exists() else b""
    incidents.write_bytes(b'{"number":1}\n' + whole)
    with sqlite3.connect(lab.state / "state.db") as store:
        store.execute("UPDATE note SET text = '{' WHERE topic = 'rollout' AND name = ?", (last_rollout,))
    store.close()

    start(lab)
    said = lab.cli("logs").stdout
    assert f"{segment} line 4: not a log record; 1 such lines" in said
    assert f"{incidents} line 1: not an incident; 1 such lines" in said
    assert incidents.with_name("incidents.jsonl.damaged").read_bytes() == b'{"number":1}\n' + whole
    assert f"stored rollout {last_rollout} cannot be read" in said
    assert last_rollout not in history(lab)
    kept = {one["cursor"] for one in records(lab)}
    assert {one["cursor"] for one in before} - kept <= {json.loads(lines[3])["cursor"]}

    kill(lab)
    start(lab)  # told again of what is still there, and of the incidents' file no more
    fresh = outrigger("rollout", "start", "policy", "--to", "9.9.10", "--lab", lab.name, "-o", "json")
    assert json.loads(fresh.stdout)["id"] != last_rollout


@pytest.mark.parametrize("file", ["state.db", "state.db-wal"])
def test_a_spoilt_store_is_named_with_the_way_out(lab, file):
    kill(lab)
    if file == "state.db":  # or what the log holds would mend it
        for beside in ("-wal", "-shm"):
            (lab.state / f"{file}{beside}").unlink(missing_ok=True)
    with open(lab.state / file, "r+b") as spoilt:
        spoilt.write(b"no database " * 100)
    assert start(lab, check=False).returncode != 0
    said = lab.log.read_text().splitlines()[-1]
    database = lab.state / "state.db"
    assert str(lab.state / file) in said and f"mv {database} {database}.old" in said, said
    subprocess.run(f"mv {database} {database}.old; rm -f {database}-wal {database}-shm", shell=True, check=True)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # it waits for what the manifests bring
        starting = pool.submit(start, lab)
        assert until(lambda: lab.apply(lab.manifests, check=False).returncode == 0, timeout=10)
        starting.result()
    assert until(lambda: lab["free/a1"].ping(lab["free/a2"].v4) is None, timeout=5)
