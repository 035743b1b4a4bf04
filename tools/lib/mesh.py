"""A mesh of real agents on this machine: one process a node, for demonstrations and experiments.

With root and network namespaces every node has its own namespace and every link is a veth pair, so
the agents find each other by multicast and a fault is the kernel dropping packets. Without, links
are pairs of UDP ports on 127.0.0.1 and a fault is made by the agents' own `selvage lab silence`.

Whatever is started here is ended by close(), and dies with this process even if it is killed.
"""

import collections
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

PREFIX = "selvage-demo"
NETNS_DIR = "/run/netns"
START_SECONDS_MAX = 10.0

Link = collections.namedtuple("Link", "a b")  # names of the two nodes, a < b


class MeshError(Exception):
    """Something of the machine or an agent did not work; the text is for people."""


def run(argv, text_in=None):
    done = subprocess.run(argv, input=text_in, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise MeshError("%s: exit %d: %s" % (" ".join(argv), done.returncode, done.stdout.strip()))
    return done.stdout


_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(argv, output, errors):
    """Starts a process of ours, out of reach of the terminal's Ctrl-C: close() ends it in order."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                               text=True, start_new_session=True, preexec_fn=_die_with_parent)
    for stream in {output, errors} - {subprocess.PIPE, subprocess.DEVNULL}:
        stream.close()
    return process


def end(process, patience=2.0):
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def why_no_namespaces():
    """What keeps us from making namespaces, veth pairs and drop rules here; empty when nothing."""
    if os.geteuid() != 0:
        return "not root"
    for program in ("ip", "nft", "nsenter"):
        if not shutil.which(program):
            return "no program `%s`" % program
    name = "%s-%d-probe" % (PREFIX, os.getpid())
    try:
        run(["ip", "netns", "add", name])
        run(["ip", "-n", name, "link", "add", "p0", "type", "veth", "peer", "name", "p1"])
        run(["nsenter", "--net=%s/%s" % (NETNS_DIR, name), "nft", "-f", "-"],
            "table netdev t {\n chain c { type filter hook ingress device p0 priority 0; }\n}\n")
        return ""
    except MeshError as error:
        return str(error)
    finally:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def remove_leftovers():
    """What demonstrations that were killed could not clean up: namespaces and directories."""
    def left_over(name):
        parts = name.split("-")
        return (name.startswith(PREFIX + "-") and len(parts) == 4 and parts[2].isdigit()
                and not os.path.exists("/proc/" + parts[2]))

    for name in filter(left_over, os.listdir(tempfile.gettempdir())):
        shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)
    if os.geteuid() == 0 and os.path.isdir(NETNS_DIR):
        for name in filter(left_over, os.listdir(NETNS_DIR)):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def grid(side):
    """(names, links) of a square grid, r0c0 to r{side-1}c{side-1}."""
    def name(r, c):
        return "r%dc%d" % (r, c)

    every, inner = range(side), range(side - 1)
    names = [name(r, c) for r in every for c in every]
    links = [Link(name(r, c), name(r, c + 1)) for r in every for c in inner]
    links += [Link(name(r, c), name(r + 1, c)) for r in inner for c in every]
    return names, links


class Node:
    def __init__(self, mesh, name):
        self.mesh, self.name = mesh, name
        self.dir = os.path.join(mesh.dir, name)
        self.control = os.path.join(self.dir, "control.sock")
        self.api = "ipc://" + os.path.join(self.dir, "api.sock")
        self.config = os.path.join(self.dir, "selvaged.toml")
        self.namespace = "%s-%d-%s" % (PREFIX, os.getpid(), name)
        self.interfaces = {}  # neighbour's name -> our link's name
        self.process = None
        self.follower = None
        os.makedirs(self.dir)

    def inside(self, argv):
        if not self.mesh.namespaces:
            return argv
        return ["nsenter", "--net=%s/%s" % (NETNS_DIR, self.namespace)] + argv

    def start(self):
        log = open(os.path.join(self.dir, "selvaged.log"), "ab")
        self.process = spawn(
            self.inside([self.mesh.program("selvaged"), "--config", self.config]), log, log)

    def log_tail(self, lines=5):
        with open(os.path.join(self.dir, "selvaged.log"), errors="replace") as log:
            return "".join(log.readlines()[-lines:]).strip()

    def ask(self, *words):
        """The agent's JSON answer; None when it is not there or says no."""
        try:
            argv = [self.mesh.program("selvage"), "--control", self.control, "--json", *words]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=3)
            return json.loads(done.stdout) if done.returncode == 0 else None
        except (OSError, ValueError, subprocess.SubprocessError):
            return None

    def neighbors_up(self):
        status = self.ask("status")
        if status is None:
            return set()
        return {n["name"] for n in status["neighbors"] if n["state"] == "up"}

    def follow_events(self, on_event):
        """Calls on_event(node name, event) from a thread of its own for each new event."""
        end(self.follower, patience=0)
        self.follower = spawn([self.mesh.program("selvage"), "--control", self.control, "--json",
                               "events", "--follow"], subprocess.PIPE, subprocess.DEVNULL)

        def pump(stream):
            for line in stream:
                try:
                    on_event(self.name, json.loads(line))
                except ValueError:
                    continue  # half a line of an agent that was killed

        threading.Thread(target=pump, args=(self.follower.stdout,), daemon=True).start()


