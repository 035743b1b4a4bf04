#!/usr/bin/env python3
"""A scenario over parameters and seeds: means with 95 % confidence intervals, plots, one report.

    sweep.py SCENARIO --over nodes=25,49,100 [--over fault=crash,gray] --seeds 10 --out DIR [-j 2]

Every combination of the values given with --over runs once per seed, each in a directory of its
own below DIR; finished runs are kept, so an interrupted sweep goes on where it stopped. The first
--over is the x axis. --quick: one seed, and of each --over its first two values. --growth adds,
for each column, the exponent b of column = a * x^b.

On a cluster --part K/N does the K-th of N parts of the runs and writes no report (in a job array:
--part $((SLURM_ARRAY_TASK_ID + 1))/$SLURM_ARRAY_TASK_COUNT), into one DIR that all machines see;
then --table-only reports on all of it.

DIR gets table.md, sweep.csv (every run), PNG and SVG of each column, and report.html with all of
it in one file.
"""

import argparse
import csv
import html
import itertools
import json
import math
import os
import re
import sys

import pyplot
import runs as runs_of

COLUMNS = ["pdr_fault", "outage_med_ms", "outage_max_ms", "control_Bps_node", "delay_mean_ms"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--over", action="append", required=True, metavar="KEY=V1,V2,...",
                        help="a key of the scenario, or protocol")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1..N")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="for all runs")
    parser.add_argument("--columns", nargs="+", default=COLUMNS, help="of runs.csv")
    parser.add_argument("--growth", action="store_true", help="the first --over must be numbers")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--program", help="selvage-sim; default: build/release/bin, then PATH")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="JOBS")
    parser.add_argument("--table-only", action="store_true",
                        help="run nothing, show what is there")
    parser.add_argument("--part", metavar="K/N", help="only the K-th of N parts of the runs")
    args = parser.parse_args()
    if args.part is not None:
        found = re.fullmatch(r"(\d+)/(\d+)", args.part)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            parser.error(f"--part {args.part}: must be K/N, K from 1 to N")
        args.part = int(found[1]) - 1, int(found[2])
    args.axes = []
    for over in args.over:
        key, equals, values = over.partition("=")
        values = [v for v in values.split(",") if v]
        if not equals or not values:
            parser.error(f"--over {over}: must be KEY=V1,V2,...")
        args.axes.append((key, values[:2] if args.quick else values))
    if args.quick:
        args.seeds = 1
    return args


class Cell:
    """One combination of values, with a run per seed."""

    def __init__(self, args, values):
        self.values = values
        name = "-".join(f"{k}={v}" for (k, _), v in zip(args.axes, values)).replace("/", "_")
        settings = [f"{k}={v}" for (k, _), v in zip(args.axes, values) if k != "protocol"]
        protocol = dict(zip((k for k, _ in args.axes), values)).get("protocol", "selvage")
        self.runs = [runs_of.Run(os.path.join(args.out, "runs", f"{name}-s{seed}"), args.scenario,
                                 protocol, seed, args.set + settings)
                     for seed in range(1, args.seeds + 1)]

    def column(self, name):
        values = [float(r.row()[name] or "nan") for r in self.runs if r.done()]
        return [v for v in values if math.isfinite(v)]


def show(values):
    if not values:
        return "-"
    half = runs_of.half_width(values)
    text = f"{runs_of.mean(values):.4g}"
    return text if math.isnan(half) else f"{text} ± {half:.2g}"


def table(args, cells):
    """Header and lines, as lists of text."""
    lines = []
    for cell in cells:
        done = sum(r.done() for r in cell.runs)
        if done:
            lines.append([*cell.values, str(done), *(show(cell.column(c)) for c in args.columns)])
    return [k for k, _ in args.axes] + ["seeds"] + args.columns, lines


def series(args, cells):
    """What shares all values but the first: name -> cells, in order of the first."""
    out = {}
    for cell in cells:
        if any(r.done() for r in cell.runs):
            name = " ".join(f"{k} {v}" for (k, _), v in zip(args.axes[1:], cell.values[1:]))
            out.setdefault(name, []).append(cell)
    return out


