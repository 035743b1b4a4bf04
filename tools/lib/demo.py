"""Nine agents in a 3x3 grid, a flow from corner to corner, a link that goes silent and a relay that
is killed: what the mesh does about it.

    tools/demo [--no-healing] [--loopback] [--class CLASS]

Exit status: 0 every fault was healed, 1 at least one was not, 3 this machine or an agent failed.
"""

import argparse
import os
import signal
import sys
import threading
import time

import mesh as meshes
from flow import Flow

SIDE = 3
RATE = 1000              # packets a second
SIZE_BYTES = 256
OUTAGE_MS_MAX = 500.0    # a fault counts as healed when the flow stood still no longer than this
ALIVE_SHARE_MIN = 0.95   # of the packets sent in the last second of a fault that must arrive
STEADY_SECONDS = 1.2     # before a fault and after a repair
FAULT_SECONDS = 2.0
REJOIN_SECONDS_MAX = 5.0
EVENTS_SHOWN_MAX = 6     # of each fault; the rest is counted

# Events that say a node has noticed something.
NOTICED = ("neighbor-suspect", "neighbor-oneway", "neighbor-down", "link-down", "reroute")


class Story:
    """Prints what happens when it happens, with the time since the start."""

    def __init__(self):
        self.begun = time.monotonic()
        self.lock = threading.Lock()

    def tell(self, text, at=None):
        moment = (at if at is not None else time.monotonic()) - self.begun
        with self.lock:
            print("%7.3f s  %s" % (moment, text), flush=True)


class Watch:
    """Events of all agents; shows those that follow a fault."""

    def __init__(self, story):
        self.story = story
        self.lock = threading.Lock()
        self.events = []  # (node, event)
        self.fault_at = None
        self.shown = 0

    def on_event(self, node, event):
        with self.lock:
            self.events.append((node, event))
            since = self.fault_at
            if since is None or event["time_s"] < since or event["kind"] not in NOTICED:
                return
            self.shown += 1
            if self.shown > EVENTS_SHOWN_MAX:
                return
        self.story.tell("  %s: %s" % (node, event["text"] or event["kind"]), at=event["time_s"])

    def begin_fault(self):
        with self.lock:
            self.fault_at, self.shown = time.monotonic(), 0
            return self.fault_at

    def end_fault(self):
        """(first notice, first reroute), each (node, event) or None."""
        with self.lock:
            since, self.fault_at = self.fault_at, None
            after = sorted(((e["time_s"], n, e) for n, e in self.events
                            if e["time_s"] >= since and e["kind"] in NOTICED),
                           key=lambda entry: entry[0])
            hidden = self.shown - EVENTS_SHOWN_MAX
        if hidden > 0:
            self.story.tell("  (and %d more events)" % hidden)
        first = next(((n, e) for _, n, e in after), None)
        reroute = next(((n, e) for _, n, e in after if e["kind"] == "reroute"), None)
        return first, reroute


def arrows(path):
    return " > ".join(path) if path else "nowhere"


class Row:
    """One line of the closing table."""

    def __init__(self, fault):
        self.fault = fault
        self.noticed_by, self.noticed_ms, self.why = "nobody", None, ""
        self.fault_at = 0.0
        self.before, self.after = [], []
        self.outage_ms, self.lost = float("inf"), 0
        self.repair_ms, self.repair_lost = 0.0, 0
        self.problems = []


