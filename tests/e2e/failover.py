#!/usr/bin/env python3
"""Real agents in network namespaces: what each kind of fault costs a flow. Prints a table.

    failover.py PROGRAMS_DIR [--topology diamond|grid3x3|grid4x4] [--class CLASS] [--rounds N]
                [--faults F,F,...] [--rate N] [--without-healing] [--json] [--out FILE] [--check]

As root. A flow of --rate messages a second crosses the mesh; one fault at a time is put on the
middle of the path in use, watched, and taken back. Faults:
  none        nothing: what this machine alone costs
  carrier     the far end of the link is set down
  silent      the link carries nothing, both ends stay up; oneway: only what the flow needs is lost,
  oneway-rev  only the way back
  kill        the relay's links fall silent and its agent gets SIGKILL
  gray30      30 % of what crosses the link is lost, at random; loss5: 5 %
  gray-big    frames over 600 bytes are lost (the messages have 900)
  flap        silent for a second, whole for a second, five times
  blackhole   the relay's agent drops all that it should forward and goes on talking

gap: the longest time between two receptions in the fault and its healing, in ms; lost: messages
that never came; the sender's own waits are in the gap; bytes: all that the links carried in the
fault and its healing, as a multiple of messages that arrived x (size + 125 bytes of headers) x
shortest hops. --out adds a row per fault to a file of JSON
lines. --check: exit status 1 when class critical lost something or a gap exceeds a second. Exit
status 77 (skipped) where namespaces do not work.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import common
import flow as flows
import mesh as meshes  # where common says

FAULTS = ("none", "carrier", "silent", "oneway", "oneway-rev", "kill", "gray30", "loss5",
          "gray-big", "flap", "blackhole")
FAULT_S = {"loss5": 8.0, "flap": 10.0, "blackhole": 5.0}  # others: 3 s
HEAL_S = 3.0
CALM_S = 1.0           # before a fault: the flow must be whole for so long
CALM_TRIES = 60
SIZE, SIZE_BIG = 200, 900
HEADERS = 125          # ours 63; UDP, IPv6 and Ethernet 62
GAP_MS_MAX = 1000.0
RULES = {"silent": "drop", "oneway": "drop", "oneway-rev": "drop",
         "gray30": "numgen random mod 100 < 30 drop", "loss5": "numgen random mod 100 < 5 drop",
         "gray-big": "meta length > 600 drop"}


class Lab:
    """The mesh, the flow, and the fault of the moment."""

    def __init__(self, options):
        if options.topology == "diamond":
            names, links = common.DIAMOND, common.DIAMOND_LINKS
            self.ends, self.hops = ("s", "d"), 3
        else:
            side = int(options.topology[-1])
            names, links = meshes.grid(side)
            self.ends, self.hops = ("r0c0", "r%dc%d" % (side - 1, side - 1)), 2 * (side - 1)
        self.options = options
        self.mesh = meshes.Mesh(options.programs, names, links, namespaces=True,
                                healing=not options.without_healing)
        self.path = []

    def rule(self, here, there, rule):
        """For what arrives at `here` from `there`; an empty one ends it."""
        node = self.mesh.nodes[here]
        interface = node.interfaces[there]
        text = "flush chain netdev demo %s\n" % interface
        if rule:
            text += "add rule netdev demo %s %s\n" % (interface, rule)
        meshes.run(node.inside(["nft", "-f", "-"]), text)

    def silence_node(self, name, rule):
        for other in self.mesh.neighbors_of(name):
            self.rule(other, name, rule)
            self.rule(name, other, rule)

    def set(self, fault, on):
        middle = len(self.path) // 2
        up, down, relay = self.path[middle - 1], self.path[middle], self.path[middle]
        rule = RULES.get(fault, "drop") if on else ""
        if fault == "carrier":
            far = self.mesh.nodes[down]
            meshes.run(far.inside(["ip", "link", "set", far.interfaces[up],
                                   "down" if on else "up"]))
        elif fault == "kill":
            self.silence_node(relay, rule)
            if on:
                self.mesh.kill(relay)
            else:
                self.mesh.nodes[relay].start()
        elif fault == "blackhole":
            words = ["drop-forwarded", "1"] if on else ["off"]
            meshes.run([self.mesh.program("selvage"), "--control",
                        self.mesh.nodes[relay].control, "lab", *words])
        elif fault != "none":
            if fault != "oneway-rev":
                self.rule(down, up, rule)
            if fault != "oneway":
                self.rule(up, down, rule)

    def flap(self, seconds):
        for _ in range(int(seconds / 2)):
            self.set("silent", True)
            time.sleep(1)
            self.set("silent", False)
            time.sleep(1)

    def wait_until_calm(self, flow):
        """Until all neighbours are there, the flow is whole and its path is known."""
        self.mesh.wait_for_adjacencies(seconds=60)
        for _ in range(CALM_TRIES):
            flow.check_alive()
            begun = time.monotonic()
            time.sleep(CALM_S)
            if flow.outage(begun, time.monotonic())[1] > 0:
                continue
            self.path = self.mesh.path_in_use(*self.ends, flow.rate, flow.traffic_class)
            if len(self.path) >= 3:
                return
        raise meshes.MeshError("the flow did not become whole in %d s" % CALM_TRIES)

    def measure(self, flow, fault):
        self.wait_until_calm(flow)
        before = list(self.path)
        sent_bytes = self.mesh.sent_bytes()
        begun = time.monotonic()
        seconds = FAULT_S.get(fault, 3.0)
        if fault == "flap":
            self.flap(seconds)
        else:
            self.set(fault, True)
            time.sleep(seconds)
        moved = self.mesh.path_in_use(*self.ends, flow.rate, flow.traffic_class) != before
        healed = time.monotonic()
        self.path = before
        if fault not in ("flap", "none"):
            self.set(fault, False)
        time.sleep(HEAL_S)
        flow.check_alive()
        gap, lost = flow.outage(begun, healed)
        now = time.monotonic()
        heal_gap, heal_lost = flow.outage(healed, now)
        sent_bytes = self.mesh.sent_bytes() - sent_bytes
        useful = ((now - begun) * flow.rate - lost - heal_lost) * (flow.size_bytes + HEADERS)
        return {"fault": fault, "gap_ms": round(gap, 1), "lost": lost, "moved": moved,
                "heal_gap_ms": round(heal_gap, 1), "heal_lost": heal_lost,
                "sent": int(flow.rate * (now - begun)),
                "bytes_ratio": round(sent_bytes / (useful * self.hops), 3)}


def run(lab, faults, size, done):
    """Measures the faults with messages of one size; returns the receiver's closing count."""
    options = lab.options
    flow = flows.Flow(lab.mesh, *lab.ends, options.rate, options.traffic_class, size)
    try:
        flow.start()
        for fault in faults:
            done(lab.measure(flow, fault))
        return flow.finish()
    finally:
        flow.close()


