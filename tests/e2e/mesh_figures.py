#!/usr/bin/env python3
"""Real agents in network namespaces: how fast, how quiet, how durable. Prints its figures.

    mesh_figures.py PROGRAMS_DIR [--idle-s N] [--json]

On a diamond (s-a1-a2-d, s-b1-b2-d), as root:
  oneway    ms until `neighbors` of either end says "oneway" after one direction of a link died
  overhead  bytes of ours beyond the data frames, as a share of them, while 1,000 packets/s flow
  idle      bytes per second and node on its interfaces, Ethernet headers included, nothing flowing
  restart   seconds from the start after SIGKILL until all neighbours are up again; identity, epoch
  outbox    reliable messages accepted before the SIGKILL of their sender, and how many arrived

Fails when something is lost or wrong, or a figure is out of all proportion; the exact times depend
on the machine and decide nothing. Exit status 77 (skipped) where namespaces do not work.
"""

import argparse
import subprocess
import sys
import time

import common
import flow as flows
import mesh as meshes  # where common says

ONEWAY_MS_MAX = 2000
IDLE_BPS_MAX = 400
OVERHEAD_MAX = 0.15
RESTART_S_MAX = 10
OUTBOX_MESSAGES = 50


def state(node, neighbor):
    rows = node.ask("neighbors") or []
    return next((r["state"] for r in rows if r["name"] == neighbor), "")


def drop_one_way(mesh, here, there, dropping):
    """What `there` sends to `here` is dropped on arrival."""
    node = mesh.nodes[here]
    interface = node.interfaces[there]
    rule = "flush chain netdev demo %s\n" % interface
    if dropping:
        rule += "add rule netdev demo %s drop\n" % interface
    meshes.run(node.inside(["nft", "-f", "-"]), rule)


def oneway_ms(mesh, flow):
    path = mesh.path_in_use("s", "d", flow.rate, flow.traffic_class)
    up, down = mesh.nodes[path[1]], mesh.nodes[path[2]]
    drop_one_way(mesh, down.name, up.name, True)
    begun = time.monotonic()
    shown = None
    while shown is None and time.monotonic() - begun < ONEWAY_MS_MAX / 1000:
        if "oneway" in (state(up, down.name), state(down, up.name)):
            shown = (time.monotonic() - begun) * 1000
    drop_one_way(mesh, down.name, up.name, False)
    mesh.wait_for_adjacencies(seconds=30)
    return shown


def counters(mesh):
    return {n: node.ask("status")["counters"] for n, node in mesh.nodes.items()}


def overhead(mesh, seconds):
    before = counters(mesh)
    time.sleep(seconds)
    after = counters(mesh)

    def grown(key):
        return sum(after[n][key] - before[n][key] for n in after)

    # 62 bytes of Ethernet, IPv6 and UDP header to each frame of either kind.
    control = grown("control_bytes_sent_total") + 62 * grown("control_frames_sent_total")
    data = grown("data_bytes_sent_total") + 62 * grown("data_frames_sent_total")
    return control / data


def interface_bytes(mesh):
    total = 0
    for node in mesh.nodes.values():
        with open("/proc/%d/net/dev" % node.process.pid) as file:
            rows = dict(line.split(":", 1) for line in file if ":" in line)
        total += sum(int(v.split()[8]) for k, v in rows.items() if k.strip().startswith("to-"))
    return total


def idle_bps(mesh, seconds):
    time.sleep(4)  # what the flow left behind
    before = interface_bytes(mesh)
    time.sleep(seconds)
    return (interface_bytes(mesh) - before) / seconds / len(mesh.nodes)


def restart(mesh):
    """Accepts messages for a dead node, kills the sender, starts both; (seconds, figures)."""
    sender, receiver = mesh.nodes["s"], mesh.nodes["d"]
    before = sender.ask("status")
    mesh.kill("d")
    accepted = 0
    for number in range(OUTBOX_MESSAGES):
        done = subprocess.run(
            sender.inside([mesh.program("selvage"), "--control", sender.control, "send",
                           "--to", "d", "--class", "reliable", "--port", "9",
                           "--text", "message %d" % number]),
            capture_output=True, text=True, timeout=20)
        accepted += done.returncode == 0
    mesh.kill("s")
    begun = time.monotonic()
    sender.start()
    receiver.start()
    mesh.wait_for_adjacencies(seconds=RESTART_S_MAX)
    seconds = time.monotonic() - begun
    after = sender.ask("status")
    try:
        done = subprocess.run(
            receiver.inside([mesh.program("selvage"), "--control", receiver.control, "--json",
                             "recv", "--port", "9", "--count", str(accepted)]),
            capture_output=True, text=True, timeout=40)
        said = done.stdout
        if done.returncode != 0:
            print("recv: exit %d: %s" % (done.returncode, done.stderr.strip()), file=sys.stderr)
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode()
    arrived = [line for line in said.splitlines() if "message " in line or "bWVzc2" in line]
    return seconds, {"accepted": accepted, "arrived": len(arrived),
                     "distinct": len(set(arrived)), "same_id": before["id"] == after["id"],
                     "epoch": [before["epoch"], after["epoch"]]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs")
    parser.add_argument("--idle-s", type=float, default=20)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not common.namespaces_work():
        return common.SKIPPED
    mesh = meshes.Mesh(args.programs, common.DIAMOND, common.DIAMOND_LINKS, namespaces=True)
    flow = None
    try:
        mesh.build()
        mesh.start()
        figures = {"adjacencies_s": round(mesh.wait_for_adjacencies(), 2)}
        flow = flows.Flow(mesh, "s", "d", 1000, "telemetry", 200)
        flow.start()
        time.sleep(2)
        figures["overhead_share"] = round(overhead(mesh, 10), 3)
        shown = oneway_ms(mesh, flow)
        figures["oneway_ms"] = None if shown is None else round(shown)
        summary = flow.finish()
        figures["flow_lost"] = summary["lost"]
        figures["idle_Bps_node"] = round(idle_bps(mesh, args.idle_s))
        seconds, outbox = restart(mesh)
        figures.update(restart_s=round(seconds, 2), **outbox)
    finally:
        if flow is not None:
            flow.close()
        mesh.close()
    wrong = [text for text, bad in (
        ("oneway was not shown", figures["oneway_ms"] is None),
        ("too much control traffic beside the flow", figures["overhead_share"] > OVERHEAD_MAX),
        ("too much control traffic when idle", figures["idle_Bps_node"] > IDLE_BPS_MAX),
        ("the identity changed", not figures["same_id"]),
        ("the epoch did not move on", figures["epoch"][1] <= figures["epoch"][0]),
        ("accepted messages were lost", figures["distinct"] < figures["accepted"]),
        ("messages arrived twice", figures["arrived"] > figures["distinct"]),
        ("messages were not accepted", figures["accepted"] < OUTBOX_MESSAGES)) if bad]
    return common.tell(figures, wrong, args.json)


if __name__ == "__main__":
    sys.exit(main())
