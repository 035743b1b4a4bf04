#!/usr/bin/env python3
"""Real agents in network namespaces: a partition, messages from both sides, SIGKILL, a merge.

    partition.py PROGRAMS_DIR [--partition-s N] [--messages N] [--json]

On a chain (a1-a2-a3-b1-b2-b3), as root: the link a3-b1 is silenced, a1 and b3 send each other
messages of the classes reliable and critical, half the time in a1 (a sender) and b1 (a relay) are
killed and started again, and the link is mended. Then the same with disks: b2's is a small tmpfs
that is filled, and what its application is told and what arrives is compared.

Fails when something accepted is lost, comes twice, or, if critical, comes out of order, when an
agent ends by itself, or when the full disk is not told. Exit status 77 (skipped) where namespaces
do not work. The full figure: --partition-s 600 --messages 10000.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time

import common
import mesh as meshes  # where common says

NAMES = ["a1", "a2", "a3", "b1", "b2", "b3"]
LINKS = [meshes.Link(a, b) for a, b in zip(NAMES, NAMES[1:])]
GAP = meshes.Link("a3", "b1")
FLOWS = [("a1", "b3", "reliable", 11), ("a1", "b3", "critical", 12),
         ("b3", "a1", "reliable", 13), ("b3", "a1", "critical", 14)]
DEADLINE_S = 3600
DRAIN_S_MAX = 120
DISK_KB = 3072


class Sender:
    """Numbered messages through one application; starts anew when its agent was killed."""

    def __init__(self, mesh, flow):
        self.mesh, self.flow = mesh, flow
        self.accepted, self.refused, self.unknown = [], [], []
        self.errors = set()
        self.process = None
        self.number = 0

    def _start(self):
        source, to, traffic_class, port = self.flow
        self.process = subprocess.Popen(
            [self.mesh.program("selvage"), "--control", self.mesh.nodes[source].control, "--json",
             "send", "--to", to, "--class", traffic_class, "--port", str(port),
             "--deadline", str(DEADLINE_S), "--lines"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def send(self):
        number, self.number = self.number, self.number + 1
        try:
            if self.process is None:
                self._start()
            self.process.stdin.write("%d\n" % number)
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            self.unknown.append(number)  # its agent died over it: it may arrive or not
            self.close()
            return
        if answer["accepted"]:
            self.accepted.append(number)
        elif "reply" in answer["error"] or "time" in answer["error"]:
            self.unknown.append(number)
        else:
            self.refused.append(number)
            self.errors.add(answer["error"])

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None


class Receiver:
    """What comes to a port, in order."""

    def __init__(self, mesh, flow):
        _, to, _, port = flow
        self.numbers = []
        self.last = time.monotonic()
        self.process = meshes.spawn(
            [mesh.program("selvage"), "--control", mesh.nodes[to].control, "--json", "recv",
             "--port", str(port)], subprocess.PIPE, subprocess.DEVNULL)
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self):
        for line in self.process.stdout:
            try:
                self.numbers.append(int(json.loads(line)["payload"]))
                self.last = time.monotonic()
            except ValueError:
                continue

    def close(self):
        meshes.end(self.process, patience=0.5)


def wait_until(done, seconds, what):
    begun = time.monotonic()
    while not done():
        if time.monotonic() - begun > seconds:
            raise meshes.MeshError("not within %.0f s: %s" % (seconds, what))
        time.sleep(0.1)
    return time.monotonic() - begun


def judge(name, sender, receiver, in_order, wrong):
    got = receiver.numbers
    lost = set(sender.accepted) - set(got)
    if lost:
        wrong.append("%s: %d accepted messages were lost" % (name, len(lost)))
    if len(got) != len(set(got)):
        wrong.append("%s: %d came twice" % (name, len(got) - len(set(got))))
    if in_order and got != sorted(got):
        wrong.append("%s: out of order" % name)
    if set(got) & set(sender.refused):
        wrong.append("%s: messages that were refused came" % name)


def partition(mesh, seconds, messages, wrong):
    senders = [Sender(mesh, flow) for flow in FLOWS]
    receivers = []
    try:
        mesh.silence(GAP)
        wait_until(lambda: not mesh.path_by_map("a1", "b3", "telemetry"), 60, "a1 sees the gap")
        begun = time.monotonic()
        rounds = messages // len(FLOWS)
        killed = False
        for number in range(rounds):
            due = begun + seconds * (number + 1) / rounds
            time.sleep(max(0, due - time.monotonic()))
            if number == rounds // 2:
                mesh.kill("a1")
                mesh.kill("b1")
                killed = True
            for sender in senders:
                sender.send()
            if killed:
                mesh.nodes["a1"].start()
                mesh.nodes["b1"].start()
                wait_until(lambda: mesh.nodes["a1"].ask("status") is not None, 20, "a1 is back")
                killed = False
        waiting = mesh.nodes["a1"].ask("outbox")
        receivers += [Receiver(mesh, flow) for flow in FLOWS]
        time.sleep(1)  # attached
        merged = time.monotonic()
        mesh.heal(GAP)
        accepted = sum(len(s.accepted) for s in senders)
        late = None
        try:
            wait_until(lambda: all(set(s.accepted) <= set(r.numbers)
                                   for s, r in zip(senders, receivers)), DRAIN_S_MAX, "all came")
        except meshes.MeshError as error:
            late = str(error)
        drained = max(r.last for r in receivers) - merged
        time.sleep(5)  # what would come twice
        for sender, receiver in zip(senders, receivers):
            judge("%s to %s, %s" % sender.flow[:3], sender, receiver,
                  sender.flow[2] == "critical", wrong)
        if late:
            wrong.append(late)
        try:
            wait_until(lambda: mesh.nodes["a1"].ask("outbox")["messages"] == 0, 30, "a1's receipts")
        except meshes.MeshError:
            wrong.append("a1 still waits for receipts: %s" % mesh.nodes["a1"].ask("outbox"))
        return {"partition_s": seconds, "accepted": accepted,
                "unknown": sum(len(s.unknown) for s in senders),
                "arrived": sum(len(set(r.numbers)) for r in receivers),
                "waiting_at_a1_before": waiting["messages"] if waiting else None,
                "drained_s": round(drained, 1)}
    finally:
        for one in senders + receivers:
            one.close()


def full_disk(mesh, wrong):
    """b2 sends to a2 while its disk is full, then not."""
    node = mesh.nodes["b2"]
    ballast = os.path.join(node.dir, "state", "ballast")
    flow = ("b2", "a2", "reliable", 15)
    sender, receiver = Sender(mesh, flow), Receiver(mesh, flow)
    try:
        time.sleep(0.5)
        for _ in range(20):
            sender.send()
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"b" * 65536)
            except OSError:
                pass
        begun = time.monotonic()
        while not sender.refused and time.monotonic() - begun < 60:
            sender.send()
        told = (node.ask("status") or {}).get("store_failure", "")
        try:  # a busy machine may have cost a link for a moment
            wait_until(lambda: "b2" in mesh.path_by_map("b1", "b3", "telemetry"), 5, "a route")
        except meshes.MeshError:
            wrong.append("b2 does not route while its disk is full: %s" %
                         mesh.path_by_map("b1", "b3", "telemetry"))
        os.unlink(ballast)
        recovered = wait_until(lambda: not node.ask("status")["store_failure"], 30, "b2 recovers")
        for _ in range(20):
            sender.send()
        wait_until(lambda: set(sender.accepted) <= set(receiver.numbers), 60, "all of b2's came")
        judge("full disk", sender, receiver, False, wrong)
        if not sender.refused or not any("room" in e for e in sender.errors):
            wrong.append("the full disk was not told to the sender: %s" % sorted(sender.errors))
        if not told:
            wrong.append("the full disk is not in status")
        return {"disk_accepted": len(sender.accepted), "disk_refused": len(sender.refused),
                "disk_recovered_s": round(recovered, 1)}
    finally:
        sender.close()
        receiver.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs")
    parser.add_argument("--partition-s", type=float, default=20)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not common.namespaces_work():
        return common.SKIPPED
    mesh = meshes.Mesh(args.programs, NAMES, LINKS, namespaces=True)
    small = os.path.join(mesh.dir, "b2", "state")
    mounted = False
    wrong = []
    try:
        os.makedirs(small)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk,mode=0700" % DISK_KB,
                                  "tmpfs", small]).returncode == 0
        mesh.build()
        mesh.start()
        figures = {"adjacencies_s": round(mesh.wait_for_adjacencies(), 2)}
        wait_until(lambda: mesh.path_by_map("a1", "b3", "telemetry")
                   and mesh.path_by_map("b3", "a1", "telemetry"), 20, "a path from end to end")
        figures.update(partition(mesh, args.partition_s, args.messages, wrong))
        if mounted:
            figures.update(full_disk(mesh, wrong))
        for node in mesh.nodes.values():
            if node.process.poll() is not None:
                wrong.append("the agent %s ended: %s" % (node.name, node.log_tail()))
    except meshes.MeshError as error:
        print("wrong: %s" % error)
        return 1
    finally:
        for node in mesh.nodes.values():
            meshes.end(node.process)
        if mounted:
            subprocess.run(["umount", "-l", small])
        mesh.close()
    return common.tell(figures, wrong, args.json)


if __name__ == "__main__":
    sys.exit(main())