def table(rows):
    print("%-11s %4s  %-18s %-16s %-16s %s" % ("fault", "rows", "gap ms med/worst",
                                               "lost med/worst", "bytes med/worst",
                                               "healing: gap, lost (worst)"))
    for fault in FAULTS:
        of = [r for r in rows if r["fault"] == fault]
        if not of:
            continue
        gaps, lost = [r["gap_ms"] for r in of], [r["lost"] for r in of]
        ratios = [r["bytes_ratio"] for r in of]
        print("%-11s %4d  %7.1f / %-8.1f %6g / %-7d %6.2f / %-7.2f %8.1f, %d" % (
            fault, len(of), statistics.median(gaps), max(gaps), statistics.median(lost), max(lost),
            statistics.median(ratios), max(ratios),
            max(r["heal_gap_ms"] for r in of), max(r["heal_lost"] for r in of)))


def main():
    parser = argparse.ArgumentParser(description=" ".join(__doc__.split("\n\n")[0].split()))
    parser.add_argument("programs")
    parser.add_argument("--topology", default="diamond", choices=("diamond", "grid3x3", "grid4x4"))
    parser.add_argument("--class", dest="traffic_class", default="telemetry",
                        choices=("critical", "reliable", "telemetry"))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--faults", default=",".join(FAULTS))
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--without-healing", action="store_true",
                        help="what we are measured against")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    faults = options.faults.split(",")
    unknown = [f for f in faults if f not in FAULTS]
    if unknown:
        parser.error("no such fault: %s; there are: %s" % (", ".join(unknown), ", ".join(FAULTS)))
    if not common.namespaces_work():
        return common.SKIPPED
    rows, duplicates = [], 0

    def done(row):
        row.update(topology=options.topology, traffic_class=options.traffic_class,
                   healing=not options.without_healing, unix_s=round(time.time(), 3))
        rows.append(row)
        print("%(fault)s: gap %(gap_ms)s ms, lost %(lost)d; healing: gap %(heal_gap_ms)s ms, "
              "lost %(heal_lost)d" % row, file=sys.stderr, flush=True)
        if options.out:
            with open(options.out, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")

    lab = Lab(options)
    try:
        lab.mesh.build()
        lab.mesh.start()
        lab.mesh.wait_for_adjacencies()
        for _ in range(options.rounds):
            for size, those in ((SIZE, [f for f in faults if f != "gray-big"]),
                                (SIZE_BIG, [f for f in faults if f == "gray-big"])):
                if those:
                    duplicates += run(lab, those, size, done).get("duplicates", 0)
    except (meshes.MeshError, subprocess.SubprocessError) as error:
        print("failover: %s" % error, file=sys.stderr)
        return 3
    finally:
        lab.mesh.close()
    if options.json:
        print(json.dumps({"rows": rows, "duplicates": duplicates}))
    else:
        table(rows)
        print("duplicates delivered: %d" % duplicates)
    if not options.check:
        return 0
    promised = options.traffic_class != "telemetry"
    bad = [r for r in rows if max(r["gap_ms"], r["heal_gap_ms"]) > GAP_MS_MAX
           or (promised and r["lost"] + r["heal_lost"] > 0)]
    return 1 if bad or duplicates else 0


if __name__ == "__main__":
    sys.exit(main())
