"""A flow through the mesh, sent and counted by selvage-flow: what an application on top sees.

The receiver reports what it has counted every TICK_MS and each gap when it ends; this module only
looks these reports up for a span of time. Times are time.monotonic().
"""

import json
import os
import signal
import subprocess
import threading
import time

from mesh import MeshError, end, spawn

TICK_MS = 20
GAP_MS_MIN = 5.0  # shorter pauses are this machine's scheduler
PORT = 7000
START_SECONDS_MAX = 5.0
END_SECONDS_MAX = 5.0
FLOW_SECONDS_MAX = 600


class Flow:
    def __init__(self, mesh, source, to, rate, traffic_class, size_bytes):
        self.mesh, self.source, self.to = mesh, source, to
        self.rate, self.traffic_class, self.size_bytes = rate, traffic_class, size_bytes
        self.lock = threading.Lock()
        self.counts = []   # (time, {"received", "next", "silent_ms"}), in order
        self.gaps = []     # (time it ended, milliseconds)
        self.summary = {}
        self.ready = threading.Event()
        self.finished = threading.Event()
        self.sender = self.receiver = None
        self.clock_offset = time.time() - time.monotonic()

    def start(self):
        program = self.mesh.program("selvage-flow")
        self.receiver = spawn(
            [program, "recv", "--api", self.mesh.nodes[self.to].api, "--port", str(PORT),
             "--window-events", "--gap-ms", str(GAP_MS_MIN), "--tick-ms", str(TICK_MS),
             "--linger", "0.2", "--report-json"], subprocess.PIPE, self._log("receiver"))
        threading.Thread(target=self._pump, args=(self.receiver.stdout,), daemon=True).start()
        if not self.ready.wait(START_SECONDS_MAX):
            raise MeshError("the receiving application did not start: " + self._said("receiver"))
        self.sender = spawn(
            [program, "send", "--api", self.mesh.nodes[self.source].api, "--to", self.to,
             "--port", str(PORT), "--rate", str(self.rate), "--size", str(self.size_bytes),
             "--class", self.traffic_class, "--seconds", str(FLOW_SECONDS_MAX)],
            self._log("sender"), self._log("sender"))

    def _log(self, who):
        return open(os.path.join(self.mesh.dir, who + ".log"), "ab")

    def _said(self, who):
        with open(os.path.join(self.mesh.dir, who + ".log"), errors="replace") as log:
            return log.read().strip()[-500:] or "it said nothing"

    def _pump(self, stream):
        for line in stream:
            try:
                self._take(json.loads(line))
            except ValueError:
                continue  # half a line of a receiver that was killed
        self.finished.set()

    def _take(self, report):
        kind = report["event"]
        with self.lock:
            if kind == "count":
                self.counts.append((report["unix_s"] - self.clock_offset, report))
            elif kind == "gap":
                self.gaps.append((report["unix_s"] - self.clock_offset, report["gap_ms"]))
            elif kind == "summary":
                self.summary = report
            elif kind == "ready":
                self.ready.set()

    # ---- what was counted between two moments
    def _count_at(self, moment):
        """The last report at or before `moment`."""
        found = {"received": 0, "next": 0, "silent_ms": 0.0}
        for at, report in self.counts:
            if at > moment:
                break
            found = report
        return found

    def delivered_share(self, begin, until):
        """Received between the two, as a share of what the rate makes of that time."""
        with self.lock:
            got = self._count_at(until)["received"] - self._count_at(begin)["received"]
        return got / (self.rate * (until - begin))

    def outage(self, begin, until):
        """(longest silence in ms, packets lost) between the two, as counted by the receiver.

        A silence that still lasts counts as long as it is, and with what should have come since.
        """
        with self.lock:
            before, after = self._count_at(begin), self._count_at(until)
            silent_ms = max([ms for at, ms in self.gaps if begin < at <= until] + [0.0])
            lost = after["next"] - before["next"] - (after["received"] - before["received"])
            if after["silent_ms"] >= max(GAP_MS_MIN, 2 * TICK_MS):
                silent_ms = max(silent_ms, after["silent_ms"])
                lost += int(after["silent_ms"] * self.rate / 1000)
        return silent_ms, max(0, lost)

    def check_alive(self):
        for who, process in (("sender", self.sender), ("receiver", self.receiver)):
            if process.poll() is not None:
                raise MeshError("the %s ended: %s" % (who, self._said(who)))

    def finish(self):
        """Ends the sender in order and waits for the receiver's closing count."""
        self.sender.send_signal(signal.SIGTERM)
        if not self.finished.wait(END_SECONDS_MAX):
            self.receiver.send_signal(signal.SIGTERM)  # it missed the end markers: sums up now
            self.finished.wait(END_SECONDS_MAX)
        if not self.summary:
            raise MeshError("the receiver gave no closing count: " + self._said("receiver"))
        return self.summary

    def close(self):
        end(self.sender, patience=0.5)
        end(self.receiver, patience=0.5)
