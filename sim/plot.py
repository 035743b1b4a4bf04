#!/usr/bin/env python3
"""Plots of one run: delivery around the fault (timeline.png), outage of each flow (outages.png).

    plot.py DIR        DIR is what selvage-sim wrote with --out; needs matplotlib
"""

import csv
import json
import os
import sys

try:
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit(3)  # the caller tries another interpreter, or says what is missing


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def timeline(directory, title):
    rows = read(os.path.join(directory, "timeline.csv"))
    figure, axes = plt.subplots(figsize=(9, 3.5))
    for name, label in (("", "all flows"), ("affected_", "affected flows")):
        points = [(float(r["t_s"]), 100 * int(r[name + "got"]) / int(r[name + "sent"]))
                  for r in rows if int(r[name + "sent"])]
        if points:
            axes.plot(*zip(*points), label=label, linewidth=1)
    axes.axvline(0, color="black", linestyle=":", linewidth=1)
    axes.set(xlabel="sent, seconds since the fault", ylabel="delivered, %", ylim=(-5, 105),
             title=title)
    axes.legend()
    figure.tight_layout()
    figure.savefig(os.path.join(directory, "timeline.png"), dpi=120)


def outages(directory, manifest, title):
    flows = [r for r in read(os.path.join(directory, "flows.csv"))
             if r["protocol"] == manifest["protocol"] and r["seed"] == str(manifest["seed"])]
    flows = list({int(r["flow"]): r for r in flows}.values())  # the last run of this seed
    figure, axes = plt.subplots(figsize=(9, 3.5))
    colours = ["tab:red" if r["affected"] == "1" else "tab:gray" for r in flows]
    axes.bar([r["src"] + "→" + r["dst"] + " #" + r["flow"] for r in flows],
             [float(r["outage_ms"]) for r in flows], color=colours)
    axes.set(yscale="log", ylabel="longest gap, ms (red: affected)", title=title)
    axes.tick_params(axis="x", rotation=45)
    figure.tight_layout()
    figure.savefig(os.path.join(directory, "outages.png"), dpi=120)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = sys.argv[1]
    with open(os.path.join(directory, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    title = "{protocol}, {topology} of {nodes}, seed {seed}, {fault} at {target}".format(**manifest)
    timeline(directory, title)
    outages(directory, manifest, title)


if __name__ == "__main__":
    main()
