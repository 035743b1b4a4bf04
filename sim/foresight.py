#!/usr/bin/env python3
"""Who leaves a link before it fails: the model off, on, and fixed limits, on the same faults.

    foresight.py --out DIR [--seeds 6] [-j 2] [--check]
    foresight.py --wifi --out DIR [--seeds 6] [-j 2]

The first form runs scenarios/abstract.toml with radios on all links, and lets the busiest link
  fade  its signal falls from 20 dB of margin to -10 dB in 1, 3, 10, 30 s;
  ramp  loses ever more frames, none to all in 20 s, with no sign of it in the signal;
  dip   its signal falls by 10 dB in 3 or 10 s, or by 7 in 1 s, and stays strong enough: nothing
        must be done.

Printed for each fault and way to judge, over the flows that used the link:
  before frame   share that left it before it lost their first frame
  before packet  share that left it before their first packet was lost for good
  lost           packets lost for good, of those sent after the fault
  detours        on the faulty link / elsewhere or for nothing
  precision      of the detours, over all faults

The second form runs scenarios/grid.toml on ns-3's Wi-Fi beside AODV, OLSR and DSDV, with radios
that tell their neighbours' signal, and lets
  fade   the busiest link's signal fall by 30 dB in 3 or 10 s;
  leave  the busiest relay drive out of the field with 5 or 15 m/s.
Printed over the flows that it met: the share that lost nothing, packets lost, the longest gap, and
what the healer did in the 10 s before there was a fault.

--check: exit status 1 unless the model moves at least 70 % of the flows before their first lost
packet with a precision of 90 %, and more of them before the first lost frame than without it.
"""

import argparse
import os
import re
import sys

import runs as runs_of

MODES = ("off", "threshold", "on")
COMMON = ["abstract_margin_db=20", "window_s=30", "pre_s=30"]
FAULTS = {
    "fade 1 s": ["fault=fade", "ramp_s=1"],
    "fade 3 s": ["fault=fade", "ramp_s=3"],
    "fade 10 s": ["fault=fade", "ramp_s=10"],
    "fade 30 s": ["fault=fade", "ramp_s=30"],
    "ramp 20 s": ["fault=ramp", "ramp_s=20"],
    "dip 10 dB, 3 s": ["fault=fade", "ramp_s=3", "fade_db=10"],
    "dip 10 dB, 10 s": ["fault=fade", "ramp_s=10", "fade_db=10"],
    "dip 7 dB, 1 s": ["fault=fade", "ramp_s=1", "fade_db=7"],
}
WIFI_COMMON = ["nodes=25", "min_hops=2", "fault_s=14", "pre_s=10", "window_s=12",
               "wifi_signal=true"]
WIFI_FAULTS = {
    "fade in 10 s": ["fault=fade", "ramp_s=10"],
    "fade in 3 s": ["fault=fade", "ramp_s=3"],
    "leaves at 5 m/s": ["fault=leave", "leave_mps=5"],
    "leaves at 15 m/s": ["fault=leave", "leave_mps=15"],
}
WIFI_JUDGES = ("selvage on", "selvage threshold", "selvage off", "aodv", "olsr", "dsdv")
SHARE_MIN = 0.7
PRECISION_MIN = 0.9


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--program", help="default: that of this tree, then PATH")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--wifi", action="store_true", help="ns-3's Wi-Fi, beside other protocols")
    return parser.parse_args()


def run_of(args, fault, mode, seed):
    name = f"{fault.replace(',', '').replace(' ', '-')}-{mode}-{seed}"
    return runs_of.Run(os.path.join(args.out, name),
                       os.path.join(runs_of.HERE, "scenarios", "abstract.toml"), "selvage", seed,
                       COMMON + FAULTS[fault] + [f"model={mode}"] + args.set)


def detours(run):
    """Detours on the faulty link from the fault on, and all others."""
    ends = re.findall(r"\d+", run.row()["target"])[:2]
    right = wrong = 0
    for event in runs_of.read(os.path.join(run.directory, "events.csv")):
        found = re.match(r"detour for n(\d+) on ", event["text"])
        if event["kind"] != "healer-action" or not found:
            continue
        if float(event["t_s"]) >= 0 and {event["node"], found.group(1)} == set(ends):
            right += 1
        else:
            wrong += 1
    return right, wrong


