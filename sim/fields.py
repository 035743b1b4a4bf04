#!/usr/bin/env python3
"""Runs a field with all its radios and with each kind alone, over seeds: what arrives by class, and
what energy and money it takes. Finished runs are kept.

    sim/fields.py sim/scenarios/wildfire.toml --out /tmp/compared --seeds 3 -j 2
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyplot
import runs as runs_of

ALONE = ["wifi", "lora", "redcap", "satellite", "sbd"]


def run(program, field, out, kind, seed):
    """The result of one run, or None when it failed."""
    directory = os.path.join(out, f"{kind}-{seed}")
    path = os.path.join(directory, "field.json")
    if not os.path.exists(path):
        command = [program, "field", field, "--seed", str(seed), "--out", directory]
        command += [] if kind == "all" else ["--only", kind]
        result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                text=True, check=False)
        if result.returncode != 0:
            print(f"{kind}, seed {seed}: {result.stderr.strip()}", file=sys.stderr)
            return None
        print(f"{kind}, seed {seed}: done", file=sys.stderr, flush=True)
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def shown(values, digits=1):
    """Mean and half of the 95 % confidence interval."""
    text = f"{runs_of.mean(values):.{digits}f}"
    return text if len(values) < 2 else f"{text} ± {runs_of.half_width(values):.{digits}f}"


def worst_fault(result):
    """The fault during which the smallest share of critical messages arrived, and that share."""
    shares = [(100 * c["critical"]["arrived"] / c["critical"]["sent"], fault["about"])
              for fault in result["faults"] for c in [fault.get("classes", {})]
              if c.get("critical", {}).get("sent")]
    return min(shares) if shares else (100.0, "")


def line(kind, results, classes):
    cells = [kind]
    for name in classes:
        cells.append(shown([100 * r["classes"][name]["arrived"] / r["classes"][name]["sent"]
                            for r in results]))
    cells.append(shown([r["classes"]["critical"]["delay_p95_s"] for r in results])
                 if "critical" in classes else "")
    cells.append("{:.0f} ({})".format(*min(worst_fault(r) for r in results)))
    cells.append(shown([sum(v["joules"] for v in r["radios"].values()) / r["simulated_s"]
                        for r in results]))
    cells.append(shown([sum(v["cents"] for v in r["radios"].values()) / 100 for r in results], 2))
    duty = [100 * r["radios"]["lora"]["legal_hour_share_max"]
            for r in results if "lora" in r["radios"]]
    cells.append(shown(duty, 0) if duty else "")
    return cells


def plot(plt, table, classes, out):
    figure, axes = plt.subplots(figsize=(7, 4))
    width = 0.8 / len(classes)
    for i, name in enumerate(classes):
        values = [float(cells[1 + i].split(" ")[0]) for cells in table]
        axes.bar([x + i * width for x in range(len(table))], values, width, label=name)
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(table))], [c[0] for c in table])
    axes.set(ylabel="arrived, %", ylim=(0, 105))
    axes.legend(loc="lower right")
    figure.tight_layout()
    for kind in ("png", "svg"):
        figure.savefig(os.path.join(out, f"fields.{kind}"), dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("field")
    parser.add_argument("--out", required=True)
    parser.add_argument("--program", help="selvage-sim (default: that of build/release)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=ALONE, default=ALONE,
                        help="the kinds to run alone")
    parser.add_argument("-j", type=int, default=1)
    args = parser.parse_args()
    program = runs_of.find_program(args.program)
    os.makedirs(args.out, exist_ok=True)
    kinds = ["all"] + args.only
    jobs = [(kind, seed) for seed in range(1, args.seeds + 1) for kind in kinds]
    with ThreadPoolExecutor(max_workers=args.j) as pool:
        results = list(pool.map(lambda j: run(program, args.field, args.out, *j), jobs))
    if None in results:
        return 1
    classes = sorted(results[0]["classes"])
    table = [line(kind, [r for (k, _), r in zip(jobs, results) if k == kind], classes)
             for kind in kinds]
    header = (["radios"] + [f"{c}, % arrived" for c in classes]
              + ["critical p95, s", "worst fault: critical %", "watts", "dollars",
                 "legal hour used, %"])
    text = "\n".join("| " + " | ".join(cells) + " |"
                     for cells in [header, ["---"] * len(header)] + table) + "\n"
    print(text)
    with open(os.path.join(args.out, "table.md"), "w", encoding="utf-8") as file:
        file.write(text)
    plt = pyplot.load(again=False)
    if plt:
        plot(plt, table, classes, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