def growths(args, cells):
    lines = []
    for name, members in series(args, cells).items():
        for column in args.columns:
            points = [(float(c.values[0]), runs_of.mean(c.column(column))) for c in members]
            exponent = runs_of.growth([p for p in points if math.isfinite(p[1])])
            if not math.isnan(exponent):
                lines.append(f"{name + ': ' if name else ''}{column} grows as "
                             f"{args.axes[0][0]}^{exponent:.2f}")
    return lines


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def plots(args, cells):
    """Writes PNG and SVG of each column; returns the SVG files."""
    files = [os.path.join(args.out, f"{column}.svg") for column in args.columns]
    plt = pyplot.load()
    if plt is None:  # drawn by another Python, or not at all
        return [f for f in files if os.path.exists(f)]
    values = args.axes[0][1]
    numeric = all(number(v) is not None for v in values)
    for column in args.columns:
        figure, axes = plt.subplots(figsize=(7, 4))
        for name, members in series(args, cells).items():
            shown = [c for c in members if c.column(column)]
            x = [number(c.values[0]) if numeric else values.index(c.values[0]) for c in shown]
            halves = [runs_of.half_width(c.column(column)) for c in shown]
            axes.errorbar(x, [runs_of.mean(c.column(column)) for c in shown],
                          yerr=[0 if math.isnan(h) else h for h in halves], marker="o", capsize=3,
                          label=name or None)
        if numeric and args.growth:
            axes.set_xscale("log")
        if not numeric:
            axes.set_xticks(range(len(values)), values)
        axes.set(xlabel=args.axes[0][0], ylabel=column)
        axes.set_ylim(bottom=0)
        if len(args.axes) > 1:
            axes.legend()
        figure.tight_layout()
        for kind in ("png", "svg"):
            figure.savefig(os.path.join(args.out, f"{column}.{kind}"), dpi=120)
        plt.close(figure)
    return files


def report(args, cells, header, lines, notes, pictures):
    """All in one file that needs nothing else."""
    manifests = []
    for run in itertools.chain.from_iterable(c.runs for c in cells):
        if run.done():
            with open(os.path.join(run.directory, "manifest.json"), encoding="utf-8") as file:
                manifests.append(json.load(file))
    parts = ["<!doctype html><html><head><meta charset='utf-8'><title>Selvage sweep</title><style>",
             "body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}",
             "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em;",
             "text-align:right}svg{max-width:100%;height:auto}</style></head><body>",
             f"<h1>{html.escape(os.path.basename(args.scenario))}</h1>"]
    if manifests:
        versions = manifests[0]["versions"]
        hours = sum(m["sim_s"] * m["nodes"] for m in manifests) / 3600
        parts.append(f"<p>{len(manifests)} runs, {hours:.0f} node-hours simulated in "
                     f"{sum(m['cpu_s'] for m in manifests) / 60:.1f} min of processor time; "
                     f"selvage {html.escape(versions['selvage'])}, ns-3 "
                     f"{html.escape(versions['ns3'])}. Mean over seeds ± half of the 95 % "
                     "confidence interval.</p>")
    parts.append("<table><tr>" + "".join(f"<th>{html.escape(h)}</th>" for h in header) + "</tr>")
    for line in lines:
        parts.append("<tr>" + "".join(f"<td>{html.escape(v)}</td>" for v in line) + "</tr>")
    parts.append("</table>" + "".join(f"<p>{html.escape(n)}</p>" for n in notes))
    for picture in pictures:
        with open(picture, encoding="utf-8") as file:
            text = file.read()
        parts.append(text[text.index("<svg"):])
    with open(args.scenario, encoding="utf-8") as file:
        parts.append(f"<h2>Scenario</h2><pre>{html.escape(file.read())}</pre>")
    settings = " ".join(args.set) or "none"
    parts.append(f"<p>Settings besides: {html.escape(settings)}</p></body></html>")
    with open(os.path.join(args.out, "report.html"), "w", encoding="utf-8") as file:
        file.write("\n".join(parts))


def save_rows(args, cells):
    rows = [(cell.values, run.row()) for cell in cells for run in cell.runs if run.done()]
    if not rows:
        return
    with open(os.path.join(args.out, "sweep.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([f"over_{k}" for k, _ in args.axes] + list(rows[0][1]))
        for values, row in rows:
            writer.writerow([*values, *row.values()])


def part_of(runs, part, parts):
    """Every parts-th run: neighbours in the order cost alike, so parts take about as long."""
    return runs[part::parts]


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    cells = [Cell(args, v) for v in itertools.product(*(values for _, values in args.axes))]
    # Seed by seed, so that a sweep cut short is even.
    order = [cell.runs[seed] for seed in range(args.seeds) for cell in cells]
    if args.part is not None:
        return 0 if runs_of.execute_all(args.program, args.j, part_of(order, *args.part)) else 1
    good = args.table_only or runs_of.execute_all(args.program, args.j, order)
    header, lines = table(args, cells)
    notes = growths(args, cells) if args.growth else []
    text = "\n".join(["| " + " | ".join(line) + " |"
                      for line in [header, ["---"] * len(header), *lines]] + [""] + notes) + "\n"
    print(text)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    save_rows(args, cells)
    report(args, cells, header, lines, notes, plots(args, cells))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
