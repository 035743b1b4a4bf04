#!/usr/bin/env python3
"""Protocols side by side: runs a matrix of simulations and prints one table.

    compare.py --out DIR [--nodes 25 49] [--rates 10 50] [--seeds 10] [-j 2] ...

Every run is a process of its own with a directory of its own below DIR. Finished runs are kept,
so an interrupted matrix goes on where it stopped. A protocol may carry settings of its own:
`selvage:class=critical,crypto=sodium`. Writes DIR/table.md, and DIR/*.png with matplotlib.
"""

import argparse
import json
import math
import os
import sys

import pyplot
import runs as runs_of
from runs import mean, median


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--protocols", nargs="+", default=["aodv", "olsr", "dsdv", "selvage"])
    parser.add_argument("--nodes", nargs="+", type=int, default=[25, 49])
    parser.add_argument("--rates", nargs="+", type=float, default=[10, 50],
                        help="packets per second and flow")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 1..N with the fault")
    parser.add_argument("--none-seeds", type=int, default=2,
                        help="seeds 1..N without any fault, for delivery and control at rest")
    parser.add_argument("--fault", default="crash")
    parser.add_argument("--window", type=float, default=60,
                        help="seconds of traffic after the fault")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="for all runs")
    parser.add_argument("--scenario", default=os.path.join(runs_of.HERE, "scenarios", "grid.toml"))
    parser.add_argument("--program", help="selvage-sim; default: build/release/bin, then PATH")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="JOBS")
    parser.add_argument("--table-only", action="store_true",
                        help="run nothing, show what is there")
    return parser.parse_args()


class Run(runs_of.Run):
    """One simulation: a cell of the matrix and a seed."""

    def __init__(self, args, protocol, nodes, rate, fault, seed):
        self.kind, self.nodes, self.rate, self.fault = protocol, nodes, rate, fault
        name = "-".join([protocol.replace(":", "+").replace(",", "+"), str(nodes), f"{rate:g}",
                         fault, f"s{seed}"])
        base, _, extra = protocol.partition(":")
        super().__init__(os.path.join(args.out, "runs", name), args.scenario, base, seed,
                         [f"nodes={nodes}", f"rate={rate:g}", f"fault={fault}",
                          f"window_s={args.window:g}", *args.set,
                          *filter(None, extra.split(","))])


def matrix(args):
    """All runs, seed by seed, so that a matrix cut short is even."""
    runs = []
    for seed in range(1, max(args.seeds, args.none_seeds) + 1):
        for nodes in args.nodes:
            for rate in args.rates:
                for protocol in args.protocols:
                    if seed <= args.seeds:
                        runs.append(Run(args, protocol, nodes, rate, args.fault, seed))
                    if seed <= args.none_seeds and args.fault != "none":
                        runs.append(Run(args, protocol, nodes, rate, "none", seed))
    return runs


def show(value, digits=0):
    if math.isnan(value):
        return "-"
    return "never" if math.isinf(value) else f"{value:.{digits}f}"


HEADER = ["N", "rate", "protocol", "seeds", "affected flows", "lost med / worst",
          "outage ms med / worst", "never healed", "PDR affected %", "control B/s/node",
          "of it repeated data", "data B/s/node", "delay mean / p95 ms",
          "no fault: PDR all / after 20 s %", "no fault: control B/s/node"]


def cell(runs, args, protocol, nodes, rate):
    """One line of the table and the affected flows behind it; None when nothing ran."""
    mine = [r for r in runs
            if r.done() and (r.kind, r.nodes, r.rate) == (protocol, nodes, rate)]
    broken = [r for r in mine if r.fault == args.fault]
    calm = [r.row() for r in mine if r.fault == "none"]
    if not broken and not calm:
        return None
    rows = [r.row() for r in broken]
    flows = [f for r in broken for f in r.flows() if f["affected"] == "1"]
    lost = [float(f["lost"]) for f in flows]
    outage = [float(f["outage_ms"]) for f in flows]
    sent = sum(int(f["sent"]) for f in flows)
    got = sum(int(f["got"]) for f in flows)

    def per_run(column, source=None):
        return mean(float(r[column]) for r in (rows if source is None else source))

    line = [str(nodes), f"{rate:g}", protocol, str(len(rows)), str(len(flows)),
            f"{show(median(lost), 1)} / {show(max(lost, default=math.nan))}",
            f"{show(median(outage))} / {show(max(outage, default=math.nan))}",
            str(sum(math.isinf(float(f["heal_s"])) for f in flows)),
            show(100 * got / sent if sent else math.nan, 3), show(per_run("control_Bps_node"), 1),
            show(per_run("repeated_Bps_node"), 1), show(per_run("data_Bps_node")),
            f"{show(per_run('delay_mean_ms'), 2)} / {show(per_run('delay_p95_ms'), 2)}",
            f"{show(100 * per_run('pdr_all', calm), 3)} / "
            f"{show(100 * per_run('pdr_fault', calm), 3)}",
            show(per_run("control_Bps_node", calm), 1)]
    return line, lost, outage, per_run("control_Bps_node")


def plots(args, cells):
    plt = pyplot.load()
    if plt is None:
        return
    for nodes in args.nodes:
        for rate in args.rates:
            here = {p: cells[(p, nodes, rate)] for p in args.protocols if (p, nodes, rate) in cells}
            figure, axes = plt.subplots(1, 3, figsize=(13, 4))
            for protocol, (_, lost, outage, _) in here.items():
                for axis, values in ((axes[0], outage), (axes[1], lost)):
                    values = sorted(values)
                    shares = [(i + 1) / len(values) for i in range(len(values))]
                    axis.step(values, shares, where="post", label=protocol)
            axes[0].set(xscale="log", xlabel="outage of an affected flow, ms", ylabel="share")
            axes[1].set(xscale="symlog", xlabel="packets lost by an affected flow")
            axes[2].bar(list(here), [c[3] for c in here.values()])
            axes[2].set(ylabel="control, bytes/s per node")
            axes[2].tick_params(axis="x", rotation=20)
            axes[0].legend()
            figure.suptitle(f"{args.fault}, {nodes} nodes, {rate:g} packets/s and flow")
            figure.tight_layout()
            figure.savefig(os.path.join(args.out, f"{args.fault}-{nodes}-{rate:g}.png"), dpi=120)
            plt.close(figure)


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    runs = matrix(args)
    good = args.table_only or runs_of.execute_all(args.program, args.j, runs)
    cells = {}
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    for nodes in args.nodes:
        for rate in args.rates:
            for protocol in args.protocols:
                result = cell(runs, args, protocol, nodes, rate)
                if result is not None:
                    cells[(protocol, nodes, rate)] = result
                    lines.append("| " + " | ".join(result[0]) + " |")
    table = "\n".join(lines) + "\n"
    print(table)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(table)
    with open(os.path.join(args.out, "compare.json"), "w", encoding="utf-8") as file:
        json.dump(vars(args), file, indent=1)
    plots(args, cells)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
