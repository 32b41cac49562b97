"""Faults on the wire: packets dropped by port, segments forged, window advertisements counted.

A client is known by its port, which no two clients of a run share. All is done in the middlebox, so the
kernels of client and proxy are as anywhere: what the proxy sends leaves it, and then is gone.
"""

import ctypes
import re
import socket
import struct
import threading
import time

import netns

FIN, RST = 0x01, 0x04

_DROPS = """
table inet lab {
  set gone { type inet_service; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname "m-client" tcp sport @gone drop
    oifname "m-client" tcp dport @gone drop
  }
}
"""

# Only IPv4 TCP segments without IP options that carry a FIN: a sniffer in Python cannot follow the bodies.
_ONLY_FIN = [(0x28, 0, 0, 12), (0x15, 0, 5, 0x0800),  # EtherType
             (0x30, 0, 0, 23), (0x15, 0, 3, 6),       # protocol
             (0x30, 0, 0, 47), (0x45, 0, 1, FIN),     # TCP flags
             (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0)]   # take, leave


class Faults:
    """Which clients the middlebox cuts off, in both directions."""

    def __init__(self, topology):
        self._middle = topology.middle
        self._middle.run("nft", "-f", "-", input=_DROPS)

    def cut_off(self, *ports):
        """On return nothing of these clients passes any more; returns that time."""
        self._change("add", ports)
        return time.monotonic()

    def restore(self, *ports):
        self._change("delete", ports)
        return time.monotonic()

    def _change(self, verb, ports):
        self._middle.run("nft", verb, "element", "inet", "lab", "gone",
                         "{ " + ", ".join(map(str, ports)) + " }")


class ZeroWindows:
    """Counts the segments in which the proxy tells an origin that its window is shut."""

    def __init__(self, topology, ports):
        self._origin = topology.origin
        counters = "".join(f"counter port{port} {{ }}\n" for port in ports)
        rules = "".join(f"tcp dport {port} tcp window 0 tcp flags & (syn | rst) == 0x0 counter name "
                        f"port{port}\n" for port in ports)
        self._origin.run("nft", "-f", "-", input=f"table inet lab {{\n{counters}chain input {{\n"
                         f"type filter hook input priority 0; policy accept;\n{rules}}}\n}}\n")

    def count(self, port):
        text = self._origin.run("nft", "list", "counter", "inet", "lab", f"port{port}")
        return int(re.search(r"packets (\d+)", text)[1])


class FinSniffer:
    """Remembers behind every client's FIN the sequence number that the proxy then expects."""

    def __init__(self, topology):
        self._expected = {}
        self._seen = threading.Condition()
        self._socket = topology.middle.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self._attach(_ONLY_FIN)
        self._socket.bind(("m-client", 0x0800))
        self._socket.settimeout(0.5)
        self._ended = False
        threading.Thread(target=self._listen, daemon=True).start()

    def _attach(self, program):
        code = b"".join(struct.pack("HBBI", *step) for step in program)
        kept = ctypes.create_string_buffer(code)
        filter_ = struct.pack("HP", len(program), ctypes.addressof(kept))
        self._socket.setsockopt(socket.SOL_SOCKET, 26, filter_)  # SO_ATTACH_FILTER

    def _listen(self):
        while not self._ended:
            try:
                frame, source = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:
                return
            if source[2] != 4 and len(frame) >= 54 and frame[47] & FIN:  # 4: our own, outgoing
                self._note(frame)

    def _note(self, frame):
        length, = struct.unpack_from("!H", frame, 16)
        port, _, sequence = struct.unpack_from("!HHI", frame, 34)
        payload = length - 20 - (frame[46] >> 4) * 4
        with self._seen:
            self._expected[port] = (sequence + payload + 1) % (1 << 32)
            self._seen.notify_all()

    def expected(self, port):
        with self._seen:
            if not self._seen.wait_for(lambda: port in self._expected, timeout=5):
                raise RuntimeError(f"no FIN of port {port} was seen on the wire")
            return self._expected[port]

    def close(self):
        self._ended = True
        self._socket.close()


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(source, source_port, target, target_port, sequence, flags):
    """An IPv4 packet with a TCP segment that has neither options nor payload."""
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    tcp = struct.pack("!HHIIBBHHH", source_port, target_port, sequence, 0, 5 << 4, flags, 0, 0, 0)
    sum_ = checksum(ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", sum_) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, socket.IPPROTO_TCP, 0) + ends
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


class Injector:
    """Sends segments to the proxy as if they came from the client."""

    def __init__(self, topology):
        self._socket = topology.middle.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind(("m-proxy", 0))
        self._frame = topology.proxy.mac("p-middle") + topology.middle.mac("m-proxy") + b"\x08\x00"

    def reset(self, client_port, proxy_port, sequence):
        self._socket.send(self._frame + segment(netns.CLIENT, client_port, netns.PROXY, proxy_port,
                                                sequence % (1 << 32), RST))

    def close(self):
        self._socket.close()
