"""A cellular modem in AT commands, for ModemManager's test mode: a listening abstract socket.

    modem_emulator.py NAME        listens on the abstract UNIX sockets "abstract:NAME0" and "...1"

Two ports, because one of them carries data once the modem is connected.

Commands on standard input, one a line: `rsrp V` and `rsrq V` set what +CESQ says (0 to 97, 0 to
34), `unregister`, `register`, `hang up`, `quit`. Every AT command it gets goes to standard output.
"""

import os
import selectors
import socket
import sys

ICCID = "8949020000000000000F"


class Modem:
    def __init__(self):
        self.rsrp, self.rsrq, self.registered, self.connected = 60, 20, True, False
        self.cfun, self.echo = 1, False

    def answer(self, command):
        """Lines to say, the last of them the result."""
        name = command.upper()
        if name in ("AT", "ATZ", "ATH", "AT&F") or name.startswith(("ATE", "ATV", "ATX", "ATQ",
                                                                    "ATS", "AT&", "AT+CMEE=")):
            return ["OK"]
        stat = "1" if self.registered else "0"
        place = ',"1A2B","01C3D4E5",7' if self.registered else ""
        table = {
            "+CGMI": ["Selvage"], "+GMI": ["Selvage"], "+CGMM": ["Emulated modem"],
            "+GMM": ["Emulated modem"], "+CGMR": ["1.0"], "+GMR": ["1.0"],
            "+CGSN": ["490154203237518"], "+GSN": ["490154203237518"],
            "+GCAP": ["+GCAP: +CGSM,+CLTE2"], "I": ["Selvage", "Emulated modem"],
            "+WS46=?": ["+WS46: (12,22,25,28,29)"], "+WS46?": ["+WS46: 28"],
            "+CGDCONT=?": ['+CGDCONT: (1-11),"IP",,,(0-2),(0-4)',
                           '+CGDCONT: (1-11),"IPV6",,,(0-2),(0-4)',
                           '+CGDCONT: (1-11),"IPV4V6",,,(0-2),(0-4)'],
            "+CGDCONT?": ['+CGDCONT: 1,"IP","internet","",0,0'],
            "+CFUN?": ["+CFUN: %d" % self.cfun], "+CPIN?": ["+CPIN: READY"],
            "+CIMI": ["262011234567890"], "+CLCK=?": ['+CLCK: ("SC","FD")'],
            '+CLCK="SC",2': ["+CLCK: 0"], '+CLCK="FD",2': ["+CLCK: 0"],
            "+CREG?": ["+CREG: 2," + stat + place], "+CGREG?": ["+CGREG: 2," + stat + place],
            "+CEREG?": ["+CEREG: 2," + stat + place],
            "+COPS?": ['+COPS: 0,2,"26201",7'] if self.registered else ["+COPS: 0"],
            "+CESQ": ["+CESQ: 99,99,255,255,%d,%d" % (self.rsrq, self.rsrp)],
            "+CESQ=?": ["+CESQ: (0-63,99),(0-7,99),(0-96,255),(0-49,255),(0-34,255),(0-97,255)"],
            "+CSQ": ["+CSQ: 20,99"], "+CIND=?": ['+CIND: ("signal",(0-5)),("service",(0,1))'],
            "+CIND?": ["+CIND: 4,1"],
            "+CMER=?": ["+CMER: (0-3),(0),(0),(0-1),(0,1)"],
            "+CGACT?": ["+CGACT: 1,%d" % self.connected],
            "+CNUM": [], "+CSCS=?": ['+CSCS: ("IRA","GSM","UCS2")'], "+CSCS?": ['+CSCS: "IRA"'],
            "+IFC=?": ["+IFC: (0-2),(0-2)"], "+CPMS=?": ["+CPMS: (),(),()"],
        }
        bare = name[2:]
        if bare in table:
            return table[bare] + ["OK"]
        if bare.startswith("+CRSM=176,12258"):
            return ['+CRSM: 144,0,"' + "".join(ICCID[i + 1] + ICCID[i] for i in range(0, 20, 2))
                    + '"', "OK"]
        if bare.startswith("+CRSM=176,28589"):
            return ['+CRSM: 144,0,"00000002"', "OK"]
        if bare.startswith("+CFUN="):
            self.cfun = int(bare[6])
            return ["OK"]
        if bare.startswith("+COPS=3"):
            return ["OK"]
        if bare.startswith(("+CREG=", "+CGREG=", "+CEREG=", "+CGDCONT=", "+CMER=", "+COPS=",
                            "+CGACT=", "+CSCS=", "+IFC=", "+CGAUTH", "+CGEREP")):
            return ["OK"]
        if bare.startswith("D*99"):
            self.connected = True
            return ["CONNECT"]
        return ["ERROR"]


def main(name):
    modem = Modem()
    selector = selectors.DefaultSelector()
    for port in "01":
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind("\0abstract:" + name + port)
        server.listen(4)
        selector.register(server, selectors.EVENT_READ, "server")
    selector.register(sys.stdin, selectors.EVENT_READ, "control")
    clients, pending = {}, b""
    while True:
        for key, _ in selector.select(60):
            if key.data == "server":
                client = key.fileobj.accept()[0]
                clients[client] = b""
                selector.register(client, selectors.EVENT_READ, "client")
            elif key.data == "control":
                block = os.read(0, 4096)
                if not block:
                    return 0
                pending += block
                while b"\n" in pending:
                    line, pending = pending.split(b"\n", 1)
                    words = line.decode().split()
                    if words[:1] == ["quit"]:
                        return 0
                    if words[0] in ("rsrp", "rsrq"):
                        setattr(modem, words[0], int(words[1]))
                    if words[0] in ("register", "unregister"):
                        modem.registered = words[0] == "register"
                        say = "2" if not modem.registered else '1,"1A2B","01C3D4E5",7'
                        for client in clients:
                            for prefix in ("+CREG: ", "+CGREG: ", "+CEREG: "):
                                client.sendall(("\r\n" + prefix + say + "\r\n").encode())
                    if words[0] == "hang":
                        for client in clients:
                            client.sendall(b"\r\nNO CARRIER\r\n")
            else:
                client = key.fileobj
                try:
                    block = client.recv(4096)
                except ConnectionError:
                    block = b""
                if not block:
                    selector.unregister(client)
                    client.close()
                    del clients[client]
                    continue
                clients[client] += block
                while b"\r" in clients[client]:
                    line, clients[client] = clients[client].split(b"\r", 1)
                    command = line.decode("latin-1").strip()
                    if not command.upper().startswith("AT"):
                        continue
                    answer = modem.answer(command)
                    print(command, "->", answer[-1], flush=True)
                    client.sendall("".join("\r\n%s\r\n" % text for text in answer).encode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