def evaluate(args, fault, mode):
    sums = dict.fromkeys(("flows", "frame", "packet", "lost", "sent", "right", "wrong"), 0)
    for seed in range(1, args.seeds + 1):
        run = run_of(args, fault, mode, seed)
        for flow in run.flows():
            if flow["affected"] != "1":
                continue
            crossed = float(flow["crossed_s"] or 0)
            sums["flows"] += 1
            sums["frame"] += flow["frame_lost_s"] == ""
            sums["packet"] += (flow["packet_lost_s"] == "" or
                               crossed < float(flow["packet_lost_s"]))
            sums["lost"] += int(flow["lost"])
            sums["sent"] += int(flow["sent"])
        right, wrong = detours(run)
        if fault.startswith("dip"):
            right, wrong = 0, right + wrong
        sums["right"] += right
        sums["wrong"] += wrong
    return sums


def share(part, whole):
    return f"{100 * part / whole:.0f} %" if whole else "-"


def wifi_run(args, fault, judge, seed):
    protocol, _, mode = judge.partition(" ")
    name = f"wifi-{fault}-{judge}-{seed}".replace(" ", "-").replace("/", "")
    return runs_of.Run(os.path.join(args.out, name),
                       os.path.join(runs_of.HERE, "scenarios", "grid.toml"), protocol, seed,
                       WIFI_COMMON + WIFI_FAULTS[fault] + ([f"model={mode}"] if mode else []) +
                       args.set)


def wifi_row(args, fault, judge):
    flows = whole = lost = sent = early = 0
    longest = 0.0
    for seed in range(1, args.seeds + 1):
        run = wifi_run(args, fault, judge, seed)
        for flow in (f for f in run.flows() if f["affected"] == "1"):
            flows += 1
            whole += flow["lost"] == "0"
            lost += int(flow["lost"])
            sent += int(flow["sent"])
            longest = max(longest, float(flow["outage_ms"] or "inf"))
        events = os.path.join(run.directory, "events.csv")  # Selvage's nodes alone report some
        if os.path.exists(events):
            early += sum(e["kind"] == "healer-action" and float(e["t_s"]) < 0
                         for e in runs_of.read(events))
    return [fault, judge, str(flows), share(whole, flows), f"{lost} of {sent}",
            f"{longest / 1e3:.2f}", str(early)]


def wifi(args):
    rows = [(f, j) for f in WIFI_FAULTS for j in WIFI_JUDGES]
    jobs = [wifi_run(args, f, j, s) for s in range(1, args.seeds + 1) for f, j in rows]
    if not runs_of.execute_all(args.program, args.jobs, jobs):
        sys.exit("some runs failed")
    header = ["fault", "judged by", "flows", "lost nothing", "lost", "longest gap, s",
              "for nothing"]
    for line in [header, ["---"] * len(header)] + [wifi_row(args, f, j) for f, j in rows]:
        print("| " + " | ".join(line) + " |")


def main():
    args = arguments()
    if args.wifi:
        wifi(args)
        return
    jobs = [run_of(args, f, m, s) for f in FAULTS for m in MODES for s in range(1, args.seeds + 1)]
    if not runs_of.execute_all(args.program, args.jobs, jobs):
        sys.exit("some runs failed")
    header = ("fault", "judged by", "flows", "before frame", "before packet", "lost", "detours")
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    total = {m: dict.fromkeys(("flows", "frame", "packet", "right", "wrong"), 0) for m in MODES}
    for fault in FAULTS:
        for mode in MODES:
            s = evaluate(args, fault, mode)
            print(f"| {fault} | {mode} | {s['flows']} | {share(s['frame'], s['flows'])} | "
                  f"{share(s['packet'], s['flows'])} | {s['lost']} of {s['sent']} | "
                  f"{s['right']} / {s['wrong']} |")
            for key in ("right", "wrong"):
                total[mode][key] += s[key]
            if fault.startswith("fade"):
                for key in ("flows", "frame", "packet"):
                    total[mode][key] += s[key]
    broken = []
    for mode in MODES:
        t = total[mode]
        print(f"\n{mode}: fades left before the first lost frame {share(t['frame'], t['flows'])}, "
              f"packet {share(t['packet'], t['flows'])}; precision of detours "
              f"{share(t['right'], t['right'] + t['wrong'])}", end="")
    print()
    on, off = total["on"], total["off"]
    if on["packet"] < SHARE_MIN * on["flows"]:
        broken.append("too few flows left the fading link in time")
    if on["right"] < PRECISION_MIN * (on["right"] + on["wrong"]):
        broken.append("too many detours for nothing")
    if on["frame"] <= off["frame"]:
        broken.append("the model is no better than none")
    if args.check and broken:
        sys.exit("; ".join(broken))


if __name__ == "__main__":
    main()
