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


def look(row, site):
    """Elevation in degrees and range in km of a position in TEME over a site, from scratch: WGS-84
    and sidereal time (IAU 1982)."""
    latitude, longitude, height_km = math.radians(site[0]), math.radians(site[1]), site[2]
    centuries = (row["unix_s"] / 86400 + 2440587.5 - 2451545) / 36525
    seconds = (67310.54841 + (876600 * 3600 + 8640184.812866) * centuries
               + 0.093104 * centuries ** 2 - 6.2e-6 * centuries ** 3)
    turn = math.radians(seconds / 240 % 360)
    x = row["x_km"] * math.cos(turn) + row["y_km"] * math.sin(turn)
    y = -row["x_km"] * math.sin(turn) + row["y_km"] * math.cos(turn)
    squared = (1 / 298.257223563) * (2 - 1 / 298.257223563)
    normal = 6378.137 / math.sqrt(1 - squared * math.sin(latitude) ** 2)
    dx = x - (normal + height_km) * math.cos(latitude) * math.cos(longitude)
    dy = y - (normal + height_km) * math.cos(latitude) * math.sin(longitude)
    dz = row["z_km"] - (normal * (1 - squared) + height_km) * math.sin(latitude)
    distance = math.sqrt(dx * dx + dy * dy + dz * dz)
    up = (dx * math.cos(latitude) * math.cos(longitude)
          + dy * math.cos(latitude) * math.sin(longitude) + dz * math.sin(latitude))
    return math.degrees(math.asin(up / distance)), distance


def leo_geometry(experiments, plt, out):
    check = Check("LEO geometry, computed anew from positions (SGP4 has its own test)")
    points = [{"latitude": lat, "longitude": lon, "second": sec}
              for lat in (-45, 0, 30, 50) for lon in (-120, 4, 170)
              for sec in ((7,) if experiments.quick else (7, 1234, 86403, 604811))]
    range_off = elevation_off = delay_off = phase_off = 0.0
    seen, ranges = 0, []
    for point, rows in zip(points, experiments.all("leo-geometry", points)):
        row = rows[0]
        if not row["visible"]:
            continue
        seen += 1
        elevation, distance = look(row, (point["latitude"], point["longitude"], 0.1))
        _, hop = look(row, (row["gateway_latitude"], row["gateway_longitude"], 0.1))
        ranges.append((elevation, distance))
        range_off = max(range_off, abs(distance - row["range_km"]),
                        abs(hop - row["gateway_range_km"]))
        elevation_off = max(elevation_off, abs(elevation - row["elevation_deg"]))
        delay_off = max(delay_off, abs((distance + hop) / 299792.458 * 1e6 - row["one_way_us"]))
        phase_off = max(phase_off, abs(row["slot_start_unix_s"] % 15 - 12))
    check.add(f"largest error of slant range, {seen} places and moments", range_off, 0, 1e-5,
              " km")
    check.add("largest error of elevation", elevation_off, 0, 1e-6, " degrees")
    check.add("largest error of propagation, terminal to gateway", delay_off, 0, 0.001, " us")
    check.add("slots begin at second 12 of 15", phase_off, 0, 0, " s")
    least = min(e for e, _ in ranges)
    check.add(f"all at 25 degrees or higher (least: {least:.2f})", float(least >= 25), 1, 0)
    return check


def quantile_plot(plt, out, name, row, expected, label):
    if not plt:
        return
    figure, axes = plt.subplots(figsize=(6, 4))
    shares = (5, 10, 25, 50, 75, 90, 95, 98, 99)
    axes.plot([row[f"rtt_p{q}"] for q in shares], [q / 100 for q in shares], "o-",
              label="simulated")
    axes.plot([v for _, v in expected], [q / 100 for q, _ in expected], "x", markersize=9,
              label=label)
    axes.set(xlabel="round trip, ms", ylabel="share of packets", xscale="log", ylim=(0, 1))
    axes.legend()
    save(plt, figure, out, name)


def leo_trips(experiments, plt, out):
    check = Check("LEO terminal: round trips and gaps of a Starlink terminal on the road")
    settings = {"seconds": 7300} if experiments.quick else {}
    row = experiments.one("leo-trips", settings)[0]
    expected = [(5, 33), (50, 44), (95, 80), (99, 116)]
    for share, value in expected:
        check.add(f"round trip, {share} %", row[f"rtt_p{share}"], value, 20 if share == 99 else 10,
                  " ms", relative=True)
    check.add("least round trip", row["rtt_min"], 26, 10, " ms", relative=True)
    check.add("gaps over 0.5 s per hour", row["gaps_per_hour"], 61.2, 15, relative=True)
    check.add("gap, median", row["gap_p50"], 0.78, 15, " s", relative=True)
    check.add("gap, 90 %", row["gap_p90"], 1.85, 15, " s", relative=True)
    check.lines.append(f"  (longest gap {row['gap_max']:.1f} s; measured in an hour: 5.8 s)")
    check.lines.append(f"  correlation of round trips 1, 7, 15, 20 s apart: {row['alike_1s']:.2f}, "
                       f"{row['alike_7s']:.2f}, {row['alike_15s']:.2f}, {row['alike_20s']:.2f}")
    check.add("more alike 15 s apart than 20 s apart (boundaries meet)",
              float(row["alike_15s"] > row["alike_20s"] + 0.02), 1, 0)
    quantile_plot(plt, out, "leo-trips", row, expected, "measured on the road")
    return check