class Demo:
    def __init__(self, arguments, programs, no_namespaces):
        names, links = meshes.grid(SIDE)
        self.source, self.to = names[0], names[-1]
        self.no_namespaces = no_namespaces
        self.story = Story()
        self.watch = Watch(self.story)
        self.mesh = meshes.Mesh(programs, names, links,
                                namespaces=not no_namespaces, healing=not arguments.no_healing)
        self.flow = Flow(self.mesh, self.source, self.to, RATE, arguments.traffic_class, SIZE_BYTES)
        self.rows = []
        self.total = {}

    def tell(self, text):
        self.story.tell(text)

    def run(self):
        self.tell("%d agents in a %dx%d grid, %s%s" % (
            len(self.mesh.nodes), SIDE, SIDE,
            "each in its own network namespace" if self.mesh.namespaces
            else "on loopback ports, without namespaces: %s" % self.no_namespaces,
            "" if self.mesh.healing else ", healing switched off"))
        self.mesh.build()
        self.mesh.start()
        took = self.mesh.wait_for_adjacencies()
        self.tell("all %d links are up at both ends, %.1f s after the agents were started" %
                  (len(self.mesh.links), took))
        for node in self.mesh.nodes.values():
            node.follow_events(self.watch.on_event)
        self.flow.start()
        self.tell("an application at %s sends %d packets a second (%d bytes, %s) to one at %s" %
                  (self.source, RATE, SIZE_BYTES, self.flow.traffic_class, self.to))
        self._steady("at the start")
        self._silent_link()
        self._killed_relay()
        self.total = self.flow.finish()

    # ---- the two faults
    def _silent_link(self):
        before = self._path_now()
        link = meshes.Link(*sorted(before[1:3]))
        row = Row("link %s-%s silent" % link)
        at = self._fault(row, before, lambda: self.mesh.silence(link),
                         "FAULT: link %s-%s carries nothing any more; both ends stay up" % link)
        self._judge(row, at, avoids=lambda path: not self._uses(path, link))
        at = time.monotonic()
        self.mesh.heal(link)
        self.story.tell("REPAIR: link %s-%s carries again" % link, at=at)
        self._rejoin(row, set(link))
        self._settle(row, at, "after the repair")

    def _killed_relay(self):
        before = self._path_now()
        relay = before[len(before) // 2]
        row = Row("relay %s killed" % relay)
        at = self._fault(row, before, lambda: self.mesh.kill(relay),
                         "FAULT: relay %s gets SIGKILL" % relay)
        self._judge(row, at, avoids=lambda path: relay not in path)
        at = time.monotonic()
        self.mesh.nodes[relay].start()
        self.story.tell("REPAIR: %s is started again" % relay, at=at)
        self._rejoin(row, {relay} | self.mesh.neighbors_of(relay))
        self._settle(row, at, "after the restart")

    # ---- their parts
    @staticmethod
    def _uses(path, link):
        return any(set(pair) == set(link) for pair in zip(path, path[1:]))

    def _path_now(self):
        path = self.mesh.path_in_use(self.source, self.to, RATE,
                                            self.flow.traffic_class)
        if len(path) < 3:
            raise meshes.MeshError("the flow's way through the mesh is not to be seen: %s; the map "
                                   "of %s says %s" % (arrows(path), self.source, arrows(
                                       self.mesh.path_by_map(self.source, self.to,
                                                             self.flow.traffic_class))))
        return path

    def _steady(self, when):
        begun = time.monotonic()
        time.sleep(STEADY_SECONDS)
        self.flow.check_alive()
        share = self.flow.delivered_share(begun + 0.2, time.monotonic())
        if share < ALIVE_SHARE_MIN and self.mesh.healing:
            raise meshes.MeshError("only %.0f %% of the flow arrives %s" % (100 * share, when))

    def _fault(self, row, before, make, text):
        row.before = before
        self.rows.append(row)
        self.tell("the flow goes %s" % arrows(before))
        row.fault_at = at = self.watch.begin_fault()
        self.story.tell(text, at=at)
        make()
        return at

    def _judge(self, row, at, avoids):
        time.sleep(max(0.0, at + FAULT_SECONDS - 0.5 - time.monotonic()))
        row.after = self.mesh.path_in_use(self.source, self.to, RATE,
                                            self.flow.traffic_class)
        time.sleep(max(0.0, at + FAULT_SECONDS - time.monotonic()))
        until = time.monotonic()
        row.outage_ms, row.lost = self.flow.outage(at, until)
        share = self.flow.delivered_share(until - 1.0, until)
        first, reroute = self.watch.end_fault()
        if first:
            row.noticed_by, event = first
            row.noticed_ms = 1000 * (event["time_s"] - at)
            row.why = event["fields"].get("evidence") or event["kind"]
        if reroute:
            self._tell_why(reroute[0])
        self.tell("the receiver: silent for %.0f ms, %d packets lost; the flow now goes %s" %
                  (row.outage_ms, row.lost, arrows(row.after)))
        if row.outage_ms > OUTAGE_MS_MAX:
            row.problems.append("outage over %.0f ms" % OUTAGE_MS_MAX)
        if share < ALIVE_SHARE_MIN:
            row.problems.append("only %.0f %% arrived in the last second" % (100 * share))
        if not row.after or not avoids(row.after):
            row.problems.append("traffic did not leave for another way")

    def _tell_why(self, node):
        answer = self.mesh.nodes[node].ask("why", self.to, "--class", self.flow.traffic_class)
        for line in (answer or {}).get("text", [])[:3]:
            self.tell("  why, says %s: %s" % (node, line))

    def _rejoin(self, row, names):
        try:
            took = self.mesh.wait_for_adjacencies(names, REJOIN_SECONDS_MAX)
            self.tell("all adjacencies of %s are back after %.1f s" %
                      (", ".join(sorted(names)), took))
        except meshes.MeshError as error:
            row.problems.append("not back within %.0f s" % REJOIN_SECONDS_MAX)
            self.tell(str(error))

    def _settle(self, row, at, when):
        """After a repair the flow must run on, whichever way it takes."""
        self._steady(when)
        now = time.monotonic()
        if row.after:
            row.repair_ms, row.repair_lost = self.flow.outage(at, now)
        else:  # one silence from the fault to the repair: known exactly only now that it ended
            row.outage_ms, row.lost = self.flow.outage(row.fault_at, now)
        self.tell("since then silent for at most %.0f ms, %d packets lost; the flow goes %s" % (
            row.repair_ms, row.repair_lost, arrows(self._path_now())))
        if row.repair_ms > OUTAGE_MS_MAX:
            row.problems.append("outage over %.0f ms at the repair" % OUTAGE_MS_MAX)

    # ---- the end
    def table(self):
        """A column for each fault: rows would be wider than a terminal."""
        lines = [("", "noticed by", "evidence", "way before", "way since", "outage", "packets lost",
                  "at the repair", "verdict")]
        for row in self.rows:
            noticed = "" if row.noticed_ms is None else " after %.0f ms" % row.noticed_ms
            lines.append((row.fault, row.noticed_by + noticed, row.why, arrows(row.before),
                          arrows(row.after), "%.0f ms" % row.outage_ms, str(row.lost),
                          "%.0f ms, %d lost" % (row.repair_ms, row.repair_lost),
                          "NOT HEALED" if row.problems else "healed"))
        widths = [max(len(cell) for cell in column) for column in lines]
        print()
        for number, cells in enumerate(zip(*lines)):
            print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
            if number == 0:
                print("  ".join("-" * width for width in widths))
        print()
        for row in self.rows:
            for problem in row.problems:
                print("%s: %s" % (row.fault, problem))

    def close(self):
        self.flow.close()
        self.mesh.close()


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--radios", action="store_true",
                        help="another demonstration: four radios die and come back; goes first")
    parser.add_argument("--no-healing", action="store_true",
                        help="switch healing off, to see what it is worth; exits 1")
    parser.add_argument("--loopback", action="store_true",
                        help="loopback ports even where network namespaces would work")
    parser.add_argument("--class", dest="traffic_class", default="telemetry",
                        choices=("critical", "reliable", "telemetry", "bulk"),
                        help="traffic class of the flow (default: %(default)s)")
    parser.add_argument("--programs", default=os.path.join(os.path.dirname(os.path.abspath(
        __file__)), "../../build/release/bin"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    meshes.remove_leftovers()
    no_namespaces = "asked for" if arguments.loopback else meshes.why_no_namespaces()
    demo = Demo(arguments, os.path.abspath(arguments.programs), no_namespaces)
    status = 3
    try:
        demo.run()
        demo.table()
        unhealed = [row for row in demo.rows if row.problems]
        print("%d of %d faults healed. Over the whole run the receiver counts %d packets sent, %d "
              "received, %d lost, %d more than once." % (
                  len(demo.rows) - len(unhealed), len(demo.rows), demo.total["sent"],
                  demo.total["received"], demo.total["lost"], demo.total["duplicates"]))
        status = 1 if unhealed else 0
    except meshes.MeshError as error:
        print("tools/demo: %s" % error, file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted; cleaning up", file=sys.stderr)
        status = 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        demo.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
