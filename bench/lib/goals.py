"""What issue A asks the packet path to reach, as ratios inside one run."""

# work, rules, flows (None: any) -> times Open vSwitch's rate
TIMES_OVS = {
    ("all", 10_000, 1_000): 10, ("all", 10_000, 100_000): 11, ("all", 10_000, 1_000_000): 11,
    ("policy", 1_000, 1_000): 9, ("policy", 1_000, 1_000_000): 10, ("vxlan", 0, 1_000): 4.5,
    ("switch", 0, 1_000): 3, ("cps-udp", 1_000, None): 4.4, ("cps-tcp", 1_000, None): 5,
}
TIMES_LIMIT = 3.6  # time a packet with everything on and 1 k flows, against testpmd's
UNDER_UPDATES = 0.9  # throughput with rules changing, against without
CHANGES_A_SECOND = 100_000
BYTES_A_FLOW = 144
MIB_AT_10M = 1600e6 / 2**20
COST_OF_RULES = 1.3  # a new session with 1 M rules against one with 1 k
IDLE_PERCENT = 2
OF_1M_AT_10M = 0.5


def times_ovs(row):
    for (work, rules, flows), goal in TIMES_OVS.items():
        if row["work"] == work and row["rules"] == rules and flows in (None, row["flows"]):
            return goal
    return None


def _one(rows, name, **wanted):
    """Our clean figure: a row with a note does not count."""
    for row in rows:
        if row["program"] == "outrigger" and row.get(name) is not None and not row.get("note") and \
                all(row.get(key) == value for key, value in wanted.items()):
            return row[name]
    return None


def _mpps(rows, **wanted):
    return _one(rows, "mpps", **wanted)


def _compare(label, goal, got, reached):
    return (label, goal, "no clean figure" if got is None else got, None if got is None else reached)


def _quotient(above, below):
    return above / below if above and below else None


def others(rows):
    """(what, to reach, measured, reached) for the goals that are not a ratio to Open vSwitch."""
    limit = next((row["ns"] for row in rows if row["program"] == "testpmd" and row["work"] == "all"
                  and row["flows"] == 1_000 and row["ns"]), None)
    ours = _one(rows, "ns", work="all", flows=1_000)
    to_limit = _quotient(ours, limit)
    at_10m = _quotient(_mpps(rows, work="all", flows=10_000_000), _mpps(rows, work="all", flows=1_000_000))
    rules = _quotient(_mpps(rows, work="cps-udp", rules=1_000), _mpps(rows, work="cps-udp", rules=1_000_000))
    kept = _quotient(_mpps(rows, case="full load, rules changing"), _mpps(rows, case="full load"))
    changes = _one(rows, "changes_per_second", case="full load, rules changing")
    lost = _one(rows, "lost", case="half load, rules changing")
    size, most = _one(rows, "bytes_per_flow", work="memory"), _one(rows, "mib_at_10m_flows", work="memory")
    idle = _one(rows, "cpu_percent", work="idle")

    def times(value):
        return None if value is None else f"{value:.2f}"

    return [
        _compare("everything on, 1 k flows: time a packet against testpmd's", f"at most {TIMES_LIMIT}", times(to_limit),
                 to_limit and to_limit <= TIMES_LIMIT),
        _compare("everything on, 10 M flows against 1 M: rate", f"at least {OF_1M_AT_10M}", times(at_10m),
                 at_10m and at_10m >= OF_1M_AT_10M),
        _compare("a new session with 1 M rules against 1 k: time", f"at most {COST_OF_RULES}", times(rules),
                 rules and rules <= COST_OF_RULES),
        _compare("rule changes a second while forwarding", f"{CHANGES_A_SECOND:,}", changes and f"{changes:,}",
                 changes and changes >= 0.99 * CHANGES_A_SECOND),
        _compare("throughput with rules changing against without", f"at least {UNDER_UPDATES}", times(kept),
                 kept and kept >= UNDER_UPDATES),
        _compare("packets lost at half load with rules changing", "0", None if lost is None else f"{lost:,}",
                 lost == 0),
        _compare("bytes of table a flow", f"at most {BYTES_A_FLOW}", size, size and size <= BYTES_A_FLOW),
        _compare("MiB of tables for 10 M flows", f"under {MIB_AT_10M:.0f}", most, most and most < MIB_AT_10M),
        _compare("CPU with no traffic", f"under {IDLE_PERCENT} %", None if idle is None else f"{idle} %",
                 idle is not None and idle < IDLE_PERCENT),
    ]