def cell_trips(experiments, plt, out):
    check = Check("RedCap cell: round trips and gaps of two networks on the road")
    seconds = {"seconds": 36000} if experiments.quick else {}
    for number, name, trips, gaps in (
            (0, "att", [(5, 40), (50, 84), (95, 119), (99, 797)], (58.2, 0.91, 3.97, 12.8)),
            (1, "verizon", [(5, 44), (50, 57), (95, 196), (99, 2038)], (89.8, 0.79, 2.12, 8.0))):
        row = experiments.one("cell-trips", dict(seconds, network=number))[0]
        for share, value in trips:
            check.add(f"{name}: round trip, {share} %", row[f"rtt_p{share}"], value,
                      25 if share == 99 else 10, " ms", relative=True)
        check.add(f"{name}: gaps over 0.5 s per hour", row["gaps_per_hour"], gaps[0], 15,
                  relative=True)
        check.lines.append(f"  ({name}: longest gap {row['gap_max']:.1f} s in a day; measured in "
                           f"an hour: {gaps[3]} s)")
        for what, key, value in (("median", "gap_p50", gaps[1]), ("90 %", "gap_p90", gaps[2])):
            check.add(f"{name}: gap, {what}", row[key], value, 20, " s", relative=True)
        quantile_plot(plt, out, f"cell-trips-{name}", row, trips, f"measured ({name})")
    return check


def bianchi(row):
    """Saturation throughput in Mb/s of payload: Bianchi, "Performance Analysis of the IEEE 802.11
    Distributed Coordination Function", JSAC 18(3), 2000, basic access, with the times of `row`."""
    n, window, stages = row["stations"], row["cw_min"] + 1, round(math.log2(
        (row["cw_max"] + 1) / (row["cw_min"] + 1)))
    low, high = 0.0, 1.0
    for _ in range(200):  # p is what makes tau(p) and p(tau) agree
        p = (low + high) / 2
        tau = 2 * (1 - 2 * p) / ((1 - 2 * p) * (window + 1)
                                 + p * window * (1 - (2 * p) ** stages)) if p != 0.5 else (
            2 / (window + 1 + window * stages / 2))
        if 1 - (1 - tau) ** (n - 1) > p:
            low = p
        else:
            high = p
    some = 1 - (1 - tau) ** n
    alone = n * tau * (1 - tau) ** (n - 1) / some
    difs = row["sifs_us"] + 2 * row["slot_us"]
    good = row["data_us"] + row["sifs_us"] + row["ack_us"] + difs
    bad = row["data_us"] + difs  # his Tc
    mean = (1 - some) * row["slot_us"] + some * alone * good + some * (1 - alone) * bad
    return some * alone * row["payload_bytes"] * 8 / mean


def wifi_bianchi(experiments, plt, out):
    check = Check("Wi-Fi (ns-3's own, as used here): saturation throughput, Bianchi 2000")
    stations = [5, 20] if experiments.quick else [2, 5, 10, 20, 30, 40, 50]
    settings = {"seconds": 4 if experiments.quick else 20}
    results = [rows[0] for rows in experiments.all(
        "wifi-saturation", [dict(settings, stations=n) for n in stations])]
    for n, row in zip(stations, results):
        check.add(f"{n} stations", row["throughput_mbps"], bianchi(row), 5, " Mb/s", relative=True)
    if plt:
        figure, axes = plt.subplots(figsize=(6, 4))
        axes.plot(stations, [bianchi(row) for row in results], label="Bianchi 2000")
        axes.plot(stations, [row["throughput_mbps"] for row in results], "o", label="simulated")
        axes.set(xlabel="stations that always have something to send",
                 ylabel="payload, Mb/s", ylim=(0, 6))
        axes.legend()
        save(plt, figure, out, "wifi-bianchi")
    return check


CHECKS = {"wifi-bianchi": wifi_bianchi, "lora-airtime": lora_airtime, "lora-aloha": lora_aloha,
          "lora-capture": lora_capture, "leo-geometry": leo_geometry, "leo-trips": leo_trips,
          "cell-trips": cell_trips}


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