class Mesh:
    """Builds, breaks, mends and removes the mesh. One thread uses it."""

    def __init__(self, programs, names, links, namespaces, healing=True):
        self.programs, self.links = programs, links
        self.namespaces, self.healing = namespaces, healing
        self.silenced = set()
        self.dir = tempfile.mkdtemp(prefix="%s-%d-" % (PREFIX, os.getpid()))
        self.nodes = {name: Node(self, name) for name in names}

    def program(self, name):
        return os.path.join(self.programs, name)

    # ---- set-up
    def build(self):
        if self.namespaces:
            self._lay_veth()
        else:
            self._choose_ports()
        network = os.path.join(self.dir, "network")
        run([self.program("selvage"), "network", "create", network, "--name", "demo"])
        for node in self.nodes.values():
            state = os.path.join(node.dir, "state")
            run([self.program("selvage"), "network", "admit", network, "--name", node.name,
                 "--out", state])
            with open(node.config, "w") as file:
                file.write(self._config(node, state))

    def _config(self, node, state):
        text = '[node]\nname = "%s"\nstate_dir = "%s"\n' % (node.name, state)
        if not self.healing:
            text += "healing = false\n"
        text += '\n[control]\nsocket = "%s"\n\n[api]\nendpoint = "%s"\n' % (node.control, node.api)
        text += "\n[lab]\nenabled = true\n"
        for neighbor, link in node.interfaces.items():
            text += '\n[[link]]\ntransport = "ethernet"\n'
            if self.namespaces:
                text += 'interface = "%s"\n' % link
            else:
                there = self.nodes[neighbor].interfaces[node.name]
                text += 'listen = "%s"\npeers = ["udp://%s"]\n' % (link, there)
        return text

    def _lay_veth(self):
        for node in self.nodes.values():
            run(["ip", "netns", "add", node.namespace])
            # No duplicate address detection: a link carries frames as soon as it is up.
            run(node.inside(["sh", "-c", "for d in all default; do "
                             "echo 0 >/proc/sys/net/ipv6/conf/$d/accept_dad; done"]))
        for link in self.links:
            a, b = self.nodes[link.a], self.nodes[link.b]
            a.interfaces[b.name], b.interfaces[a.name] = "to-" + b.name, "to-" + a.name
            run(["ip", "link", "add", a.interfaces[b.name], "netns", a.namespace, "type", "veth",
                 "peer", "name", b.interfaces[a.name], "netns", b.namespace])
        for node in self.nodes.values():
            run(node.inside(["ip", "-batch", "-"]), "link set lo up\n" + "".join(
                "link set %s up\n" % i for i in node.interfaces.values()))
            run(node.inside(["nft", "-f", "-"]), "table netdev demo {\n" + "".join(
                " chain %s { type filter hook ingress device %s priority 0; }\n" % (i, i)
                for i in node.interfaces.values()) + "}\n")

    def _choose_ports(self):
        held = []
        for link in self.links:
            for here, there in ((link.a, link.b), (link.b, link.a)):
                port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                port.bind(("127.0.0.1", 0))
                held.append(port)
                self.nodes[here].interfaces[there] = "127.0.0.1:%d" % port.getsockname()[1]
        for port in held:
            port.close()

    # ---- agents
    def start(self):
        for node in self.nodes.values():
            node.start()

    def neighbors_of(self, name):
        return {link.b if link.a == name else link.a for link in self.links if name in link}

    def wait_for_adjacencies(self, names=None, seconds=START_SECONDS_MAX):
        """Until every link of these nodes (default: all) is up at that node; seconds it took."""
        begun = time.monotonic()
        waiting = set(names or self.nodes)
        while waiting:
            for name in sorted(waiting):
                node = self.nodes[name]
                if node.process.poll() is not None:
                    raise MeshError("the agent %s ended: %s" % (name, node.log_tail()))
                if node.neighbors_up() >= self.neighbors_of(name):
                    waiting.discard(name)
            if waiting and time.monotonic() - begun > seconds:
                raise MeshError("after %.0f s these nodes have not all their neighbours: %s" %
                                (seconds, ", ".join(sorted(waiting))))
            if waiting:
                time.sleep(0.05)
        return time.monotonic() - begun

    # ---- which way traffic goes
    def path_by_map(self, source, to, traffic_class):
        """Node names as the source's own map has them; empty when it knows no way."""
        answer = self.nodes[source].ask("path", to, "--class", traffic_class)
        return answer["path"] if answer else []

    def _sent_packets(self):
        """Packets the kernel sent: {(node, neighbour): count}."""
        return self._interface_counts(9)

    def sent_bytes(self):
        """Bytes on all links, Ethernet headers included, as the kernel counts what it sends."""
        return sum(self._interface_counts(8).values())

    def _interface_counts(self, column):
        counts = {}
        for name, node in self.nodes.items():
            try:
                with open("/proc/%d/net/dev" % node.process.pid) as file:
                    rows = dict(line.split(":", 1) for line in file if ":" in line)
            except OSError:
                continue  # killed
            rows = {key.strip(): value.split() for key, value in rows.items()}
            for neighbor, interface in node.interfaces.items():
                counts[name, neighbor] = int(rows[interface][column])
        return counts

    def path_in_use(self, source, to, rate, traffic_class, window=0.4):
        """The way the flow of `rate` packets a second takes now; empty when it is cut.

        With namespaces by what the kernel counts on each interface. Without, all share one
        interface, and counts of forwarded frames cannot tell a flow from its receipts: there each
        node in turn is asked for its next hop.
        """
        if not self.namespaces:
            return self._path_by_next_hops(source, to, traffic_class)
        before, begun = self._sent_packets(), time.monotonic()
        time.sleep(window)
        after, wanted = self._sent_packets(), 0.5 * rate * (time.monotonic() - begun)
        busy = {key for key in after if key in before and after[key] - before[key] >= wanted}
        path = [source]
        while path[-1] != to and len(path) <= len(self.nodes):
            here = path[-1]
            onward = sorted(n for n in self.neighbors_of(here)
                            if (here, n) in busy and n not in path)
            if not onward:
                return []
            path.append(to if to in onward else onward[0])
        return path

    def _path_by_next_hops(self, source, to, traffic_class):
        path = [source]
        while path[-1] != to:
            onward = self.path_by_map(path[-1], to, traffic_class)[1:2]
            if not onward or onward[0] in path:
                return []
            path += onward
        return path

    # ---- faults
    def _drop(self, link, dropping):
        commands = []
        for here, there in ((link.a, link.b), (link.b, link.a)):
            node = self.nodes[here]
            interface = node.interfaces[there]
            if self.namespaces:
                rule = "flush chain netdev demo %s\n" % interface
                if dropping:
                    rule += "add rule netdev demo %s drop\n" % interface
                commands.append((node.inside(["nft", "-f", "-"]), rule))
            else:
                fault = ["silence", interface] if dropping else ["off"]
                commands.append(([self.program("selvage"), "--control", node.control, "lab",
                                  *fault], ""))
        running = []
        for argv, text in commands:  # both ends at once, as near as two processes are
            process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
            running.append((argv, process))
            process.stdin.write(text)
            process.stdin.close()
        for argv, process in running:
            said = process.stdout.read()
            if process.wait() != 0:
                raise MeshError("%s: %s" % (" ".join(argv), said.strip()))

    def silence(self, link):
        """From now on the link carries nothing, both ways, while both ends stay up."""
        self._drop(link, True)

    def heal(self, link):
        self._drop(link, False)

    def kill(self, name):
        """SIGKILL, as power loss would: no goodbye."""
        self.nodes[name].process.kill()
        self.nodes[name].process.wait()

    # ---- the end
    def close(self):
        for node in self.nodes.values():
            end(node.follower, patience=0)
            if node.process is not None and node.process.poll() is None:
                node.process.terminate()
        for node in self.nodes.values():
            end(node.process)
            if self.namespaces:
                subprocess.run(["ip", "netns", "del", node.namespace], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)
