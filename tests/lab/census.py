"""Who still holds a client's connection: the proxy's process, the proxy's kernel, or nobody.

`fd` is when the proxy's process let go of its descriptor. `kernel` is when the connection left the kernel's
table of the proxy's namespace; the small remainder that waits out TIME-WAIT or FIN-WAIT-2 without any
buffer counts as gone. A socket that was reset leaves the table while a process may hold it on, so the two
are looked up apart.
"""

import contextlib
import os
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

import netns

_INTERVAL = 0.1
_MINI_SOCKET = "03:"  # the timer column of a socket that is only waiting out its time


def descendants(roots):
    """The processes `roots` with all that they started."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="latin-1") as file:
            parent = int(file.read().rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found, ahead = [], list(roots)
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        ahead += children.get(pid, [])
    return found


def open_sockets(pids):
    """Inodes of the sockets that these processes hold."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{fd}")
                    if target.startswith("socket:["):
                        inodes.add(int(target[8:-1]))
    return inodes


@dataclass(eq=False)
class Watch:
    """One connection under watch. Times are of the monotonic clock; None: not yet."""
    port: int
    inode: int
    fd_gone: float = None
    kernel_gone: float = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def is_held(self):
        return self.fd_gone is None

    def wait(self, since, limit):
        """Until both are gone, but not beyond `limit` seconds after `since`."""
        self.over.wait(max(0.0, since + limit - time.monotonic()))
        return Gone(self.fd_gone and max(0.0, self.fd_gone - since),
                    self.kernel_gone and max(0.0, self.kernel_gone - since), limit)


@dataclass
class Gone:
    fd: float
    kernel: float
    limit: float

    def within(self, least, most):
        times = (self.fd, self.kernel)
        return None not in times and min(times) >= least and max(times) <= most

    def __str__(self):
        fd, kernel = (f">{self.limit:.0f} s" if t is None else f"{t:.1f} s" for t in (self.fd, self.kernel))
        return f"fd {fd}, kernel {kernel}"


class Census:
    """Looks ten times a second while somebody watches. `roots()` names the proxies' first processes."""

    def __init__(self, topology, roots):
        self._namespace = topology.proxy
        self._roots = roots
        self._watches = set()
        self._changed = threading.Condition()
        self._ended = False
        self._client = f"{struct.unpack('=I', socket.inet_aton(netns.CLIENT))[0]:08X}"
        threading.Thread(target=self._count, daemon=True).start()

    def watch(self, port):
        """REQUIRES a client connected from `port`. Returns when the proxy has accepted it."""
        end = time.monotonic() + 10
        with self._namespace.entered():
            while time.monotonic() < end:
                inode = self._read_table().get(port, (None, 0, ""))[1]
                if inode:
                    return self._begin(Watch(port, inode))
                time.sleep(0.02)
        raise RuntimeError(f"the proxy did not accept the connection from port {port} within 10 s")

    def timer(self, port):
        """What the kernel's timer of the connection waits for, as in /proc/net/tcp; None: it is gone."""
        with self._namespace.entered():
            return self._read_table().get(port, (None, 0, None))[2]

    def queued(self, port):
        """Bytes that the proxy's kernel holds for the client, sent or not."""
        with self._namespace.entered():
            return self._read_table().get(port, (None, 0, None, 0))[3]

    def _begin(self, watch):
        with self._changed:
            self._watches.add(watch)
            self._changed.notify_all()
        return watch

    def forget(self, watch):
        with self._changed:
            self._watches.discard(watch)

    def _read_table(self):
        """Client port -> (state, inode, timer, bytes queued). REQUIRES being inside the namespace."""
        table = {}
        with open("/proc/thread-self/net/tcp", encoding="ascii") as file:
            for line in file:
                fields = line.split(None, 10)
                address, _, port = fields[2].partition(":")
                if address == self._client:
                    table[int(port, 16)] = (int(fields[3], 16), int(fields[9]), fields[5],
                                            int(fields[4].partition(":")[0], 16))
        return table

    def _count(self):
        pids, refresh_at = [], 0.0
        with self._namespace.entered():
            while not self._ended:
                with self._changed:
                    self._changed.wait_for(lambda: self._watches or self._ended, timeout=1)
                    watches = list(self._watches)
                if watches:
                    if time.monotonic() >= refresh_at:
                        pids, refresh_at = descendants(self._roots()), time.monotonic() + 2
                    table, inodes = self._read_table(), open_sockets(pids)
                    if any(watch.fd_gone is None and watch.inode not in inodes for watch in watches):
                        pids = descendants(self._roots())  # it may be of a proxy that began since
                        inodes = open_sockets(pids)
                    self._judge(watches, table, inodes)
                    time.sleep(_INTERVAL)

    def _judge(self, watches, table, inodes):
        now = time.monotonic()
        for watch in watches:
            if watch.fd_gone is None and watch.inode not in inodes:
                watch.fd_gone = now
            entry = table.get(watch.port)
            in_kernel = entry is not None and not entry[2].startswith(_MINI_SOCKET)
            if watch.kernel_gone is None and not in_kernel:
                watch.kernel_gone = now
            if watch.fd_gone is not None and watch.kernel_gone is not None:
                watch.over.set()
                self.forget(watch)

    def close(self):
        self._ended = True
        with self._changed:
            self._changed.notify_all()
