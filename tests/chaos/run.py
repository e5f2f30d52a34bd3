#!/usr/bin/python3
"""Breaks a lab on purpose, in every way of the table in docs/reference/chaos.md, and writes down what its users noticed.

make chaos runs the long form; tests/e2e/test_swap.py the short one."""
import argparse
import json
import os
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
sys.dont_write_bytecode = True

from harness import scenarios, streams  # noqa: E402
from harness.figures import machine  # noqa: E402
from support.lab import Lab  # noqa: E402

COUNTS = {"planned_swap": 100, "kill_active": 200, "hang": 50, "spin": 20, "kill_agent": 200, "kill_ports": 10,
          "million_swap": 100, "million_kill": 50, "dead_dpu": 3}
WORLDS = {"dead_dpu": "two-hosts.yaml"}
ENTRIES = 1 << 21  # a million sessions fill half of them


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", action="append", choices=COUNTS, help="only this one; may be repeated")
    parser.add_argument("--count", type=int, help="so many events instead of the table's")
    parser.add_argument("--load", type=int, help="64-byte frames a second; half of the measured maximum if left out")
    parser.add_argument("--engines", help="folder of installed engine versions, at least two")
    parser.add_argument("--out", default="out/chaos", type=pathlib.Path)
    return parser.parse_args()


def words(*options):
    return [word for option in options for word in ("--daemon-arg", str(option))]


def lab_for(scenario, wanted):
    daemon = words("--engine-version", "0.1.0", "--bar-failures", 1000)  # it is our doing: no version is to blame
    if wanted.engines:
        daemon += words("--engines", wanted.engines)
    if scenario.startswith("million"):
        daemon += words("--sessions", ENTRIES)
    world = HERE / "manifests" / WORLDS.get(scenario, "world.yaml")
    return Lab(f"chaos-{os.getpid()}", world, "--mode", "split", *daemon)


def measure(scenario, wanted):
    lab = lab_for(scenario, wanted)
    try:
        count = wanted.count or COUNTS[scenario]
        if scenario == "dead_dpu":
            return scenarios.dead_dpu(lab, count)
        most = streams.most(lab)
        load = wanted.load if wanted.load is not None else most // 2
        print(f"{scenario}: maximum {most} frames/s of 64 bytes; load {load}", flush=True)
        if scenario.startswith("million"):
            result = scenarios.with_a_million(lab, scenario, count, load)
        else:
            result = getattr(scenarios, scenario)(lab, count, load=load)
        return result | {"maximum": most}
    finally:
        lab.down()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal; the lab is taken down"))
    wanted = arguments()
    wanted.out.mkdir(parents=True, exist_ok=True)
    failed = []
    for scenario in wanted.scenario or COUNTS:
        try:
            result = measure(scenario, wanted) | {"scenario": scenario, "machine": machine()}
        except (AssertionError, OSError) as error:  # the other rows are worth having
            failed.append(scenario)
            print(f"{scenario}: {error}", file=sys.stderr, flush=True)
            continue
        (wanted.out / f"{scenario}.json").write_text(json.dumps(result, indent=2) + "\n")
        print(scenario, json.dumps(result, indent=2), flush=True)
    sys.exit(f"not measured: {', '.join(failed)}" if failed else 0)


main()
