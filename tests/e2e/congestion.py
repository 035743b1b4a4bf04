#!/usr/bin/env python3
"""Real agents, one link of 10 Mb/s filled with bulk: is it taken for dead, and does critical wait?

    congestion.py PROGRAMS_DIR [--seconds N] [--bulk-mbps N] [--queue-ms N] [--json]

On a diamond (s-a1-a2-d, s-b1-b2-d), as root: the kernel's token bucket (tbf) narrows the middle
link of the path in use, both ways. A critical flow (100/s) and a telemetry flow (100/s) run alone
first, then beside more bulk than the link carries. Prints delays as the receiving applications saw
them, what was delivered and shed by class, and whether a neighbour was suspected or traffic moved.

Fails when a neighbour was lost, traffic left the link, critical or telemetry lost messages, or
critical's 99th percentile exceeds idle + three bulk packets per hop + 5 ms (--delay-factor times
that on machines that do other things). Exit status 77 (skipped) where namespaces or tbf do not
work.
"""

import argparse
import json
import subprocess
import sys
import time

import common
import mesh as meshes  # where common says

RATE_MBPS = 10
BULK_BYTES = 1200
HOPS = 3
# Serialisation of a bulk packet: payload, our headers (63), UDP, IPv6 and Ethernet (62).
BULK_PACKET_MS = (BULK_BYTES + 63 + 62) * 8 / (RATE_MBPS * 1000)
PORTS = {"critical": 7100, "telemetry": 7101, "bulk": 7102}


class Run:
    """One flow, counted by the receiver: start, then result()."""

    def __init__(self, mesh, traffic_class, rate, size, seconds):
        program = mesh.program("selvage-flow")
        port = str(PORTS[traffic_class])
        self.receiver = meshes.spawn(
            [program, "recv", "--api", mesh.nodes["d"].api, "--port", port, "--report-json",
             "--seconds", str(seconds + 4)], subprocess.PIPE, subprocess.DEVNULL)
        time.sleep(0.5)
        self.sender = meshes.spawn(
            [program, "send", "--api", mesh.nodes["s"].api, "--to", "d", "--port", port,
             "--class", traffic_class, "--rate", str(rate), "--size", str(size),
             "--seconds", str(seconds), "--report-json"], subprocess.PIPE, subprocess.DEVNULL)

    def result(self):
        sent, _ = self.sender.communicate(timeout=600)
        got, _ = self.receiver.communicate(timeout=60)
        out = json.loads(got.splitlines()[-1])
        out["sender"] = json.loads(sent.splitlines()[-1])
        return out


def narrow(mesh, here, there, queue_ms):
    for a, b in ((here, there), (there, here)):
        node = mesh.nodes[a]
        done = subprocess.run(
            node.inside(["tc", "qdisc", "replace", "dev", node.interfaces[b], "root", "tbf", "rate",
                         "%dmbit" % RATE_MBPS, "burst", "5kb", "latency", "%dms" % queue_ms]),
            capture_output=True, text=True)
        if done.returncode != 0:
            return done.stderr.strip()
    return ""


def events(mesh, after=0.0):
    """What became of neighbours and routes within the last `after` seconds."""
    out = []
    for name, node in mesh.nodes.items():
        for e in node.ask("events", "--count", "1000") or []:
            if e["ago_ms"] > after * 1000:
                continue
            if e["kind"] == "reroute" or e["kind"].startswith(("neighbor-", "link-")):
                out.append("%s: %s" % (name, e["text"]))
    return out


def total(mesh, key):
    return sum(n.ask("status")["counters"].get(key, 0) for n in mesh.nodes.values())


def measure(mesh, args):
    probe = Run(mesh, "critical", 100, 200, 5)
    time.sleep(2)
    path = mesh.path_in_use("s", "d", 100, "critical")
    probe.result()
    problem = narrow(mesh, path[1], path[2], args.queue_ms)
    if problem:
        return None, problem
    idle = [Run(mesh, c, 100, 200, args.idle_s) for c in ("critical", "telemetry")]
    idle = [r.result() for r in idle]
    shed_before = {c: total(mesh, "frames_shed_%s_total" % c) for c in PORTS}
    begun = time.monotonic()
    rate = args.bulk_mbps * 1e6 / 8 / BULK_BYTES
    flows = {c: Run(mesh, c, *how, args.seconds) for c, how in (
        ("bulk", (rate, BULK_BYTES)), ("critical", (100, 200)), ("telemetry", (100, 200)))}
    done = {c: f.result() for c, f in flows.items()}
    happened = events(mesh, time.monotonic() - begun)
    bad = [e for e in happened if "suspect" in e or "moved" in e or "is down" in e
           or "oneway" in e or "degraded" in e]
    allowed = idle[0]["delay_ms_p99"] + 3 * BULK_PACKET_MS * HOPS + 5
    figures = {
        "link": "%s-%s" % (path[1], path[2]),
        "critical_idle_p99_ms": idle[0]["delay_ms_p99"],
        "critical_p99_ms": done["critical"]["delay_ms_p99"],
        "critical_allowed_ms": round(allowed, 1),
        "critical_max_ms": done["critical"]["delay_ms_max"],
        "telemetry_idle_p99_ms": idle[1]["delay_ms_p99"],
        "telemetry_p99_ms": done["telemetry"]["delay_ms_p99"],
        "bulk_p99_ms": done["bulk"]["delay_ms_p99"],
        "bulk_mbps": round(done["bulk"]["received"] * BULK_BYTES * 8 / args.seconds / 1e6, 2),
        "lost": {c: r["lost"] for c, r in done.items()},
        "shed": {c: total(mesh, "frames_shed_%s_total" % c) - shed_before[c] for c in PORTS},
        "neighbours_or_routes_lost": len(bad),
    }
    for e in happened[:20]:
        print("  " + e, file=sys.stderr)
    return figures, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--idle-s", type=float, default=10)
    parser.add_argument("--bulk-mbps", type=float, default=20)
    parser.add_argument("--queue-ms", type=int, default=200)
    parser.add_argument("--delay-factor", type=float, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not common.namespaces_work():
        return common.SKIPPED
    mesh = meshes.Mesh(args.programs, common.DIAMOND, common.DIAMOND_LINKS, namespaces=True)
    try:
        mesh.build()
        mesh.start()
        mesh.wait_for_adjacencies()
        figures, problem = measure(mesh, args)
    finally:
        mesh.close()
    if figures is None:
        print("skipped: no token bucket: " + problem)
        return common.SKIPPED
    wrong = [text for text, is_wrong in (
        ("a full link was taken for a broken one", figures["neighbours_or_routes_lost"] > 0),
        ("critical messages were lost", figures["lost"]["critical"] > 0),
        ("telemetry was lost beside bulk", figures["lost"]["telemetry"] > 0),
        ("critical waited behind bulk", figures["critical_p99_ms"] >
         args.delay_factor * figures["critical_allowed_ms"]),
        ("the link was left half empty", figures["bulk_mbps"] < 0.6 * RATE_MBPS),
        ("bulk went another way", figures["bulk_mbps"] > RATE_MBPS)) if is_wrong]
    return common.tell(figures, wrong, args.json)


if __name__ == "__main__":
    sys.exit(main())
