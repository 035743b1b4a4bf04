"""A device with a LoRaWAN modem and a gateway agent become neighbours; alarms go both ways.

    lorawan_mesh.py BIN EMULATOR

Real agents. The emulator (tests/transports/radios/lorawan_air.cc) is modem, air and packet
forwarder, in real time with real keys, counters and receive windows. Once in class C with ST's
dialect at DR3, and once in class A with RUI3 at DR5. (At DR0 a handshake takes the air time of
most of an hour.)
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time

KEYS = "70b3d57ed0000001 0000000000000001 000102030405060708090a0b0c0d0e0f %s\n"
COMMON = """
[node]
name = "{name}"
state_dir = "{folder}/{name}"
[control]
socket = "{folder}/{name}.sock"
[api]
endpoint = "ipc://{folder}/{name}.api"
[[link]]
transport = "lorawan"
keys_file = "{folder}/keys"
"""
DEVICE = COMMON + """
mode = "device"
at_port = "{folder}/modem"
dialect = "{dialect}"
data_rate = {rate}
poll_s = 30
"""
GATEWAY = COMMON + """
mode = "gateway"
listen = "127.0.0.1:{port}"
poll_s = 30
"""
RUNS = (("C", "st", 3, "tank 4: 12.7 bar, valve 2 is shut again!"),
        ("A", "rui3", 5, "tank 4: 12.7 bar, valve 2 is shut again!"))


class Pair:
    def __init__(self, binaries, emulator, folder):
        self.binaries, self.emulator, self.folder = binaries, emulator, folder
        self.processes = []

    def program(self, name):
        return os.path.join(self.binaries, name)

    def start(self, of_class, dialect, rate):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with open(self.folder + "/keys", "w", encoding="utf-8") as file:
            file.write(KEYS % of_class)
        subprocess.run([self.program("selvage"), "network", "create", self.folder + "/net",
                        "--name", "lorawan"], check=True, stdout=subprocess.DEVNULL)
        self.air = subprocess.Popen(
            [self.emulator, self.folder + "/modem", dialect, self.folder + "/keys", str(port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name, config in (("device", DEVICE), ("gateway", GATEWAY)):
            subprocess.run([self.program("selvage"), "network", "admit", self.folder + "/net",
                            "--name", name, "--out", "%s/%s" % (self.folder, name)], check=True,
                           stdout=subprocess.DEVNULL)
            path = "%s/%s.toml" % (self.folder, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(config.format(name=name, folder=self.folder, dialect=dialect, rate=rate,
                                         port=port))
            self.processes.append(subprocess.Popen([self.program("selvaged"), "--config", path]))

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        self.air.stdin.close()
        self.air.wait()

    def happened(self):
        self.air.stdin.write("?\n")
        self.air.stdin.flush()
        return json.loads(self.air.stdout.readline())

    def ask(self, name, *words):
        out = subprocess.run([self.program("selvage"), "--control",
                              "%s/%s.sock" % (self.folder, name), "--json", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return json.loads(out.stdout) if out.returncode == 0 and out.stdout else None

    def up(self, name):
        return any(n["state"] == "up" for n in self.ask(name, "neighbors") or [])

    def has_route(self, name, to):
        return any(r["to"] == to and r["next_hop"] == to for r in self.ask(name, "routes") or [])

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
            out, _ = receiver.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            receiver.kill()
            return None
        return time.monotonic() - begun if text.encode() in out else None


def wait(what, condition, seconds):
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.3)
    print("not within %d s: %s" % (seconds, what))
    return None


def check(pair, text):
    took = wait("both are neighbours", lambda: pair.up("device") and pair.up("gateway"), 200)
    if took is None:
        print(pair.happened(), pair.ask("device", "links"), pair.ask("gateway", "links"))
        return False
    print("  neighbours after %.1f s" % took)
    if wait("routes both ways", lambda: pair.has_route("device", "gateway")
            and pair.has_route("gateway", "device"), 300) is None:
        print(pair.happened(), pair.ask("device", "links"), pair.ask("gateway", "links"))
        return False
    for source, to in (("device", "gateway"), ("gateway", "device")):
        before = pair.happened()
        took = pair.alarm(source, to, text)
        if took is None:
            print("the alarm from the %s did not arrive" % source)
            return False
        now = pair.happened()
        print("  alarm of %d bytes %s to %s: %.1f s, %d uplinks, %d downlinks"
              % (len(text), source, to, took, now["uplinks"] - before["uplinks"],
                 now["downlinks"] - before["downlinks"]))
    happened = pair.happened()
    print("  on air: %.1f s up, %.1f s down; forwarder: %s" % (
        happened["up_air_s"], happened["down_air_s"],
        {a: happened["tx_acks"].count(a) for a in set(happened["tx_acks"])}))
    for name in ("device", "gateway"):
        link = pair.ask(name, "links")[0]
        print("  %s: %s; duty %.1f %%, control budget %.1f %%" % (
            name, link["radio"], 100 * link["telemetry"]["duty_used"],
            100 * link["telemetry"]["budget_used"]))
        if not 0 < link["telemetry"]["duty_used"] <= 1 or link["telemetry"]["budget_used"] > 1:
            return False
    return happened["joins"] == 1


def main():
    for of_class, dialect, rate, text in RUNS:
        print("class %s, %s, DR%d" % (of_class, dialect, rate), flush=True)
        with tempfile.TemporaryDirectory(prefix="selvage-lorawan-") as folder:
            pair = Pair(sys.argv[1], sys.argv[2], folder)
            try:
                pair.start(of_class, dialect, rate)
                if not check(pair, text):
                    return 1
            finally:
                pair.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
