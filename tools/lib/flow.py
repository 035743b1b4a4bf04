"""A flow through the mesh, sent and counted by selvage-flow: what an application on top sees.

The receiver says every REPORT_MS what it counted. Gaps and losses are its own figures, by sequence
number; this module only adds them up over a span of time.
"""

import json
import os
import subprocess
import threading
import time

from mesh import MeshError, end, spawn_reader

REPORT_MS = 50
PORT = 7000


class Flow:
    def __init__(self, mesh, source, to, rate, traffic_class, size_bytes):
        self.mesh, self.source, self.to = mesh, source, to
        self.rate, self.traffic_class, self.size_bytes = rate, traffic_class, size_bytes
        self.reports = []
        self.sender = self.receiver = None

    def start(self):
        program = self.mesh.program("selvage-flow")
        self.receiver = spawn_reader(
            [program, "receive", "--api", self.mesh.nodes[self.to].api, "--port", str(PORT),
             "--report-ms", str(REPORT_MS), "--json"],
            self._take, os.path.join(self.mesh.dir, "receiver.log"))
        time.sleep(0.2)
        self.sender = spawn_reader(
            [program, "send", "--api", self.mesh.nodes[self.source].api, "--to", self.to,
             "--port", str(PORT), "--rate", str(self.rate), "--size", str(self.size_bytes),
             "--class", self.traffic_class, "--json"],
            lambda report: None, os.path.join(self.mesh.dir, "sender.log"))
