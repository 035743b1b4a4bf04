"""Debian's ModemManager, unmodified, between our modem emulator and our D-Bus client.

    modem_manager_test.py MODEM_WATCH

The client must bring the modem to "connected", follow its signal, see it go with ModemManager, and
take it up again when that returns. Exits 77 where ModemManager, dbus-daemon or gdbus are missing.
"""

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""


class World:
    def __init__(self, folder, watch):
        self.folder, self.started = folder, []
        self.port = "selvage%d" % os.getpid()
        self.address = "unix:path=%s/bus" % folder
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.address,
                                DBUS_SESSION_BUS_ADDRESS=self.address)
        path = os.path.join(folder, "bus.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(CONFIGURATION % os.path.join(folder, "bus"))
        self.start(["dbus-daemon", "--config-file=" + path, "--nofork"])
        self.wait(lambda: os.path.exists(os.path.join(folder, "bus")), "the bus")
        self.plug_in()
        self.watch = self.start([watch, self.address, "internet"], stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.seen = []

    def start(self, arguments, **kind):
        log = open(os.path.join(self.folder, os.path.basename(arguments[0]) + ".log"), "a",
                   encoding="utf-8")
        kind.setdefault("stdout", log)
        process = subprocess.Popen(arguments, stderr=log, env=self.environment, text=True, **kind)
        self.started.append(process)
        return process

    def read(self):
        for line in self.watch.stdout:
            self.lines.put(line.strip())

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                sys.exit("no %s within %d s; seen:\n%s" %
                         (what, seconds, "\n".join(getattr(self, "seen", [])[-30:])))
            time.sleep(0.1)

    def expect(self, what, accept):
        """Reads lines until one is accepted."""
        def look():
            while not self.lines.empty():
                line = self.lines.get()
                self.seen.append(line)
                if accept(line):
                    return True
            return False
        self.wait(look, what)
        print("%-40s %s" % (what, self.seen[-1]), flush=True)

    def plug_in(self):
        self.emulator = self.start([sys.executable, "-B",
                                    os.path.join(HERE, "modem_emulator.py"), self.port],
                                   stdin=subprocess.PIPE)
        # ModemManager opens the ports as soon as it hears of them, and gives up where none listens.
        self.wait(lambda: all(self.listens(port) for port in "01"), "modem that listens")

    def listens(self, port):
        with open("/proc/net/unix", encoding="ascii", errors="replace") as table:
            return "@abstract:%s%s\n" % (self.port, port) in table.read()

    def announce(self):
        """What udev would tell ModemManager: these ports are a modem."""
        call = ["gdbus", "call", "--system", "--dest", "org.freedesktop.ModemManager1",
                "--object-path", "/org/freedesktop/ModemManager1", "--method",
                "org.freedesktop.ModemManager1.Test.SetProfile", "vmodem", "generic",
                "['abstract:%s0', 'abstract:%s1']" % (self.port, self.port)]
        self.wait(lambda: subprocess.run(call, env=self.environment, capture_output=True,
                                         check=False).returncode == 0, "ModemManager")

    def manager(self):
        process = self.start(["ModemManager", "--test-session", "--no-auto-scan",
                              "--test-no-udev", "--test-no-qrtr", "--test-enable",
                              "--test-no-suspend-resume", "--debug"])
        self.announce()
        return process

    def tell(self, text):
        self.emulator.stdin.write(text + "\n")
        self.emulator.stdin.flush()

    def stop(self):
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    for program in ("ModemManager", "dbus-daemon", "gdbus"):
        if not shutil.which(program):
            print("skipped: %s is not installed (apt install modemmanager dbus "
                  "libglib2.0-bin)" % program)
            return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, arguments[0])
        try:
            manager = world.manager()
            world.expect("connects", lambda s: "state=connected usable=1" in s)
            world.expect("follows the signal", lambda s: "rsrp=-81" in s)
            world.tell("rsrp 40")
            world.expect("follows it down", lambda s: "rsrp=-101" in s)
            manager.terminate()
            world.expect("sees the modem go", lambda s: s == "gone")
            manager.wait(20)
            world.manager()
            world.expect("connects again", lambda s: "state=connected usable=1" in s)
            world.expect("follows the signal again", lambda s: "rsrp=-101" in s)
        finally:
            world.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
