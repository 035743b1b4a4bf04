"""Two agents that have nothing but a plug-in find each other and exchange messages; at one of them
it runs in a process of its own, which is killed and comes back while the agent goes on.

    plugin.py BIN PLUGIN [--json]

PLUGIN is the example of tests/install/plugin, whose medium is a directory.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

CONFIG = """
[node]
name = "{name}"
state_dir = "{folder}/{name}"
[control]
socket = "{folder}/{name}.sock"
[api]
endpoint = "ipc://{folder}/{name}.api"
[plugins]
directory = "{plugins}"
[[link]]
transport = "room"
isolated = {isolated}
settings = {{ directory = "{folder}/room", mtu = 200 }}
"""


class Pair:
    def __init__(self, programs, plugin, folder):
        self.selvage = os.path.join(programs, "selvage")
        self.folder = folder
        self.agents = {}
        subprocess.run([self.selvage, "network", "create", folder + "/net", "--name", "plug"],
                       check=True, stdout=subprocess.DEVNULL)
        for name in ("a", "b"):
            subprocess.run([self.selvage, "network", "admit", folder + "/net", "--name", name,
                            "--out", folder + "/" + name], check=True, stdout=subprocess.DEVNULL)
            file_name = "%s/%s.toml" % (folder, name)
            with open(file_name, "w", encoding="utf-8") as file:
                file.write(CONFIG.format(name=name, folder=folder,
                                         plugins=os.path.dirname(os.path.abspath(plugin)),
                                         isolated="true" if name == "a" else "false"))
            self.agents[name] = subprocess.Popen(
                [os.path.join(programs, "selvaged"), "--config", file_name])

    def stop(self):
        for agent in self.agents.values():
            agent.terminate()
        return [agent.wait() for agent in self.agents.values()]

    def ask(self, name, *words):
        out = subprocess.run([self.selvage, "--control", "%s/%s.sock" % (self.folder, name),
                              "--json", *words],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return json.loads(out.stdout) if out.returncode == 0 and out.stdout else None

    def link(self, name):
        return (self.ask(name, "links") or [{}])[0]

    def neighbors_up(self, name):
        return [n for n in self.ask(name, "neighbors") or []
                if n["state"] == "up" and n["transport"] == "room"]

    def host_of(self, name):
        """The process that runs the plug-in: the only child of the agent."""
        pid = self.agents[name].pid
        with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as file:
            children = file.read().split()
        if not children:  # started by another thread
            for task in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as file:
                    children += file.read().split()
        return int(children[0]) if children else None

    def deliver(self, text, size=0):
        """From a to b; the time it took, None when it did not arrive."""
        receiver = subprocess.Popen(
            [self.selvage, "--control", self.folder + "/b.sock", "--json", "recv", "--count", "1"],
            stdout=subprocess.PIPE)
        time.sleep(0.3)
        begun = time.monotonic()
        text += "." * size
        subprocess.run([self.selvage, "--control", self.folder + "/a.sock", "send", "--to", "b",
                        "--class", "reliable", "--text", text], check=True,
                       stdout=subprocess.DEVNULL)
        try:
            out, _ = receiver.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            receiver.kill()
            return None
        return time.monotonic() - begun if text.encode() in out else None


def wait(what, condition, seconds):
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.05)
    print("not within %d s: %s" % (seconds, what))
    return None


def check(pair):
    figures = {}
    both_up = lambda: pair.neighbors_up("a") and pair.neighbors_up("b")
    figures["neighbors_s"] = wait("both are neighbours through the plug-in", both_up, 60)
    if figures["neighbors_s"] is None:
        print(pair.link("a"), pair.link("b"))
        return figures, False
    figures["radio"] = pair.link("a").get("radio")
    figures["delivered_s"] = pair.deliver("through somebody else's transport")
    figures["delivered_in_parts_s"] = pair.deliver("in parts of 200 bytes", 900)

    epoch = pair.ask("a", "status")["uptime_s"]
    host = pair.host_of("a")
    if host is None or host == pair.agents["b"].pid:
        print("the plug-in of a has no process of its own")
        return figures, False
    os.kill(host, signal.SIGKILL)
    figures["noticed_s"] = wait("the link is down", lambda: not pair.link("a").get("up", True), 10)
    figures["why"] = pair.link("a").get("radio")
    figures["link_back_s"] = wait("the link is up again", lambda: pair.link("a").get("up"), 20)
    figures["other_process"] = pair.host_of("a") not in (None, host)
    figures["neighbors_again_s"] = wait("they are neighbours again", both_up, 60)
    figures["delivered_again_s"] = pair.deliver("after its driver was killed")
    figures["agent_ran_on"] = (pair.agents["a"].poll() is None and
                               pair.ask("a", "status")["uptime_s"] >= epoch)
    return figures, all(v is not None and v is not False for v in figures.values())


def main():
    programs, plugin = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="selvage-plugin-") as folder:
        pair = Pair(programs, plugin, folder)
        try:
            figures, fine = check(pair)
        finally:
            statuses = pair.stop()
    if statuses != [0, 0]:
        print("the agents ended with %s" % statuses)
        fine = False
    if "--json" in sys.argv:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print("%-22s %s" % (key, "%.2f" % value if isinstance(value, float) else value))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
