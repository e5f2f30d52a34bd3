"""Rows as a person reads them, while they come and at the end."""


_WIDTH = 58


def count(number):
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size and number % size == 0:
            return f"{number // size} {unit}"
    return str(number)


def subject(row):
    """What a row is about, apart from the program."""
    parts = [row["work"]]
    if row["rules"]:
        parts.append(f"{count(row['rules'])} rules")
    if row["flows"] and not row["work"].startswith("cps"):
        parts.append(f"{count(row['flows'])} flow{'s' if row['flows'] > 1 else ''}")
    if "workers" in row:
        parts.append(f"{row['workers']} worker{'s' if row['workers'] > 1 else ''}")
    if "case" in row:
        parts.append(row["case"])
    return ", ".join(parts)


def figure(row):
    """The row's figure in words, without its note."""
    parts = []
    if row["mpps"] is not None:
        unit = "M/s" if row["work"].startswith("cps") else "Mpps"
        parts.append(f"{row['mpps']:8.3f} {unit} [{row['min']:.3f} .. {row['max']:.3f}]")
        if row["ns"]:
            parts.append(f"{row['ns']:7.1f} ns {row['cycles']:7.0f} cycles")
    if "changes_per_second" in row:
        parts.append(f"{row['changes_per_second']:,} changes/s")
    if "p99_us" in row:
        parts.append(f"p99 {row['p99_us']} us, lost {row['lost']:,} of {row['of']:,}, "
                     f"core taken away for {row['core_taken_ms']} ms")
    if "bytes_per_flow" in row:
        parts.append(f"{row['bytes_per_flow']} bytes a flow")
    if "cpu_percent" in row:
        parts.append(f"{row['cpu_percent']} % of a CPU")
    if "handed_over" in row:
        parts.append(f"{100 * row['handed_over']:.0f} % handed over")
    return "  ".join(parts)


def line(row):
    note = f"  ! {row['note']}" if row.get("note") else ""
    return f"{subject(row):{_WIDTH}s} {row['program']:9s} {figure(row)}{note}"


def grouped(rows):
    """{subject: {program: row}}, in the order they came."""
    out = {}
    for row in rows:
        out.setdefault(subject(row), {})[row["program"]] = row
    return out


def ratio(ours, other):
    """How many times as fast as the other, when both figures are clean enough to divide."""
    if not ours or not other or not ours["mpps"] or not other["mpps"]:
        return None
    return ours["mpps"] / other["mpps"]


def summary(rows):
    """One line a subject: ns of each program and the two ratios."""
    out = [f"{'':{_WIDTH}s} {'outrigger':>10s} {'ovs':>10s} {'testpmd':>10s}   x ovs  x limit   "
           "(ns a packet; ! see its note)"]
    for name, programs in grouped(rows).items():
        if not any(row["ns"] for row in programs.values()):
            continue
        cells = []
        for program in ("outrigger", "ovs", "testpmd"):
            row = programs.get(program)
            mark = "!" if row and row.get("note") else ""
            cells.append(f"{row['ns']:.1f}{mark}" if row and row["ns"] else f"-{mark}")
        faster = ratio(programs.get("outrigger"), programs.get("ovs"))
        limit = ratio(programs.get("testpmd"), programs.get("outrigger"))
        out.append(f"{name:{_WIDTH}s} " + " ".join(f"{cell:>10s}" for cell in cells) +
                   f" {faster or 0:7.1f} {limit or 0:8.2f}".replace(" 0.00", "    -").replace(" 0.0 ", "   - "))
    return "\n".join(out)
