#!/usr/bin/env python3
"""What control traffic costs a node as an idle network grows: Selvage beside OLSR and DSDV.

    growth.py --out DIR [--abstract 25 49 100 225 400 1024] [--wifi 25 49] [--seeds 1] [-j 2] ...

Runs scenarios/scaling.toml, where 1 % of the links change each minute: Selvage on abstract links,
and every protocol on Wi-Fi. Finished runs are kept, so an interrupted set goes on where it stopped;
a run that takes longer than --limit is stopped and left out.

"growth" is the exponent b of bytes = a * nodes^b, by least squares of the logarithms: of all bytes
with the 28 of IP and UDP around each frame, and of what frames carry beside hellos. DIR gets
table.md, growth.csv (every run), growth.png and growth.svg.
"""

import argparse
import csv
import math
import os
import sys

import pyplot
import runs as runs_of
from runs import growth, mean

CARRIER_BYTES = 28  # IPv4 and UDP header around each frame
LARGE = 100  # nodes: from here on not everybody is near

# Columns of the table: what Selvage's frames were sent for.
KINDS = {"hellos": ["hello"], "map": ["map"], "beacons": ["beacon"],
         "other": ["feedback", "probe", "quality", "testimony", "model", "handshake", "other"]}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--abstract", nargs="*", type=int, default=[25, 49, 100, 225, 400, 1024],
                        metavar="N", help="square numbers")
    parser.add_argument("--wifi", nargs="*", type=int, default=[25, 49], metavar="N")
    parser.add_argument("--baselines", nargs="*", default=["olsr", "dsdv"],
                        help="beside Selvage on Wi-Fi")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 1..N")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="for all runs")
    parser.add_argument("--limit", type=float, default=3600, metavar="S", help="of one run")
    parser.add_argument("--scenario",
                        default=os.path.join(runs_of.HERE, "scenarios", "scaling.toml"))
    parser.add_argument("--program", help="selvage-sim; default: build/release/bin, then PATH")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="JOBS")
    parser.add_argument("--table-only", action="store_true",
                        help="run nothing, show what is there")
    return parser.parse_args()


class Run(runs_of.Run):
    """One network and seed."""

    def __init__(self, args, protocol, link, nodes, seed):
        self.series, self.nodes, self.limit_s = f"{protocol}, {link}", nodes, args.limit
        super().__init__(os.path.join(args.out, "runs", f"{protocol}-{link}-{nodes}-s{seed}"),
                         args.scenario, protocol, seed,
                         [f"nodes={nodes}", f"link={link}", *args.set])

    def figures(self):
        """Bytes per second and node by column, and what the run itself took."""
        return figures(self.row(), self.manifest())


def figures(row, manifest):
    out = {"all": float(row["control_Bps_node"]),
           "IP, UDP": CARRIER_BYTES * float(row["control_pps_node"]),
           "cpu s per s": float(row["cpu_s"]) / float(row["sim_s"]),
           "MB": float(row["rss_mb"])}
    counters = manifest.get("counters_after", {})
    spent = float(row["window_s"]) * manifest["nodes"]
    for column, kinds in KINDS.items():
        names = [f"control_bytes_{kind}_total" for kind in kinds]
        if all(name in counters for name in names):
            out[column] = sum(counters[name] for name in names) / spent
    if "hellos" in out:
        out["but hellos"] = out["map"] + out["beacons"] + out["other"]
    return out


def matrix(args):
    """All runs, small ones first."""
    runs = []
    for seed in range(1, args.seeds + 1):
        runs += [Run(args, "selvage", "abstract", n, seed) for n in args.abstract]
        runs += [Run(args, p, "wifi", n, seed)
                 for n in args.wifi for p in ["selvage", *args.baselines]]
    return sorted(runs, key=lambda r: r.nodes)


COLUMNS = ["all", "hellos", "map", "beacons", "other", "IP, UDP", "cpu s per s", "MB"]


def collect(runs):
    """series -> nodes -> column -> mean over the seeds that have run."""
    found = {}
    for run in runs:
        if run.done():
            found.setdefault(run.series, {}).setdefault(run.nodes, []).append(run.figures())
    return {series: {nodes: {c: mean(f[c] for f in all_seeds) for c in all_seeds[0]}
                     for nodes, all_seeds in sorted(by_nodes.items())}
            for series, by_nodes in found.items()}


def show(value):
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def table(cells):
    lines = ["| " + " | ".join(["protocol, links", "nodes", *COLUMNS]) + " |",
             "|" + " --- |" * (len(COLUMNS) + 2)]
    for series, by_nodes in cells.items():
        for nodes, values in by_nodes.items():
            shown = [show(values.get(c)) for c in COLUMNS]
            lines.append("| " + " | ".join([series, str(nodes), *shown]) + " |")
    return lines


def exponents(cells):
    """series -> what -> exponent; only what has two sizes at least."""
    out = {}
    for series, by_nodes in cells.items():
        for what, column, least in [("all", "all", 0), ("but hellos", "but hellos", 0),
                                    (f"all, {LARGE} nodes and more", "all", LARGE),
                                    (f"but hellos, {LARGE} nodes and more", "but hellos", LARGE)]:
            b = growth([(n, v[column]) for n, v in by_nodes.items()
                        if column in v and n >= least])
            if not math.isnan(b):
                out.setdefault(series, {})[what] = b
    return out


def save_rows(args, runs):
    columns = [*COLUMNS, "but hellos"]
    with open(os.path.join(args.out, "growth.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["series", "nodes", "seed", *columns])
        for run in runs:
            if run.done():
                values = run.figures()
                writer.writerow([run.series, run.nodes, run.seed,
                                 *(values.get(c, "") for c in columns)])


def plot(args, cells, grown):
    plt = pyplot.load()
    if plt is None or not cells:
        return
    figure, axes = plt.subplots(figsize=(7.5, 4.5))
    for series, by_nodes in cells.items():
        b = grown.get(series, {}).get("all")
        label = series if b is None else f"{series}: nodes^{b:.2f}"
        axes.plot(list(by_nodes), [v["all"] for v in by_nodes.values()], marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="nodes",
             ylabel="control, bytes/s per node (IP, UDP included)")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    for kind in ("png", "svg"):
        figure.savefig(os.path.join(args.out, f"growth.{kind}"), dpi=120)
    plt.close(figure)


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    runs = matrix(args)
    good = args.table_only or runs_of.execute_all(args.program, args.j, runs)
    cells = collect(runs)
    grown = exponents(cells)
    lines = table(cells) + [""]
    for series, found in grown.items():
        lines.append(f"{series}: growth " + ", ".join(f"{b:.2f} ({what})"
                                                      for what, b in found.items()))
    text = "\n".join(lines) + "\n"
    print(text)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    save_rows(args, runs)
    plot(args, cells, grown)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
