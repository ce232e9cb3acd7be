#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""report.py SAMPLES DIR: reduces what the measurements told (JSON lines, see lib.sh) to medians,
spreads and ratios: a table on stdout, DIR/bench.json, DIR/bench.svg, and what performance.rst
includes, DIR/bench.csv and DIR/machine.txt. A ratio is the median of the ratios of each round, whose
two sides were measured one after the other; a spread the distance between the quartiles."""

import csv
import json
import statistics
import sys

import compare
import plot

HEAD = ("ours, theirs", "unit", "ours", "+-", "theirs", "+-", "ratio", "+-", "target", "reached")


def load(path):
    env, samples = {}, {}
    for line in open(path):
        line = line.strip()
        if not line:
            continue
        record = json.loads(line)
        if "env" in record:
            env.update(record["env"])
            continue
        side = (record["bench"], record["case"], record["metric"])
        unit, rounds = samples.setdefault(side, (record["unit"], {}))
        rounds[record["round"]] = record["value"]
    return env, samples


def spread(values):
    """Median, and the distance between the quartiles in per cent of it."""
    middle = statistics.median(values)
    if len(values) < 4 or not middle:
        return middle, None
    q = statistics.quantiles(values, n=4)
    return middle, 100 * (q[2] - q[0]) / middle


def ratio(ours, theirs):
    both = sorted(set(ours) & set(theirs))
    return spread([ours[r] / theirs[r] for r in both if theirs[r]]) if both else None


def verdict(row, value):
    if row.most is not None:
        return "<= %.4g" % row.most, value <= row.most
    if row.least is not None:
        return ">= %.4g" % row.least, value >= row.least
    return "", None


def reduce(samples, cpus):
    out = []
    sizes = sorted({case.split("-")[1] for bench, case, _ in samples if bench == "size"}, key=int)
    for row in compare.rows(cpus, sizes):
        if row.ours not in samples or (row.theirs and row.theirs not in samples):
            continue
        unit, ours = samples[row.ours]
        line = {"what": row.text, "unit": unit, "rounds": len(ours)}
        line["ours"], line["spread"] = spread(list(ours.values()))
        value = line["ours"]
        if row.theirs:
            theirs = samples[row.theirs][1]
            line["theirs"], line["theirs_spread"] = spread(list(theirs.values()))
            found = ratio(ours, theirs)
            if not found:
                continue
            line["ratio"], line["ratio_spread"] = found
            value = line["ratio"]
        line["target"], line["met"] = verdict(row, value)
        out.append(line)
    return out


def number(value):
    return "" if value is None else "%.4g" % value if abs(value) < 1e4 else "%d" % value


def percent(value):
    return "" if value is None else "%.0f%%" % value


def cells(r):
    return (r["what"].strip(), r["unit"], number(r["ours"]), percent(r["spread"]),
            number(r.get("theirs")), percent(r.get("theirs_spread")), number(r.get("ratio")),
            percent(r.get("ratio_spread")), r["target"],
            {None: "", True: "met", False: "MISSED"}[r["met"]])


def table(lines):
    body = [cells(r) for r in lines]
    width = [max(len(r[i]) for r in [HEAD] + body) for i in range(len(HEAD))]
    for r in [HEAD] + body:
        print("  ".join(c.ljust(w) if i in (0, 1, 8, 9) else c.rjust(w)
                        for i, (c, w) in enumerate(zip(r, width))).rstrip())


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: report.py SAMPLES DIR")
    env, samples = load(sys.argv[1])
    if not samples:
        sys.exit("report: no sample")
    lines = reduce(samples, env.get("cpus", 1))
    for name in sorted(env):
        print("# %s: %s" % (name, env[name]))
    table(lines)
    where = sys.argv[2] + "/bench"
    with open(where + ".json", "w") as f:
        json.dump({"env": env, "lines": lines,
                   "samples": [{"bench": b, "case": c, "metric": m, "unit": unit,
                                "values": [rounds[r] for r in sorted(rounds)]}
                               for (b, c, m), (unit, rounds) in sorted(samples.items())]},
                  f, indent=1)
    with open(where + ".csv", "w", newline="") as f:
        csv.writer(f, lineterminator="\n").writerows([HEAD] + [cells(r) for r in lines])
    with open(sys.argv[2] + "/machine.txt", "w") as f:
        f.writelines("%s: %s\n" % (name, env[name]) for name in sorted(env))
    with open(where + ".svg", "w") as f:
        f.write(plot.svg([r for r in lines if "ratio" in r], env))


main()
