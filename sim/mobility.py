#!/usr/bin/env python3
"""Nodes on the move: delivery between pairs that have a path, protocols side by side.

    mobility.py --out DIR [--seeds 3] [--protocols selvage aodv olsr] [-j 2] [--set KEY=VALUE]

Runs scenarios/mobility.toml for every protocol and seed, each in a directory of its own below DIR;
finished runs are kept. Writes DIR/table.md. Same moves and flows for all protocols of one seed.
"""

import argparse
import os
import sys

import runs as runs_of
from runs import mean


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--protocols", nargs="+", default=["selvage", "aodv", "olsr"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="for all runs")
    parser.add_argument("--scenario",
                        default=os.path.join(runs_of.HERE, "scenarios", "mobility.toml"))
    parser.add_argument("--program", help="default: that of this tree, then PATH")
    return parser.parse_args()


def main():
    args = arguments()
    header = ("protocol", "runs", "delivered, connected pairs, %", "worst run, %",
              "last 2 s before each move, %", "control, B/s per node", "delay mean, ms")
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    runs = {protocol: [runs_of.Run(os.path.join(args.out, protocol, f"seed-{seed}"), args.scenario,
                                   protocol, seed, args.set)
                       for seed in range(1, args.seeds + 1)]
            for protocol in args.protocols}
    good = runs_of.execute_all(args.program, args.jobs, [r for p in runs.values() for r in p])
    for protocol in args.protocols:
        rows = [run.row() for run in runs[protocol] if run.done()]
        shares = [100 * float(r["pdr_connected"]) for r in rows]
        lines.append("| " + " | ".join([
            protocol, str(len(rows)), f"{mean(shares):.1f}", f"{min(shares, default=0):.1f}",
            f"{mean(100 * float(r['pdr_connected_late']) for r in rows):.1f}",
            f"{mean([float(r['control_Bps_node']) for r in rows]):.0f}",
            f"{mean([float(r['delay_mean_ms']) for r in rows]):.1f}"]) + " |")
    table = "\n".join(lines) + "\n"
    print(table)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
