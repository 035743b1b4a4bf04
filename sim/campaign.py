#!/usr/bin/env python3
"""Faults by the hundred: breaks random meshes over and over and prints what that cost by class.

    campaign.py --out DIR [--injections 1000] [-j 2] [--check]
    campaign.py --out DIR --clean-hours 1000 [-j 2] [--check]

The first form runs scenarios/campaign.toml with one seed after another (each a random 2-connected
graph of 49 nodes, 25 faults in a row) until there are as many injections as asked for. The second
runs the same mesh without faults for as many node-hours, and counts what it did without a reason.

Every run is a process with a directory of its own below DIR; finished runs are kept, so an
interrupted campaign goes on where it stopped. Writes DIR/table.md, DIR/injections.csv (all runs)
and DIR/campaign.png (with matplotlib). --check: exit status 1 when a promise is broken.
"""

import argparse
import csv
import math
import os
import sys

import pyplot
import runs as runs_of

PER_RUN = 25
CLEAN_SECONDS = 3600
# What --check holds the campaign to. Outages include the 20 ms between two packets of a flow.
CLEAN_KINDS = ("crash", "silent", "oneway", "churn", "flap")  # the link or node is dead or whole
CLEAN_P50_MS = 60
REROUTES_MEDIAN_MAX = 2
ALL_KINDS_FROM = 500
WRONG_SWITCHES_PER_LINK_DAY = 1.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--injections", type=int, default=1000)
    parser.add_argument("--clean-hours", type=float, metavar="NODE-HOURS",
                        help="no faults, but this many node-hours")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="for all runs")
    parser.add_argument("--scenario",
                        default=os.path.join(runs_of.HERE, "scenarios", "campaign.toml"))
    parser.add_argument("--program", help="default: that of this tree, then PATH")
    parser.add_argument("--check", action="store_true", help="exit 1 when a promise is broken")
    parser.add_argument("--table-only", action="store_true", help="evaluate what is there")
    return parser.parse_args()


def one(args, seed, *settings):
    return runs_of.Run(os.path.join(args.out, f"seed-{seed}"), args.scenario, "selvage", seed,
                       args.set + list(settings))


def plan(args):
    """The runs."""
    runs = []
    seed = args.first_seed
    if args.clean_hours is not None:
        left = args.clean_hours * 3600 / node_count(args)
        while left > 0:
            seconds = min(left, CLEAN_SECONDS)
            runs.append(one(args, seed, "fault=none", f"window_s={math.ceil(seconds)}"))
            left -= seconds
            seed += 1
        return runs
    left = args.injections
    while left > 0:
        runs.append(one(args, seed, f"injections={min(left, PER_RUN)}"))
        left -= PER_RUN
        seed += 1
    return runs


def node_count(args):
    for setting in reversed(args.set):
        if setting.startswith("nodes="):
            return int(setting[6:])
    return 49


def percentile(values, share):
    values = sorted(values)
    if not values:
        return math.nan
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def show(value, digits=0):
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def rows_of(runs, name):
    """All rows of all runs that have such a file."""
    paths = [os.path.join(run.directory, name) for run in runs]
    return [row for path in paths if os.path.exists(path) for row in runs_of.read(path)]


def manifests(runs):
    return [run.manifest() for run in runs if run.done()]


def group(rows):
    """Rows of flows met by fault class; parted flows are a class of their own."""
    groups = {}
    for row in rows:
        if row["flow"] == "-":
            continue
        kind = row["kind"] + (", parted" if row["parted"] == "1" else "")
        groups.setdefault(kind, []).append(row)
    return dict(sorted(groups.items()))


def faults(rows):
    return {(r["seed"], r["injection"]) for r in rows}


def campaign_table(rows, walks):
    header = ("fault", "faults", "flows met", "outage p50 / p99 ms, telemetry",
              "outage p50 / p99 ms, critical", "lost of sent, telemetry", "lost of sent, critical",
              "duplicates", "route changes, median: during / after")
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for kind, members in group(rows).items():
        cells = [kind, str(len(faults(members))), str(len(members))]
        losses = []
        for name in ("telemetry", "critical"):
            of_class = [r for r in members if r["class"] == name]
            outages = [float(r["outage_ms"]) for r in of_class]
            cells.append(f"{show(percentile(outages, .5))} / {show(percentile(outages, .99))}")
            losses.append(f"{sum(int(r['lost']) for r in of_class)} of "
                          f"{sum(int(r['sent']) for r in of_class)}")
        cells += losses
        cells.append(str(sum(int(r["dups"]) for r in members)))
        cells.append(" / ".join(show(percentile([int(r[c]) for r in members], .5))
                                for c in ("reroutes", "returns")))
        lines.append("| " + " | ".join(cells) + " |")
    met = [r for r in rows if r["flow"] != "-" and r["parted"] == "0"]
    reroutes = percentile([int(r["reroutes"]) for r in met], .5)
    lines += ["", f"{len(faults(rows))} faults; route changes while a fault lasts, median over all "
                  f"flows met: {show(reroutes)}; longest walk {walks[0]} hops of {walks[1]} "
                  f"allowed, {walks[2]} beyond."]
    return "\n".join(lines) + "\n"


