"""Measurement files (outrigger.dev/measurement/v1) made up for tests: a host with a policy agent that wakes every ten
seconds, and the same host without it."""
import hashlib
import json
import math
import random

STEPS, STEP_BITS = 128, 7  # of an octave: src/stats/sketch.h


def bucket_of(value):
    if value < STEPS:
        return value
    octave = value.bit_length() - 1
    return (octave - STEP_BITS + 1) * STEPS + (value >> (octave - STEP_BITS)) - STEPS


def sketch(values):
    values = [int(value) for value in values]
    if not values:
        return "0 0"
    counts = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    words, last = [f"{min(values)} {max(values)}"], 0
    for bucket in sorted(counts):
        words.append(f"{bucket - last}:{counts[bucket]}")
        last = bucket
    return " ".join(words)


class Host:
    """One run.  `resident`: the agent and the kernel path are on the host; else they are on the DPU."""

    def __init__(self, resident, seed, windows=120, rate=400, cpus=4):
        self.resident, self.windows, self.rate, self.cpus = resident, windows, rate, cpus
        self.random = random.Random(seed)
        self.level = 0.0

    def shares(self, burst):
        busy = 0.38 + self.random.gauss(0, 0.02) if not self.resident else 0.46 + self.random.gauss(0, 0.03) + burst
        busy = min(max(busy, 0.02), 0.99)
        parts = {"user": 0.62 * busy, "nice": 0, "system": 0.24 * busy, "softirq": 0.13 * busy, "irq": 0.01 * busy, "steal": 0}
        return {**parts, "idle": 1 - sum(parts.values()), "iowait": 0}

    def latency(self, burst):
        for _ in range(self.rate):
            tail = self.random.random()
            base = 0.42e6 if self.resident else 0.45e6
            value = base * math.exp(self.level + 0.25 * self.random.gauss(0, 1))
            if tail < (0.03 if self.resident else 0.004) * (1 + 6 * burst):
                value += self.random.expovariate(1 / (3.5e6 if self.resident else 0.9e6))
            yield value

    def window(self, number):
        self.level = 0.6 * self.level + self.random.gauss(0, 0.02)
        burst = self.random.uniform(0.15, 0.35) if self.resident and number % 10 in (3, 4) else 0
        many = 900 if self.resident else 140
        gaps = [5_000 * self.random.paretovariate(1.4 if self.resident else 1.9) for _ in range(self.random.randint(many // 2, many))]
        late = 70_000 if self.resident else 55_000
        return {
            "window": number, "start_ms": number * 1000, "length_ms": 1000, "clock_step_us": 0,
            "cpu": {str(cpu): self.shares(burst * (1.5 if cpu == 0 else 0.6)) for cpu in range(self.cpus)},
            "run_queue_wait": {str(cpu): abs(self.random.gauss(0.02 if self.resident else 0.012, 0.004)) for cpu in range(self.cpus)},
            "gaps": sketch(min(gap, 30e6) for gap in gaps), "spun": 0.25,
            "wakeups": sketch(late * math.exp(0.4 * self.random.gauss(0, 1)) for _ in range(100)),
            "switches": 9000, "interrupts": 4000, "softirqs": {"NET_RX": 2100}, "pressure": {"cpu.some": 0.01},
            "latency": sketch(self.latency(burst)), "sent": self.rate, "failed": 0, "own_cpu": 0.006, "own_memory": 9 << 20,
        }


AGENT = {"name": "policy-agent", "task": "policy", "weight": 6.5, "why": "uid 0, CAP_NET_ADMIN, the host's network"}
SWITCH = {"name": "kernel vxlan + bridge", "task": "virtual_switch", "weight": 4, "why": "in the kernel"}
FLOWS = {"name": "softflowd", "task": "telemetry", "weight": 3, "why": "uid 0, CAP_NET_RAW"}
SSH = {"name": "sshd", "task": "other", "weight": 2, "why": "uid 0"}
FALLBACK = {"name": "outrigger-host fallback (dormant)", "task": "policy", "weight": 1.5, "why": "CAP_NET_ADMIN"}


def incident(domain, summary, at, detect, recover):
    return {"domain": domain, "kind": "crash", "summary": summary, "detect_s": detect, "act_s": detect + 0.05,
            "recover_s": recover, "at_s": at}


def notes_of(resident):
    if resident:
        return {"notes": [], "privileged": [AGENT, SWITCH, FLOWS, SSH],
                "boundary": [{"name": name, "held": name != "stop-enforcement", "evidence": "root killed the agent: frames passed"
                              if name == "stop-enforcement" else "refused"} for name in ("spoof-mac", "spoof-ip", "stop-enforcement")],
                "incidents": [incident("unknown", "requests late", 31, 12, 25), incident("host", "agent restarted", 90, 3, 9)],
                "cost": {"dpu_cpu": -1, "dpu_memory": -1, "blackout_ms": []}}
    return {"notes": ["the DPU is simulated by the other CPU of this machine"], "privileged": [SSH, FALLBACK],
            "boundary": [{"name": name, "held": True, "evidence": "refused"} for name in ("spoof-mac", "spoof-ip", "stop-enforcement")],
            "incidents": [incident("dpu", "engine crashed, standby took over", 40, 0.2, 0.4), incident("network", "uplink lost", 95, 0.5, 6)],
            "cost": {"dpu_cpu": 0.92, "dpu_memory": 412 << 20, "blackout_ms": [0.4, 38, 1.2]}}


def text(resident, seed=1, label=None, place=("", 0, 0), edit=lambda head, windows, notes: None, **how):
    """A sealed file; `edit` may change head, windows and notes before it is sealed."""
    at = "host" if resident else "dpu"
    head = {"format": "outrigger.dev/measurement/v1", "label": label or at, "started_at": f"2026-11-23T05:{seed % 60:02}:00Z",
            "machine": {"host": "web-1", "kernel": "6.1.0-18-amd64", "cpu_model": "Example CPU", "machine_id": "0f1e", "boot_id": "b0",
                        "cpus": how.get("cpus", 4), "memory": 16 << 30},
            "work": {"protocol": "redis", "target": "10.0.0.2:6379", "rate": how.get("rate", 400), "budget_ms": 3},
            "place": {"experiment": place[0], "block": place[1], "order": place[2]},
            "placement": {"policy": at, "telemetry": at, "redis": "host"}}
    host = Host(resident, seed, **how)
    windows = [host.window(number) for number in range(host.windows)]
    notes = notes_of(resident)
    edit(head, windows, notes)
    body = "".join(json.dumps(line) + "\n" for line in (head, *windows, notes))
    seal = {"seal": {"windows": len(windows), "sha256": hashlib.sha256(body.encode()).hexdigest()}}
    return body + json.dumps(seal) + "\n"


def abba(folder, blocks=2, **how):
    """Files of both arms of an experiment in one folder."""
    for block in range(blocks):
        for order, resident in enumerate((True, False, False, True)):
            name = f"{block}-{order}-{'host' if resident else 'dpu'}.jsonl"
            (folder / name).write_text(text(resident, seed=1 + 10 * block + order, place=("redis-tail", block, order), **how))
    return folder
