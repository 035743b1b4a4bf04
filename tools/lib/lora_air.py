"""LoRa modems on pseudo-terminals that share the air: each hears what the others send.

Speaks as much of RAK's RUI3 dialect as peer-to-peer mode needs. A unit takes its time on air,
scaled down, and a modem that sends hears nothing.

    air = Air(["/tmp/x/modem-a", "/tmp/x/modem-b"]); air.start(); ...; air.stop()
"""

import math
import os
import pty
import select
import threading
import time
import tty


def time_on_air(size, spreading_factor, bandwidth=125000):
    """Seconds; Semtech AN1200.13, explicit header, CRC, coding rate 4/5, 8 symbols of preamble."""
    symbol = 2 ** spreading_factor / bandwidth
    low_rate = 1 if symbol >= 0.016 else 0
    symbols = 8 + max(math.ceil((8 * size - 4 * spreading_factor + 28 + 16)
                                / (4 * (spreading_factor - 2 * low_rate))) * 5, 0)
    return (12.25 + symbols) * symbol


class Modem:
    def __init__(self, path):
        self.master, self.keep = pty.openpty()
        tty.setraw(self.keep)
        os.set_blocking(self.master, False)
        if os.path.islink(path):
            os.unlink(path)
        os.symlink(os.ttyname(self.keep), path)
        self.path = path
        self.input = b""
        self.listening = False
        self.spreading_factor = 9
        self.busy_until = 0.0


class Air:
    def __init__(self, paths, speed_up=20.0):
        self.modems = [Modem(path) for path in paths]
        self.speed_up = speed_up
        self.units = 0
        self.air_s = 0.0
        self.silent = False
        self._pending = []  # (when, modem, line)
        self._requests = []  # (plug in, path)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()
        for modem in self.modems:
            os.close(modem.master)
            os.close(modem.keep)
            os.unlink(modem.path)

    def plug(self, path, plugged):
        """Pulls a modem out, or puts one in; soon after the call."""
        self._requests.append((plugged, path))

    def _plug(self):
        while self._requests:
            plugged, path = self._requests.pop(0)
            if plugged:
                self.modems.append(Modem(path))
                continue
            for modem in [m for m in self.modems if m.path == path]:
                self.modems.remove(modem)
                self._pending = [p for p in self._pending if p[1] is not modem]
                os.close(modem.master)
                os.close(modem.keep)
                os.unlink(modem.path)

    def _say(self, modem, line):
        try:
            os.write(modem.master, line.encode() + b"\r\n")
        except BlockingIOError:
            pass  # nobody reads: a modem's line is lost too

    def _command(self, modem, command):
        now = time.monotonic()
        if command.startswith("AT+P2P="):
            modem.spreading_factor = int(command[7:].split(":")[1])
        if command.startswith("AT+PRECV="):
            modem.listening = command != "AT+PRECV=0"
        self._say(modem, "OK")
        if not command.startswith("AT+PSEND="):
            return
        payload = command[9:]
        air = time_on_air(len(payload) // 2, modem.spreading_factor)
        self.units += 1
        self.air_s += air
        end = now + air / self.speed_up
        modem.busy_until = end
        self._pending.append((end, modem, "+EVT:TXP2P DONE"))
        for other in self.modems:
            same = other.spreading_factor == modem.spreading_factor
            if other is not modem and same and not self.silent:
                self._pending.append((end, other, "+EVT:RXP2P:-97:6:" + payload))

    def _run(self):
        while not self._stop.is_set():
            self._plug()
            ready, _, _ = select.select([m.master for m in self.modems], [], [], 0.005)
            for modem in self.modems:
                if modem.master not in ready:
                    continue
                try:
                    modem.input += os.read(modem.master, 4096)
                except (BlockingIOError, OSError):
                    continue
                while b"\r" in modem.input:
                    line, modem.input = modem.input.split(b"\r", 1)
                    modem.input = modem.input.lstrip(b"\n")
                    if line:
                        self._command(modem, line.decode(errors="replace"))
            now = time.monotonic()
            due = [p for p in self._pending if p[0] <= now]
            self._pending = [p for p in self._pending if p[0] > now]
            for _, modem, line in sorted(due, key=lambda p: p[0]):
                heard = modem.listening and modem.busy_until <= now
                if not line.startswith("+EVT:RXP2P") or heard:
                    self._say(modem, line)
