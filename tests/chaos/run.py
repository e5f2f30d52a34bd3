#!/usr/bin/python3
"""Breaks a lab on purpose, in every way of the table in docs/reference/chaos.md, and writes down what its users noticed.

make chaos runs the long form; tests/e2e/test_swap.py the short one."""
import argparse
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
sys.dont_write_bytecode = True

from harness import scenarios, streams  # noqa: E402
from harness.figures import machine  # noqa: E402
from support.lab import Lab  # noqa: E402

COUNTS = {"planned_swap": 100, "kill_active": 200, "hang": 50, "kill_agent": 200, "kill_ports": 10, "dead_dpu": 3}
MILLION = ["--daemon-arg", "--sessions", "--daemon-arg", str(1 << 20)]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", action="append", choices=COUNTS, help="only this one; may be repeated")
    parser.add_argument("--count", type=int, help="so many events instead of the table's")
    parser.add_argument("--load", type=int, help="64-byte frames a second; half of the measured maximum if left out")
    parser.add_argument("--engines", help="folder of installed engine versions, at least two")
    parser.add_argument("--out", default="out/chaos", type=pathlib.Path)
    return parser.parse_args()


def main():
    wanted = arguments()
    wanted.out.mkdir(parents=True, exist_ok=True)
    options = ["--mode", "split"]
    if wanted.engines:
        options += ["--daemon-arg", "--engines", "--daemon-arg", wanted.engines]
    lab = Lab(f"chaos-{os.getpid()}", HERE / "manifests/world.yaml", *options)
    try:
        most = streams.most(lab)
        load = wanted.load if wanted.load is not None else most // 2
        print(f"maximum {most} frames/s of 64 bytes; load {load}", flush=True)
        for name in wanted.scenario or [n for n in COUNTS if n != "dead_dpu"]:
            result = getattr(scenarios, name)(lab, wanted.count or COUNTS[name], load=load)
            result |= {"scenario": name, "machine": machine(), "maximum": most}
            (wanted.out / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
            print(name, json.dumps(result, indent=2), flush=True)
    finally:
        lab.down()


main()
