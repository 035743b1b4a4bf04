#!/usr/bin/env python3
"""Compares the channel models with theory and with published measurements: runs `selvage-sim
validate` many times, prints each figure beside what is expected, plots, and exits 1 when one is
beyond its bound.

    sim/validate.py --out /tmp/validation -j 2            all of it; two minutes of processor time
    sim/validate.py --out /tmp/validation --only lora-aloha --quick
"""

import argparse
import csv
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyplot
import runs as runs_of


class Experiments:
    """Runs `selvage-sim validate`, several at a time."""

    def __init__(self, program, jobs, quick):
        self.program, self.jobs, self.quick = program, jobs, quick

    def one(self, name, settings):
        words = [w for k, v in settings.items() for w in ("--set", f"{k}={v}")]
        result = subprocess.run([self.program, "validate", name] + words, capture_output=True,
                                text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"{name} {settings}: {result.stderr.strip()}")
        return [{k: float(v) for k, v in row.items()}
                for row in csv.DictReader(result.stdout.splitlines())]

    def all(self, name, points):
        """One list of rows for each of `points` (dictionaries of settings)."""
        with ThreadPoolExecutor(max_workers=self.jobs) as pool:
            return list(pool.map(lambda p: self.one(name, p), points))


class Check:
    """What one comparison found: lines for people, and how many are beyond their bound."""

    def __init__(self, title):
        self.title, self.lines, self.bad, self.rows = title, [], 0, []

    def add(self, what, measured, expected, bound, unit="", relative=False):
        off = abs(measured / expected - 1) * 100 if relative else abs(measured - expected)
        good = off <= bound
        self.bad += not good
        self.lines.append(f"{what}: {measured:.6g}{unit}, expected {expected:.6g}{unit}, off "
                          f"{off:.3g}{' %' if relative else unit} (at most {bound:g})"
                          f"{'' if good else '  <-- beyond'}")
        self.rows.append({"check": self.title, "what": what, "measured": measured,
                          "expected": expected, "off": off, "bound": bound, "good": int(good)})


def save(plt, figure, out, name):
    figure.tight_layout()
    for kind in ("png", "svg"):
        figure.savefig(os.path.join(out, f"{name}.{kind}"), dpi=120)
    plt.close(figure)


