"""Four network namespaces in a line: client - middlebox - proxy - origin.

The names carry our process id, so that two labs can run at a time, and so that what a killed lab left
behind can be told from a living one. Nothing here reaches outside: no namespace has a way out.
"""

import contextlib
import ctypes
import os
import re
import socket
import subprocess

CLIENT, MIDDLE_CLIENT = "10.77.1.2", "10.77.1.1"
MIDDLE_PROXY, PROXY = "10.77.2.1", "10.77.2.2"
PROXY_ORIGIN, ORIGIN = "10.77.3.1", "10.77.3.2"
LINK_RATE = "400mbit"

_CLONE_NEWNET = 0x40000000
_PREFIX = "weirlab"
_libc = ctypes.CDLL(None, use_errno=True)


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def call(*command, **options):
    """Runs a program to its end and returns what it printed; an error says what the program said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Namespace:
    """Exists from construction to close()."""

    def __init__(self, name):
        self.name = name
        call("ip", "netns", "add", name)
        self._fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        return call("ip", "-n", self.name, *arguments)

    def run(self, *command, **options):
        return call("ip", "netns", "exec", self.name, *command, **options)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread, and it alone, is inside; what it opens here stays here."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _setns(self._fd)
        try:
            yield
        finally:
            _setns(home)
            os.close(home)

    def socket(self, *arguments):
        with self.entered():
            return socket.socket(*arguments)

    def set_sysctl(self, name, value):
        with self.entered(), open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(value)

    def mac(self, device):
        with self.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as any_packet:
            any_packet.bind((device, 0))
            return any_packet.getsockname()[4]

    def close(self):
        os.close(self._fd)
        with contextlib.suppress(RuntimeError, subprocess.TimeoutExpired):
            call("ip", "netns", "del", self.name)


class Topology:
    """The four namespaces, joined; both ways through the middlebox are shaped to LINK_RATE."""

    def __init__(self):
        self._made = []
        try:
            self.client, self.middle, self.proxy, self.origin = map(self._make, "cmpo")
            self._join(self.client, "c", CLIENT, self.middle, "m-client", MIDDLE_CLIENT)
            self._join(self.middle, "m-proxy", MIDDLE_PROXY, self.proxy, "p-middle", PROXY)
            self._join(self.proxy, "p-origin", PROXY_ORIGIN, self.origin, "o", ORIGIN)
            self.client.ip("route", "add", "default", "via", MIDDLE_CLIENT)
            self.proxy.ip("route", "add", "10.77.1.0/24", "via", MIDDLE_PROXY)
            self.middle.set_sysctl("net/ipv4/ip_forward", "1")
            for device in ("m-client", "m-proxy"):
                self.middle.run("tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", LINK_RATE,
                                "burst", "256kb", "latency", "20ms")
        except BaseException:
            self.close()
            raise

    def _make(self, letter):
        namespace = Namespace(f"{_PREFIX}{os.getpid()}-{letter}")
        self._made.append(namespace)
        return namespace

    @staticmethod
    def _join(left, left_device, left_address, right, right_device, right_address):
        left.ip("link", "add", left_device, "type", "veth", "peer", "name", right_device,
                "netns", right.name)
        for side, device, address in ((left, left_device, left_address),
                                      (right, right_device, right_address)):
            side.ip("addr", "add", f"{address}/24", "dev", device)
            side.ip("link", "set", device, "up")

    def close(self):
        while self._made:
            self._made.pop().close()


def remove_leftovers():
    """Removes namespaces of labs whose process is gone."""
    for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
        owner = re.fullmatch(rf"{_PREFIX}(\d+)-[cmpo]", name)
        if owner and not os.path.exists(f"/proc/{owner[1]}"):
            with contextlib.suppress(RuntimeError):
                call("ip", "netns", "del", name)
