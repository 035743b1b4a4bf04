"""Iridium SBD modems on pseudo-terminals and the gateway that passes messages on between them.

Speaks as much of the 9602's AT commands as sending and receiving needs. A message goes to all other
modems, as an account does that names them for each other. A session takes its ten seconds, scaled
down; every session is billed as the operator bills it.

    sky = Sky(["/tmp/x/sbd-a", "/tmp/x/sbd-b"]); sky.start(); ...; sky.stop()
"""

import os
import pty
import select
import threading
import time
import tty

SESSION_S = 10.0
MO_BYTES_MAX = 340
CREDIT_BYTES = 50


def credits(mo_bytes, mt_bytes):
    return max(1, -(-mo_bytes // CREDIT_BYTES) + -(-mt_bytes // CREDIT_BYTES))


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
        self.wanted = 0  # bytes of a message that is being written, with its checksum
        self.mo = b""
        self.mt = b""
        self.momsn = 65530  # soon wraps
        self.mtmsn = 0
        self.mailbox = []
        self.session_ends = None
        self.credits = 0
        self.sent = 0


class Sky:
    def __init__(self, paths, speed_up=20.0):
        self.modems = [Modem(path) for path in paths]
        self.speed_up = speed_up
        self.blocked = False  # no satellite in sight: sessions fail with status 32
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

    @staticmethod
    def _say(modem, data):
        try:
            os.write(modem.master, data)
        except BlockingIOError:
            pass  # nobody reads: a modem's line is lost too

    def _answer(self, modem, *lines):
        self._say(modem, b"".join(b"\r\n" + line + b"\r\n" for line in lines + (b"OK",)))

    def _command(self, modem, line):
        if line.startswith(b"AT+SBDWB="):
            size = int(line[9:])
            if not 1 <= size <= MO_BYTES_MAX:
                return self._answer(modem, b"3")
            modem.wanted = size + 2
            return self._say(modem, b"\r\nREADY\r\n")
        if line in (b"AT+SBDIX", b"AT+SBDIXA"):
            modem.session_ends = time.monotonic() + SESSION_S / self.speed_up
            return None
        if line == b"AT+SBDRB":
            total = sum(modem.mt) & 0xffff
            return self._say(modem, len(modem.mt).to_bytes(2, "big") + modem.mt
                             + total.to_bytes(2, "big") + b"\r\nOK\r\n")
        if line == b"AT+SBDSX":
            return self._answer(modem, b"+SBDSX: %d, %d, %d, %d, 0, %d" % (
                bool(modem.mo), modem.momsn, bool(modem.mt), modem.mtmsn, len(modem.mailbox)))
        if line == b"AT+SBDD0":
            modem.mo = b""
            return self._answer(modem, b"0")
        return self._answer(modem)

    def _finish_session(self, modem):
        modem.session_ends = None
        used = modem.momsn
        if self.blocked:
            return self._answer(modem, b"+SBDIX: 32, %d, 2, 0, 0, 0" % used)
        if modem.mo:
            modem.sent += 1
            for other in self.modems:
                if other is not modem:
                    other.mailbox.append(modem.mo)
                    self._say(other, b"\r\nSBDRING\r\n")
        modem.mt = modem.mailbox.pop(0) if modem.mailbox else b""
        modem.mtmsn = (modem.mtmsn + bool(modem.mt)) & 0xffff
        modem.credits += credits(len(modem.mo), len(modem.mt))
        modem.momsn = (modem.momsn + 1) & 0xffff
        return self._answer(modem, b"+SBDIX: 0, %d, %d, %d, %d, %d" % (
            used, bool(modem.mt), modem.mtmsn, len(modem.mt), len(modem.mailbox)))

    def _take(self, modem):
        """One message or command of what came in; False when there is no whole one."""
        if modem.wanted:
            if len(modem.input) < modem.wanted:
                return False
            block, modem.input = modem.input[:modem.wanted], modem.input[modem.wanted:]
            modem.wanted = 0
            right = sum(block[:-2]) & 0xffff == int.from_bytes(block[-2:], "big")
            if right:
                modem.mo = block[:-2]
            self._answer(modem, b"0" if right else b"2")
            return True
        if modem.session_ends is not None or b"\r" not in modem.input:
            return False
        line, modem.input = modem.input.split(b"\r", 1)
        if line.strip():
            self._command(modem, line.strip())
        return True

    def _run(self):
        while not self._stop.is_set():
            ready, _, _ = select.select([m.master for m in self.modems], [], [], 0.02)
            for modem in self.modems:
                if modem.master in ready:
                    try:
                        modem.input += os.read(modem.master, 4096)
                    except (BlockingIOError, OSError):
                        continue
                if modem.session_ends is not None and time.monotonic() >= modem.session_ends:
                    self._finish_session(modem)
                while self._take(modem):
                    pass
