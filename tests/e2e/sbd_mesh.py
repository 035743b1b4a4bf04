"""Two agents that have nothing but SBD modems become neighbours and exchange alarms both ways.

    sbd_mesh.py BIN

Real processes; modems and gateway are emulated (tools/lib/sbd_sky.py), at twenty times their
speed. One agent is killed while it sends, and starts again. What the agents counted must be what
the gateway billed, and an idle quarter of a minute must cost nothing.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/lib"))
import sbd_sky  # noqa: E402: beside the demonstration that uses it too

CONFIG = """
[node]
name = "{name}"
state_dir = "{folder}/{name}"
[control]
socket = "{folder}/{name}.sock"
[api]
endpoint = "ipc://{folder}/{name}.api"
[[link]]
transport = "satellite"
modem = "sbd"
at_port = "{folder}/modem-{name}"
credits_per_month = 400
control_credits_per_day = 200
patience_s = 12
"""


class Field:
    def __init__(self, binaries, folder):
        self.binaries, self.folder = binaries, folder
        self.agents = {}
        self.sky = sbd_sky.Sky([folder + "/modem-a", folder + "/modem-b"])

    def program(self, name):
        return os.path.join(self.binaries, name)

    def start(self, name):
        self.agents[name] = subprocess.Popen(
            [self.program("selvaged"), "--config", "%s/%s.toml" % (self.folder, name)])

    def set_up(self):
        self.sky.start()
        subprocess.run([self.program("selvage"), "network", "create", self.folder + "/net",
                        "--name", "sbd"], check=True, stdout=subprocess.DEVNULL)
        for name in ("a", "b"):
            subprocess.run([self.program("selvage"), "network", "admit", self.folder + "/net",
                            "--name", name, "--out", "%s/%s" % (self.folder, name)], check=True,
                           stdout=subprocess.DEVNULL)
            with open("%s/%s.toml" % (self.folder, name), "w", encoding="utf-8") as file:
                file.write(CONFIG.format(name=name, folder=self.folder))
            self.start(name)

    def stop(self):
        for agent in self.agents.values():
            agent.terminate()
        for agent in self.agents.values():
            agent.wait()
        self.sky.stop()

    def ask(self, name, *words):
        out = subprocess.run([self.program("selvage"), "--control",
                              "%s/%s.sock" % (self.folder, name), "--json", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return json.loads(out.stdout) if out.returncode == 0 and out.stdout else None

    def up(self, name):
        return any(n["state"] == "up" for n in self.ask(name, "neighbors") or [])

    def has_route(self, name, to):
        return any(r["to"] == to and r["next_hop"] == to for r in self.ask(name, "routes") or [])

    def counted(self, name):
        """Credits of this month, as the agent says."""
        radio = (self.ask(name, "links") or [{"radio": ""}])[0].get("radio", "")
        found = re.match(r"(\d+) of 400 credits", radio)
        return int(found.group(1)) if found else None

    def alarm(self, source, to, text):
        receiver = subprocess.Popen(
            [self.program("selvage"), "--control", "%s/%s.sock" % (self.folder, to), "--json",
             "recv", "--count", "1"], stdout=subprocess.PIPE)
        time.sleep(0.5)
        begun = time.monotonic()
        subprocess.run([self.program("selvage"), "--control",
                        "%s/%s.sock" % (self.folder, source), "send", "--to", to, "--class",
                        "telemetry", "--text", text], check=True)
        try:
            out, _ = receiver.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            receiver.kill()
            return None
        return time.monotonic() - begun if text.encode() in out else None


def wait(what, condition, seconds):
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.2)
    print("not within %d s: %s" % (seconds, what))
    return None


def check(field):
    modems = dict(zip("ab", field.sky.modems))

    def bills():
        return {name: modem.credits for name, modem in modems.items()}

    def agree():
        return all(field.counted(name) == modem.credits for name, modem in modems.items())

    took = wait("both are neighbours", lambda: field.up("a") and field.up("b"), 90)
    if took is None:
        print(field.ask("a", "links"), field.ask("b", "links"))
        return 1
    print("neighbours after %.1f s for %s credits" % (took, bills()))
    if wait("routes both ways",
            lambda: field.has_route("a", "b") and field.has_route("b", "a"), 150) is None:
        return 1
    for source, to in (("a", "b"), ("b", "a")):
        before = bills()
        took = field.alarm(source, to, "tank 4 leaks: 12.7 bar, valve shut")
        if took is None:
            print("the alarm from %s did not arrive" % source)
            return 1
        print("alarm %s to %s: %.1f s, %d credits" % (source, to, took,
                                                       modems[source].credits - before[source]))
    # What is still under way: receipts, the map.
    quiet = [bills()]

    def idle():
        quiet.append(bills())
        return len(quiet) > 75 and quiet[-1] == quiet[-75]

    if wait("an idle link costs nothing", idle, 180) is None:
        return 1
    if wait("the agents count what is billed", agree, 10) is None:
        print(bills(), field.counted("a"), field.counted("b"))
        return 1
    print("idle for 15 s at no cost; the bill is %s, and the agents say so" % bills())
    # Killed in the middle of a session: the modem finishes it, and nobody hears the answer.
    sent = modems["a"].sent
    subprocess.run([field.program("selvage"), "--control", field.folder + "/a.sock", "send",
                    "--to", "b", "--class", "telemetry", "--text", "last words"], check=True)
    if wait("a session begins", lambda: modems["a"].session_ends is not None, 20) is None:
        return 1
    field.agents["a"].send_signal(signal.SIGKILL)
    field.agents["a"].wait()
    if wait("the session ends", lambda: modems["a"].sent == sent + 1, 20) is None:
        return 1
    field.start("a")
    if wait("neighbours again", lambda: field.up("a"), 90) is None:
        return 1
    if wait("the agents count what is billed, over the restart", agree, 60) is None:
        print(bills(), field.counted("a"), field.counted("b"))
        return 1
    # The map follows after half a minute, for it costs more than a hello.
    if wait("a route to a again", lambda: field.has_route("b", "a"), 150) is None:
        return 1
    took = field.alarm("b", "a", "pump 2 off")
    if took is None:
        print("the alarm after the restart did not arrive")
        return 1
    print("alarm after the restart: %.1f s; the bill is %s" % (took, bills()))
    return 0


def main():
    with tempfile.TemporaryDirectory(prefix="selvage-sbd-") as folder:
        field = Field(sys.argv[1], folder)
        try:
            field.set_up()
            return check(field)
        finally:
            field.stop()


if __name__ == "__main__":
    sys.exit(main())
