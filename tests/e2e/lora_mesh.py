"""Two agents that have nothing but LoRa modems find each other and exchange messages.

    lora_mesh.py BIN

Real processes; the modems are pseudo-terminals that share the air (lora_air.py).
"""

import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/lib"))
import lora_air  # noqa: E402: beside the demonstration that uses it too

CONFIG = """
[node]
name = "{name}"
state_dir = "{folder}/{name}"
[control]
socket = "{folder}/{name}.sock"
[api]
endpoint = "ipc://{folder}/{name}.api"
[[link]]
transport = "lorawan"
at_port = "{folder}/modem-{name}"
spreading_factor = 9
"""


def main():
    binaries = sys.argv[1]
    selvage = os.path.join(binaries, "selvage")
    with tempfile.TemporaryDirectory(prefix="selvage-lora-") as folder:
        subprocess.run([selvage, "network", "create", folder + "/net", "--name", "lora"],
                       check=True, stdout=subprocess.DEVNULL)
        agents = []
        air = lora_air.Air([folder + "/modem-a", folder + "/modem-b"])
        air.start()
        try:
            for name in ("a", "b"):
                subprocess.run([selvage, "network", "admit", folder + "/net", "--name", name,
                                "--out", folder + "/" + name], check=True,
                               stdout=subprocess.DEVNULL)
                with open("%s/%s.toml" % (folder, name), "w", encoding="utf-8") as file:
                    file.write(CONFIG.format(name=name, folder=folder))
                agents.append(subprocess.Popen(
                    [os.path.join(binaries, "selvaged"), "--config",
                     "%s/%s.toml" % (folder, name)]))
            return check(selvage, folder, air)
        finally:
            for agent in agents:
                agent.terminate()
            for agent in agents:
                agent.wait()
            air.stop()


def ask(selvage, folder, name, *words):
    out = subprocess.run([selvage, "--control", "%s/%s.sock" % (folder, name), "--json", *words],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return json.loads(out.stdout) if out.returncode == 0 and out.stdout else None


def neighbors_up(selvage, folder, name):
    found = ask(selvage, folder, name, "neighbors") or []
    return [n for n in found if n["state"] == "up" and n["transport"] == "lorawan"]


def wait(what, condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    print("not within %d s: %s" % (seconds, what))
    return False


def check(selvage, folder, air):
    begun = time.monotonic()
    if not wait("both are neighbours over LoRa",
                lambda: neighbors_up(selvage, folder, "a") and neighbors_up(selvage, folder, "b"),
                90):
        print(ask(selvage, folder, "a", "links"), ask(selvage, folder, "a", "status"))
        return 1
    print("neighbours after %.1f s, %d units, %.1f s on air"
          % (time.monotonic() - begun, air.units, air.air_s))
    # Two that call at once lose both calls, and what got lost is sent again after 20 s to a minute.
    if not wait("a has a route to b", lambda: any(
            r["to"] == "b" and r["next_hop"] == "b"
            for r in ask(selvage, folder, "a", "routes") or []), 150):
        return 1
    receiver = subprocess.Popen(
        [selvage, "--control", folder + "/b.sock", "--json", "recv", "--count", "1"],
        stdout=subprocess.PIPE)
    time.sleep(0.5)
    units = air.units
    subprocess.run([selvage, "--control", folder + "/a.sock", "send", "--to", "b", "--class",
                    "telemetry", "--text", "tank 4 leaks: 12.7 bar, valve shut"], check=True)
    try:
        out, _ = receiver.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        receiver.kill()
        print("the alarm did not arrive")
        return 1
    print("arrived in %d units: %s" % (air.units - units, out.decode().strip()))
    link = ask(selvage, folder, "a", "links")[0]
    print("telemetry: %s" % json.dumps(link["telemetry"]))
    if b"tank 4 leaks" not in out or link["telemetry"]["duty_used"] <= 0:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
