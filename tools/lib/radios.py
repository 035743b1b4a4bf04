"""Two agents with all kinds of radios: they die one after the other, and come back.

Real processes in two network namespaces. Wi-Fi, RedCap and broadband satellite are veth pairs under
the transports of these names, LoRa and SBD modems are emulated (lora_air.py, sbd_sky.py), and a
radio dies by the kernel dropping its packets in silence, a modem by being pulled out. A flow of
class critical runs while there is IP; alarms go over LoRa when there is none, and as satellite
messages when LoRa is gone too. Prints what happened and exits 0 only if every step met its limit.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import lora_air
import mesh as meshes
import sbd_sky
from flow import Flow

RADIOS = ("wifi", "redcap", "satellite")  # the cheap ones first
LIMIT_MS = 400.0      # from one radio to the next
RETURN_S = 60.0       # back to the cheaper one: proof takes time
LORA_RETURN_S = 120.0  # where hellos are rare
ALARM_S = 30.0
MEET_S = {True: 90.0, False: 180.0}  # LoRa at SF9 and below, and slower
# What one unit carries: LoRa at SF9 and below (DR3 and up), and slower.
ALARMS = {True: "tank 4: 12.7 bar, valve 2 is shut again!", False: "pump 7 dry, 3.1 bar now!"}
# EU868, 869.40 to 869.65 MHz: a tenth of the time is allowed there, elsewhere a hundredth, of which
# getting to know each other at SF12 would take nearly all.
SLOW_HZ = 869525000
CREDITS = 400
RATE = 50
NODES = ("field", "base")


class Node:
    def __init__(self, demo, number, name):
        self.name = name
        self.dir = os.path.join(demo.dir, name)
        self.control = os.path.join(self.dir, "control.sock")
        self.api = "ipc://" + os.path.join(self.dir, "api.sock")
        self.namespace = "%s-%d-%s" % (meshes.PREFIX, os.getpid(), name)
        self.number = number
        self.process = None

    def lora_modem(self):
        return os.path.join(os.path.dirname(self.dir), "lora-" + self.name)

    def sbd_modem(self):
        return os.path.join(os.path.dirname(self.dir), "sbd-" + self.name)

    def config(self, spreading_factor):
        text = ('[node]\nname = "%s"\nstate_dir = "%s"\n[control]\nsocket = "%s"\n'
                '[api]\nendpoint = "%s"\n' % (self.name, self.dir, self.control, self.api))
        for i, radio in enumerate(RADIOS):
            text += '[[link]]\ntransport = "%s"\ninterface = "%s"\n' % (radio, radio)
            if radio == "redcap":  # no modem is asked: an AT port that is not there
                text += 'at_port = "%s/no-modem"\n' % self.dir
            if radio != "wifi":
                text += 'peers = ["udp://10.8.%d.%d:7700"]\n' % (i, 3 - self.number)
        text += ('[[link]]\ntransport = "lorawan"\nat_port = "%s"\nspreading_factor = %d\n'
                 % (self.lora_modem(), spreading_factor))
        if spreading_factor > 9:
            text += "frequency_hz = %d\n" % SLOW_HZ
        return text + ('[[link]]\ntransport = "satellite"\nmodem = "sbd"\nat_port = "%s"\n'
                       'credits_per_month = %d\ncontrol_credits_per_day = 200\npatience_s = %d\n'
                       % (self.sbd_modem(), CREDITS, 12 if spreading_factor <= 9 else 40))


class Demo:
    def __init__(self, programs, spreading_factor):
        self.programs = programs
        self.spreading_factor = spreading_factor
        self.dir = tempfile.mkdtemp(prefix="%s-%d-" % (meshes.PREFIX, os.getpid()))
        self.nodes = {name: Node(self, i + 1, name) for i, name in enumerate(NODES)}
        self.air = self.sky = None
        self.failed = []

    def program(self, name):
        return os.path.join(self.programs, name)

    def set_up(self):
        selvage = self.program("selvage")
        meshes.run([selvage, "network", "create", self.dir + "/net", "--name", "radios"])
        self.air = lora_air.Air([node.lora_modem() for node in self.nodes.values()])
        self.air.start()
        self.sky = sbd_sky.Sky([node.sbd_modem() for node in self.nodes.values()])
        self.sky.start()
        for node in self.nodes.values():
            meshes.run([selvage, "network", "admit", self.dir + "/net", "--name", node.name,
                        "--out", node.dir])
            meshes.run(["ip", "netns", "add", node.namespace])
        field, base = self.nodes.values()
        for i, radio in enumerate(RADIOS):
            meshes.run(["ip", "-n", field.namespace, "link", "add", radio, "type", "veth", "peer",
                        "name", radio, "netns", base.namespace])
            for node in (field, base):
                meshes.run(["ip", "-n", node.namespace, "addr", "add",
                            "10.8.%d.%d/24" % (i, node.number), "dev", radio])
                meshes.run(["ip", "-n", node.namespace, "link", "set", radio, "up"])
        for node in self.nodes.values():
            path = os.path.join(node.dir, "selvaged.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(node.config(self.spreading_factor))
            log = open(os.path.join(node.dir, "selvaged.log"), "ab")
            node.process = meshes.spawn(
                ["nsenter", "--net=%s/%s" % (meshes.NETNS_DIR, node.namespace),
                 self.program("selvaged"), "--config", path], log, log)

    def silence(self, radio, silent):
        """Drops what comes in on a radio, at both ends; nobody is told."""
        for node in self.nodes.values():
            rules = ("table netdev %s {\n chain c { type filter hook ingress device %s priority 0; "
                     "policy drop; }\n}\n" % (radio, radio) if silent
                     else "delete table netdev %s\n" % radio)
            meshes.run(["nsenter", "--net=%s/%s" % (meshes.NETNS_DIR, node.namespace), "nft", "-f",
                        "-"], rules)

    def ask(self, name, *words):
        out = subprocess.run([self.program("selvage"), "--control", self.nodes[name].control,
                              "--json", *words], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False)
        return json.loads(out.stdout) if out.returncode == 0 and out.stdout else None

    def kind(self, link, transport):
        """As the transport is called, but a message modem is one of its own."""
        return "sbd" if link == self.nodes["field"].sbd_modem() else transport

    def transport_to_base(self, traffic_class="critical"):
        links = {l["name"]: self.kind(l["name"], l["transport"])
                 for l in self.ask("field", "links") or []}
        for route in self.ask("field", "routes", "--class", traffic_class) or []:
            if route["to"] == "base":
                return links.get(route["link"], "")
        return ""

    def wait(self, condition, seconds):
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            if condition():
                return time.monotonic() - begun
            time.sleep(0.1)
        return None

    def row(self, what, result, ok):
        print("  %-34s %-44s %s" % (what, result, "ok" if ok else "NOT MET"), flush=True)
        if not ok:
            self.failed.append(what)
            self.keep_state(what)

    def keep_state(self, what):
        """What both agents say when a row is not met goes beside their logs."""
        for name in self.nodes:
            said = {about[0]: self.ask(name, *about) for about in
                    (["status"], ["links"], ["neighbors"], ["routes", "--class", "telemetry"],
                     ["events"])}
            path = os.path.join(self.dir, "%s after %s.json" % (name, what.replace("/", " ")))
            with open(path, "w", encoding="utf-8") as out:
                json.dump(said, out, indent=1)

    def run(self):
        self.set_up()
        everything = {"wifi", "redcap", "satellite", "lorawan", "sbd"}
        took = self.wait(lambda: {self.kind(n["link"], n["transport"])
                                  for n in self.ask("field", "neighbors") or []
                                  if n["state"] == "up"} == everything,
                         MEET_S[self.spreading_factor <= 9])
        self.row("neighbours over all five", "never" if took is None else "%.1f s" % took,
                 took is not None)
        took = self.wait(lambda: self.transport_to_base() == "wifi", 30)
        self.row("critical goes over Wi-Fi", "never" if took is None else "%.1f s" % took,
                 took is not None)
        flow = Flow(self, "field", "base", RATE, "critical", 64)
        flow.start()
        time.sleep(3)
        for dying, heir in zip(RADIOS, RADIOS[1:]):
            begun = time.monotonic()
            self.silence(dying, True)
            time.sleep(4)
            with flow.lock:
                gaps = [ms for at, ms in flow.gaps if at >= begun]
            worst = max(gaps, default=0.0)
            moved = self.transport_to_base() == heir
            self.row("%s falls silent: over %s" % (dying, heir),
                     "longest gap %.0f ms%s" % (worst, "" if moved else ", and not moved"),
                     moved and worst <= LIMIT_MS)
        meshes.end(flow.sender)
        time.sleep(1)  # receipts of the last messages
        self.last_radio()
        self.come_back()
        meshes.end(flow.receiver)
        return not self.failed

    def alarm(self):
        """Seconds until an alarm is there, from the field to the base; None when it is not."""
        receiver = subprocess.Popen(
            [self.program("selvage"), "--control", self.nodes["base"].control, "--json", "recv",
             "--count", "1"], stdout=subprocess.PIPE)
        time.sleep(0.3)
        text = ALARMS[self.spreading_factor <= 9]
        begun = time.monotonic()
        self.ask("field", "send", "--to", "base", "--class", "telemetry", "--text", text)
        try:
            out, _ = receiver.communicate(timeout=ALARM_S)
        except subprocess.TimeoutExpired:
            receiver.kill()
            return None
        return time.monotonic() - begun if text.encode() in out else None

    def last_radio(self):
        """The satellite is idle when it dies, so it is the alarm itself that finds out."""
        self.silence("satellite", True)
        units, air_s = self.air.units, self.air.air_s
        took = self.alarm()
        what = "an alarm of %d bytes" % len(ALARMS[self.spreading_factor <= 9])
        self.row("all IP silent: " + what, "lost" if took is None else
                 "%.1f s, %d units, %.1f s on air"
                 % (took, self.air.units - units, self.air.air_s - air_s), took is not None)
        took = self.wait(lambda: self.transport_to_base("telemetry") == "lorawan", LORA_RETURN_S)
        self.row("telemetry goes over LoRa", "never" if took is None else "after %.1f s" % took,
                 took is not None)
        telemetry = [l["telemetry"] for l in self.ask("field", "links") or []
                     if l["transport"] == "lorawan"]
        duty = telemetry[0]["duty_used"] if telemetry else 2
        self.row("duty cycle", "%.0f %% of what the law allows" % (100 * duty), duty <= 1)
        self.last_resort(what)

    def last_resort(self, what):
        self.air.plug(self.nodes["field"].lora_modem(), False)
        took = self.wait(lambda: self.transport_to_base("telemetry") == "sbd", 30)
        self.row("LoRa is pulled out: over SBD", "never" if took is None else "after %.1f s" % took,
                 took is not None)
        modem = self.sky.modems[0]
        credits = modem.credits
        took = self.alarm()
        self.row("only SBD is left: " + what, "lost" if took is None else "%.1f s, %d credits"
                 % (took, modem.credits - credits), took is not None)
        counted = [l["telemetry"]["budget_used"] * CREDITS for l in self.ask("field", "links") or []
                   if l["name"] == self.nodes["field"].sbd_modem()]
        right = bool(counted) and round(counted[0]) in (modem.credits, credits)
        self.row("the bill", "%d of %d credits, as the gateway counts" % (modem.credits, CREDITS)
                 if right else "%s counted, %d billed" % (counted, modem.credits),
                 right and modem.credits <= CREDITS)

    def come_back(self):
        self.air.plug(self.nodes["field"].lora_modem(), True)
        took = self.wait(lambda: self.transport_to_base("telemetry") == "lorawan",
                         LORA_RETURN_S)
        self.row("LoRa is back: telemetry over it",
                 "never" if took is None else "after %.1f s" % took, took is not None)
        for radio in reversed(RADIOS):
            self.silence(radio, False)
            took = self.wait(lambda: self.transport_to_base() == radio, RETURN_S)
            self.row("%s is back: critical over it" % radio,
                     "never" if took is None else "after %.1f s" % took, took is not None)

    def close(self):
        for node in self.nodes.values():
            meshes.end(node.process)
        if self.air is not None:
            self.air.stop()
        if self.sky is not None:
            self.sky.stop()
        for node in self.nodes.values():
            subprocess.run(["ip", "netns", "del", node.namespace], stderr=subprocess.DEVNULL,
                           check=False)
        if not self.failed:
            shutil.rmtree(self.dir, ignore_errors=True)
        else:
            print("logs are in %s" % self.dir)


def main():
    parser = argparse.ArgumentParser(
        prog="tools/demo --radios", description=re.sub(r"\s+", " ", __doc__.split("\n\n")[1]))
    parser.add_argument("--programs", default=os.path.join(os.path.dirname(os.path.abspath(
        __file__)), "../../build/release/bin"), help=argparse.SUPPRESS)
    parser.add_argument("--spreading-factor", type=int, default=9, choices=range(7, 13),
                        help="of the LoRa radios; beyond 9 an alarm has 24 bytes, else 40")
    arguments = parser.parse_args()
    problem = meshes.why_no_namespaces()
    if problem:
        print("tools/demo --radios needs network namespaces: %s" % problem, file=sys.stderr)
        return 77
    meshes.remove_leftovers()
    demo = Demo(os.path.abspath(arguments.programs), arguments.spreading_factor)
    try:
        print("Two agents, all radios: Wi-Fi, RedCap, satellite, LoRa SF%d, satellite messages."
              % arguments.spreading_factor)
        return 0 if demo.run() else 1
    except meshes.MeshError as error:
        print("tools/demo: %s" % error, file=sys.stderr)
        demo.failed.append("set-up")
        return 3
    finally:
        demo.close()


if __name__ == "__main__":
    sys.exit(main())
