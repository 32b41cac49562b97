"""The two origins: weir-origin, which does what the query asks, and a rude one for what it cannot do.

The rude origin answers before it has read the request, or ends a connection between requests:
  /reply?status=413&size=N   on POST: answers at once, then reads on until the client ends ("lingering")
  /slam?status=404&size=N    the same, but then closes with the request unread: its kernel resets
  /drop?...                  200 as the first request of a connection; later: closes without a byte
"""

import collections
import contextlib
import fcntl
import json
import socket
import sys
import termios
import threading
import time
from urllib.parse import parse_qsl, urlsplit

import netns
import processes

_IDLE = 120  # seconds


def wait_until_acknowledged(connection, seconds=2):
    """A kernel that resets throws away what it has not sent; what the proxy's kernel has is another matter."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        queued = fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4)
        if not int.from_bytes(queued, sys.byteorder):
            return
        time.sleep(0.001)


class ScriptedOrigin:
    def __init__(self, topology, program, port, log):
        self.address = (netns.ORIGIN, port)
        self._namespace = topology.origin
        self._process = processes.Process(
            self._namespace, [program, "--listen", f"{netns.ORIGIN}:{port}", "--log"], log)
        processes.wait_for_port(self._namespace, self.address, self._process)

    def fetch(self, target):
        """A body, straight from the origin."""
        with self._namespace.socket() as connection:
            connection.settimeout(30)
            connection.connect(self.address)
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
            reply = bytearray()
            while data := connection.recv(1 << 20):
                reply += data
        return bytes(memoryview(reply)[reply.index(b"\r\n\r\n") + 4:])

    def counts(self):
        return json.loads(self.fetch("/_control/counts"))

    def requests(self, target):
        return self.counts()["requests"].get(target, 0)

    def transfer_seconds(self, target):
        """From the answer's first byte to the last handed to the kernel; None: not yet."""
        return self.counts()["transfer_seconds"].get(target)

    def close(self):
        self._process.stop()


class RudeOrigin:
    def __init__(self, topology, port, body):
        self.address = (netns.ORIGIN, port)
        self._body = body  # of a 200, which is never cacheable
        self._counts = collections.Counter()
        self._lock = threading.Lock()
        self._listener = topology.origin.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self.address)
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def requests(self, method, target):
        with self._lock:
            return self._counts[method, target]

    def dropped(self, method, target):
        with self._lock:
            return self._counts["dropped", method, target]

    def _count(self, *what):
        with self._lock:
            self._counts[what] += 1

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.settimeout(_IDLE)
        with contextlib.suppress(OSError), connection:
            nth = 0
            pending = b""
            while True:
                while b"\r\n\r\n" not in pending:
                    data = connection.recv(65536)
                    if not data:
                        return
                    pending += data
                head, pending = pending.split(b"\r\n\r\n", 1)
                nth += 1
                rest = self._answer(connection, head.decode("latin-1"), pending, nth)
                if rest is None:
                    return
                pending = rest

    def _answer(self, connection, head, pending, nth):
        """Returns what follows the request; None: the connection has ended."""
        method, target, _ = head.split("\r\n")[0].split(" ")
        url = urlsplit(target)
        self._count(method, target)
        if url.path in ("/reply", "/slam"):
            self._answer_early(connection, url)
            return None
        if url.path == "/drop" and nth > 1:
            self._count("dropped", method, target)
            return None
        length = next((int(line.split(":")[1]) for line in head.split("\r\n")
                       if line.lower().startswith("content-length:")), 0)
        while len(pending) < length:
            pending += connection.recv(65536) or b"\0" * length
        connection.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n"
                           b"Content-Length: %d\r\n\r\n%s" % (len(self._body), self._body))
        return pending[length:]

    @staticmethod
    def _answer_early(connection, url):
        asked = dict(parse_qsl(url.query))
        size = int(asked["size"])
        connection.sendall(f"HTTP/1.1 {asked['status']} Refused\r\nContent-Length: {size}\r\n"
                           "Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + b"r" * size)
        if url.path == "/slam":
            wait_until_acknowledged(connection)
            return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    def close(self):
        self._listener.close()
