"""A scenario in its short form: both arms are measured, differ in where the work ran, and a verdict comes of it."""
import json
import pathlib
import signal
import subprocess

import pytest

from support.lab import PROGRAM, ROOT, outrigger
from support.netns import namespaces
from support.wait import until

SHORT = ("--for", "2s", "--settle", "500ms", "--window", "250ms", "--blocks", "1", "--rules", "200", "--rate", "200",
         "--agent-every", "300ms", "--steal-limit", "100")
MINUTES = 60


def measurements(folder):
    """What was measured, with the file's lines folded into one: head, windows, notes."""
    runs = []
    for file in sorted((folder / "measurements").iterdir()):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        once = {key: value for line in lines if "privileged" in line for key, value in line.items()}
        runs.append({"label": lines[0]["label"], "placement": lines[0]["placement"], "block": lines[0]["place"]["block"],
                     "privileged": {one["name"] for one in once["privileged"]}, "cost": once["cost"],
                     "boundary": {one["name"]: one["held"] for one in once.get("boundary", [])}, "incidents": once.get("incidents"),
                     "notes": once["notes"]})
    return runs


@pytest.fixture(scope="module")
def short(machine, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenario") / "out"
    outrigger("lab", "run", "tail-latency", *SHORT, "--out", folder, timeout=5 * MINUTES)
    return folder


def test_each_block_has_both_arms_twice(short):
    runs = measurements(short)
    assert sorted((run["block"], run["label"]) for run in runs) == sorted(
        (block, arm) for block in (1,) for arm in ("host", "dpu") for _ in range(2))


def test_the_work_ran_where_the_arm_says(short):
    """The product itself refuses an arm whose packets went the other way; here, what was left on the host."""
    for run in measurements(short):
        assert set(run["placement"].values()) == {run["label"]}
        if run["label"] == "dpu":
            assert run["privileged"] == {"outrigger-host"}
        else:
            assert run["privileged"] >= {"outrigger-host", "softflowd", "policy-agent", "kernel: nftables",
                                         "kernel: vxlan and bridge"}


def test_what_was_noted_beside_the_turns_is_in_their_files(short):
    """The boundary as it was tried in the arm, the node's incidents, and of the DPU's last file the blackout of a change."""
    runs = measurements(short)
    for arm in ("host", "dpu"):
        tried = [run["boundary"] for run in runs if run["label"] == arm]
        assert "spoofed-mac" in tried[0] and all(one == tried[0] for one in tried), tried
    assert all(run["incidents"] is not None for run in runs)
    *others, last = [run for run in runs if run["label"] == "dpu"]
    said = [note for note in last["notes"] if note.startswith("blackout: of one")]
    engines = "engine upgrade from" in said[0]  # in one process there is no other engine to change to: then it is a drill
    assert len(last["cost"]["blackout_ms"]) in ((1,) if engines else (1, 2)) and engines != ("drill" in said[0]), said
    assert all(0 < blackout < (1000 if engines else 60_000) for blackout in last["cost"]["blackout_ms"]), last["cost"]
    assert not any(run["cost"]["blackout_ms"] for run in others)


def test_a_verdict_and_a_page_come_of_it(short):
    card = json.loads((short / "scorecard.json").read_text())
    assert card["verdict"] in ("pays", "does not pay", "inconclusive")
    figures = {figure["name"]: figure for section in card["sections"] for figure in section["figures"]}
    assert figures["boundary.held"]["before"] is not None and figures["boundary.held"]["after"] is not None
    assert figures["cost.blackout_longest"]["after"] > 0
    page = (short / "scorecard.html").read_text()
    assert page.lstrip().startswith("<!") and "</html>" in page


def test_it_leaves_nothing_behind(short):
    assert not namespaces("or-run-")
    assert not (pathlib.Path("/run/outrigger/lab") / "run").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_killed_leaves_nothing_behind(machine, tmp_path, how):
    with subprocess.Popen([PROGRAM, "lab", "run", "tail-latency", *SHORT, "--no-audit", "--out", tmp_path / "out"], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        begun = until(lambda: list((tmp_path / "out/measurements").glob("block-1-1-*")), timeout=90)
        running.send_signal(how)
        said = running.communicate(timeout=60)[0]
    assert begun, said
    assert running.returncode == 1 and "interrupted" in said, said
    assert not namespaces(f"or-run-{running.pid}.")
    assert not pathlib.Path(f"/run/outrigger/lab/run-{running.pid}").exists()


def test_nothing_is_made_of_a_wrong_request(machine, tmp_path):
    (tmp_path / "kept").write_text("mine")
    for arguments, word in ((("nonsense",), "--list"), ((), "--list"), (("tail-latency", "--blocks", "0"), "blocks"),
                            (("tail-latency", "--out", tmp_path), "holds files"), (("tail-latency", "--for", "1s"), "two windows"),
                            (("tail-latency", "--steal-limit", "101"), "steal-limit")):
        refused = outrigger("lab", "run", *arguments, check=False)
        assert refused.returncode != 0 and word in refused.stderr, refused.stderr
    assert {one["name"] for one in json.loads(outrigger("lab", "run", "--list", "-o", "json").stdout)} == {
        "tail-latency", "gateway", "inference-edge", "multi-tenant"}
    assert not namespaces("or-run-")