def check_campaign(rows, walks, wanted):
    broken = []
    if len(faults(rows)) != wanted:
        broken.append(f"{len(faults(rows))} faults instead of {wanted}")
    if walks[2] > 0:
        broken.append(f"{walks[2]} walks beyond the bound of {walks[1]} hops")
    groups = group(rows)
    for kind in CLEAN_KINDS:
        members = groups.get(kind, [])
        p50 = percentile([float(r["outage_ms"]) for r in members], .5)
        if not p50 <= CLEAN_P50_MS:
            broken.append(f"{kind}: median outage {show(p50)} ms, at most {CLEAN_P50_MS}")
    # Links that lose a part of their frames change routes most, and how many of them a few faults
    # meet is chance: a small campaign is judged by links and nodes that are dead.
    kinds = groups if wanted >= ALL_KINDS_FROM else ("crash", "silent", "oneway")
    met = [int(r["reroutes"]) for k in kinds for r in groups.get(k, []) if r["parted"] == "0"]
    if not percentile(met, .5) <= REROUTES_MEDIAN_MAX:
        broken.append(f"{show(percentile(met, .5))} route changes per fault (median), at most "
                      f"{REROUTES_MEDIAN_MAX}")
    duplicates = sum(int(r["dups"]) for r in rows)
    if duplicates > 0:
        broken.append(f"{duplicates} packets delivered twice")
    return broken


def clean_report(runs):
    """Text and switches per link and day: what healthy meshes did without a reason."""
    hours = link_days = switches = suspicions = lost = sent = 0
    for run in runs:
        if not run.done():
            continue
        manifest = run.manifest()
        seconds = float(run.row()["window_s"])
        hours += manifest["nodes"] * seconds / 3600
        link_days += manifest["links"] * seconds / 86400
        with open(os.path.join(run.directory, "events.csv"), encoding="utf-8") as file:
            for line in file:
                parts = line.split(",", 3)
                if len(parts) < 4 or parts[0] == "t_s" or not 0 <= float(parts[0]) < seconds:
                    continue
                switches += parts[2] == "reroute"
                suspicions += parts[2] == "neighbor-suspect"
        for flow in run.flows():
            sent += int(flow["sent"])
            lost += int(flow["lost"])
    per = switches / link_days if link_days else math.nan
    text = (f"{hours:.0f} node-hours without a fault: {switches} switches of route "
            f"({per:.3f} per link and day), {suspicions} suspicions, {lost} of {sent} packets "
            f"lost.\n")
    return text, per


def plot(args, rows):
    plt = pyplot.load()
    if plt is None:
        return
    figure, axis = plt.subplots(figsize=(9, 5))
    for kind, members in group(rows).items():
        values = sorted(float(r["outage_ms"]) for r in members)
        axis.step(values, [(i + 1) / len(values) for i in range(len(values))], where="post",
                  label=f"{kind} ({len(values)})")
    axis.set(xscale="log", xlabel="outage of a flow met, ms", ylabel="share of flows met",
             title=f"{len(faults(rows))} faults on random 2-connected meshes")
    axis.grid(alpha=.3)
    axis.legend(fontsize=8, ncol=2)
    figure.tight_layout()
    figure.savefig(os.path.join(args.out, "campaign.png"), dpi=120)
    plt.close(figure)


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    runs = plan(args)
    broken = []
    if not (args.table_only or runs_of.execute_all(args.program, args.jobs, runs)):
        broken.append("some runs failed")
    if args.clean_hours is not None:
        text, per = clean_report(runs)
        if not per <= WRONG_SWITCHES_PER_LINK_DAY:
            broken.append(f"{per:.3f} wrong switches per link and day")
        rows = []
    else:
        rows = rows_of(runs, "injections.csv")
        walked = [m["walks"] for m in manifests(runs)]
        walks = (max((w["longest_hops"] for w in walked), default=0),
                 min((w["bound_hops"] for w in walked), default=0),
                 sum(w["violations"] for w in walked))
        text = campaign_table(rows, walks)
        broken += check_campaign(rows, walks, args.injections)
    print(text)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    if rows:
        with open(os.path.join(args.out, "injections.csv"), "w", newline="",
                  encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        plot(args, rows)
    for text in broken:
        print(f"broken: {text}", file=sys.stderr)
    return 1 if broken and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