def time_on_air_ns(factor, size, bandwidth_hz, coding_rate):
    """AN1200.13, section 4, in integers: explicit header, CRC, preamble of 8."""
    symbol_ns = 2 ** factor * 10 ** 9 // bandwidth_hz
    slow = 1 if 2 ** factor * 1000 >= 16 * bandwidth_hz else 0
    blocks = max(0, -(-(8 * size - 4 * factor + 28 + 16) // (4 * (factor - 2 * slow))))
    return (8 * 4 + 17) * symbol_ns // 4 + (8 + blocks * (coding_rate + 4)) * symbol_ns


def lora_airtime(experiments, plt, out):
    check = Check("LoRa time on air")
    points = [{"factor": f, "bytes": b, "bandwidth_hz": w, "coding_rate": c}
              for f in range(7, 13) for b in (10, 23, 64, 255)
              for w, c in ((125000, 1), (250000, 1), (500000, 4))]
    if experiments.quick:
        points = points[::7]
    worst, where = 0, ""
    for point, rows in zip(points, experiments.all("lora-airtime", points)):
        expected = time_on_air_ns(point["factor"], point["bytes"], point["bandwidth_hz"],
                                  point["coding_rate"])
        off = abs(rows[0]["airtime_ns"] - expected)
        if off > worst:
            worst, where = off, f", worst {point}"
    check.add(f"largest error over {len(points)} settings{where}", worst, 0, 0, " ns")
    # Two that AN1200.13's calculator and LoRaWAN test suites state.
    for factor, size, known_ms in ((7, 23, 61.696), (12, 64, 2793.472)):
        row = experiments.one("lora-airtime", {"factor": factor, "bytes": size})[0]
        check.add(f"SF{factor}, {size} bytes", row["airtime_ns"] / 1e6, known_ms, 0, " ms")
    return check


def lora_aloha(experiments, plt, out):
    check = Check("LoRa without capture: pure ALOHA, S = G exp(-2 G)")
    loads = [0.1, 0.5, 1] if experiments.quick else [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2]
    successes = 3000 if experiments.quick else 30000
    results = experiments.all("lora-aloha",
                              [{"load": g, "successes": successes} for g in loads])
    for load, rows in zip(loads, results):
        row = rows[0]
        check.add(f"S at G = {load} ({row['successes']:.0f} of {row['frames']:.0f} frames)",
                  row["throughput"], row["expected"], 6 if experiments.quick else 3,
                  relative=True)
    if plt:
        figure, axes = plt.subplots(figsize=(6, 4))
        x = [g / 100 for g in range(0, 221)]
        axes.plot(x, [g * math.exp(-2 * g) for g in x], label="G exp(-2 G)")
        axes.plot(loads, [rows[0]["throughput"] for rows in results], "o", label="simulated")
        axes.set(xlabel="offered load G, Erlang", ylabel="throughput S", ylim=(0, 0.2))
        axes.legend()
        save(plt, figure, out, "lora-aloha")
    return check


def haxhibeqiri_percent(nodes):
    """Their equation 8: one channel, one spreading factor (12), 20 bytes, 1 % each; R2 0.997."""
    return (1.1318e-12 * nodes ** 5 - 3.4342e-9 * nodes ** 4 + 4.0194e-6 * nodes ** 3
            - 0.0023 * nodes ** 2 + 0.6678 * nodes + 1.7833)


def lora_capture(experiments, plt, out):
    check = Check("LoRa with capture: Haxhibeqiri et al. 2017")
    nodes = [25, 100, 500] if experiments.quick else [10, 25, 50, 100, 150, 200, 300, 400, 500,
                                                      600, 700, 800, 900, 999]
    frames = 5000 if experiments.quick else 30000
    results = [rows[0]["loss_percent"] for rows in
               experiments.all("lora-capture", [{"nodes": n, "frames": frames} for n in nodes])]
    for n, loss in zip(nodes, results):
        check.add(f"loss with {n} nodes, one channel, SF12", loss, haxhibeqiri_percent(n), 7, " %")
    wide = {"nodes": 1000, "channels": 3, "factors": 6, "frames": frames}
    free, real = experiments.all("lora-capture", [dict(wide, demodulators=100), wide])
    check.add("loss with 1000 nodes, 3 channels, 6 factors", free[0]["loss_percent"], 32, 3, " %")
    check.lines.append(f"  (the same with the 8 demodulators of a SX1301: "
                       f"{real[0]['loss_percent']:.1f} %)")
    if plt:
        figure, axes = plt.subplots(figsize=(6, 4))
        x = list(range(0, 1000, 5))
        axes.plot(x, [haxhibeqiri_percent(n) for n in x], label="published fit (SX1301 measured)")
        axes.plot(x, [100 - 100 * math.exp(-2 * n / 100) for n in x], ":", label="pure ALOHA")
        axes.plot(nodes, results, "o", label="simulated")
        axes.set(xlabel="nodes on one channel and spreading factor, 1 % each",
                 ylabel="frames lost, %", ylim=(0, 102))
        axes.legend()
        save(plt, figure, out, "lora-capture")
    return check


CHECKS = {"lora-airtime": lora_airtime, "lora-aloha": lora_aloha, "lora-capture": lora_capture}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", required=True, help="directory for validation.csv and plots")
    parser.add_argument("--program", help="selvage-sim (default: that of build/release)")
    parser.add_argument("--only", nargs="+", choices=sorted(CHECKS), default=list(CHECKS))
    parser.add_argument("-j", type=int, default=1, help="experiments at the same time")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter; wider bounds")
    parser.add_argument("--no-plots", action="store_true")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    experiments = Experiments(runs_of.find_program(args.program), args.j, args.quick)
    plt = None if args.no_plots else pyplot.load(again=False)
    checks = []
    for name in args.only:
        checks.append(CHECKS[name](experiments, plt, args.out))
        print(f"{checks[-1].title}\n  " + "\n  ".join(checks[-1].lines), flush=True)
    rows = [row for check in checks for row in check.rows]
    with open(os.path.join(args.out, "validation.csv"), "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    bad = sum(check.bad for check in checks)
    print(f"{len(rows)} figures, {bad} beyond their bounds")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
