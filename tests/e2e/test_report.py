"""`outrigger scorecard`: the verdict, its three forms, bad input, and the page in a real browser."""
import json
import re
import shutil
import subprocess

import pytest

from support import measurements
from support.lab import outrigger

HOSTILE = "</script><script>console.error('run')</script><img src=x onerror=console.error(2)>"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return measurements.abba(tmp_path_factory.mktemp("runs"), blocks=2, windows=60)


def pair(folder, edit=lambda head, windows, notes: None, **how):
    before, after = folder / "before.jsonl", folder / "after.jsonl"
    before.write_text(measurements.text(True, seed=1, label="before", **how))
    after.write_text(measurements.text(False, seed=2, label="after", edit=edit, **how))
    return before, after


def test_folder_of_both_arms_gives_a_verdict_with_its_number(runs):
    card = json.loads(outrigger("scorecard", runs, runs, "-o", "json").stdout)
    assert card["verdict"] == "pays", card["why"]
    assert re.search(r"latency, p99: .*÷", card["why"])
    assert [section["name"] for section in card["sections"]] == ["cpu", "latency", "privilege", "boundary", "incidents", "cost"]
    assert {one["service"]: one["verdict"] for one in card["services"]} == {"policy": "pays", "telemetry": "pays"}
    assert len(card["sources"]) == 8 and all(re.search(r"sha256:[0-9a-f]{64}$", one) for one in card["sources"])
    assert any("simulated" in limit for limit in card["limits"])


def test_text_says_the_same_and_fits(runs):
    text = outrigger("scorecard", runs, runs).stdout
    assert text.startswith("pays: ")
    for word in ("latency, p99", "removed: policy-agent", "What it cost", "What this does not say", "Made of"):
        assert word in text
    assert max(len(line) for line in text.splitlines() if "sha256" not in line) <= 140


def test_seed_decides_everything_that_is_drawn(runs):
    one, two, other = (outrigger("scorecard", runs, runs, "-o", "json", "--seed", seed).stdout for seed in (7, 7, 8))
    assert one == two != other


def change(field, value):
    def edit(head, windows, notes):
        head["machine"][field] = value
    return edit


def step_clock(head, windows, notes):
    windows[5]["clock_step_us"] = 5_000_000


@pytest.mark.parametrize("edit, words", [
    (change("machine_id", "other"), "machine"), (change("kernel", "6.6.1"), "6.6.1"),
    (lambda head, windows, notes: head["work"].update(rate=9), "work"),
    (lambda head, windows, notes: head.update(label="before"), "labelled"),
    (lambda head, windows, notes: windows.clear(), "no windows"),
    (lambda head, windows, notes: [one["cpu"].update({"0": dict.fromkeys(one["cpu"]["0"], 0)}) for one in windows], "add up to 0"),
])
def test_what_cannot_be_compared_is_refused(tmp_path, edit, words):
    before, after = pair(tmp_path, edit, windows=12, rate=40)
    done = outrigger("scorecard", before, after, check=False)
    assert done.returncode == 1 and words in done.stderr and "after.jsonl" in done.stderr, done.stderr
    assert done.stdout == ""


def test_damaged_files_are_refused(tmp_path):
    before, after = pair(tmp_path, windows=12, rate=40)
    whole = after.read_text()
    for damaged in ("", whole[:len(whole) // 2], whole[:-1], whole + whole, whole.replace("0.25", "0.75"), "NaN\n"):
        after.write_text(damaged)
        done = outrigger("scorecard", before, after, check=False)
        assert done.returncode == 1 and "after.jsonl" in done.stderr and done.stdout == ""
    assert outrigger("scorecard", before, tmp_path / "none", check=False).returncode == 1
    assert outrigger("scorecard", before, check=False).returncode == 2


def test_clock_step_and_too_few_samples_are_said(tmp_path):
    before, after = pair(tmp_path, step_clock, windows=12, rate=30)
    card = json.loads(outrigger("scorecard", before, after, "-o", "json").stdout)
    assert card["verdict"] != "pays"
    assert any("wall clock was stepped" in limit for limit in card["limits"])
    figures = {figure["name"]: figure for section in card["sections"] for figure in section["figures"]}
    assert figures["latency.p99"]["after"] is None and "368" in figures["latency.p99"]["why"]


def chromium(page, folder, *options):
    """Shows the page as a user's browser would; returns what it wrote, the console among it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", f"--user-data-dir={folder}/profile",
               "--virtual-time-budget=5000", *options, f"file://{page}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def console(done):
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def page(runs):
    page = runs / "report.html"
    page.write_text(outrigger("scorecard", runs, runs, "-o", "html").stdout)
    return page


def test_page_draws_every_plot_without_a_complaint(page, tmp_path):
    done = chromium(page, tmp_path, "--dump-dom", "--window-size=1280,2000")
    assert console(done) == []
    places = re.findall(r'class="plot" id="plot-(\w+)"', done.stdout)
    assert sorted(places) == ["busy", "changes", "deviation", "gaps", "incidents", "latency", "p99", "privilege"]
    assert done.stdout.count("<canvas") == len(places)


def test_page_takes_a_screenshot_at_both_widths(page, tmp_path):
    for width in (1280, 390):
        picture = tmp_path / f"{width}.png"
        done = chromium(page, tmp_path, f"--screenshot={picture}", f"--window-size={width},2400")
        assert console(done) == [] and picture.stat().st_size > 50_000


def test_hostile_names_run_nothing(tmp_path):
    def edit(head, windows, notes):
        notes["notes"] = [HOSTILE]
        notes["privileged"] = [{"name": HOSTILE, "task": HOSTILE, "weight": 1, "why": HOSTILE}]
        notes["incidents"][0].update(domain=HOSTILE, summary=HOSTILE, kind=HOSTILE)
        notes["boundary"] = [{"name": HOSTILE, "held": False, "evidence": HOSTILE}]
        head["placement"][HOSTILE] = "dpu"
    before, after = pair(tmp_path, edit, windows=20)
    page = tmp_path / "report.html"
    page.write_text(outrigger("scorecard", before, after, "-o", "html").stdout)
    done = chromium(page, tmp_path, "--dump-dom")
    assert console(done) == []
    assert "<img" not in done.stdout and done.stdout.count("<script") == 3
