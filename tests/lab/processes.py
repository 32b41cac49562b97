"""Programs run inside a namespace. Each ends with the lab, even when the lab is killed."""

import contextlib
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import census

# The kernel tells a child of the death of the thread that started it, so one thread starts them all.
_starter = ThreadPoolExecutor(1)


class Process:
    def __init__(self, namespace, command, log):
        """`log`: a path that gets what the program prints."""
        self.log = log
        with open(log, "ab") as file:
            self._popen = _starter.submit(
                subprocess.Popen,
                ["ip", "netns", "exec", namespace.name, "setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True).result()

    @property
    def pid(self):
        return self._popen.pid

    @property
    def is_running(self):
        return self._popen.poll() is None

    def signal(self, number):
        self._popen.send_signal(number)

    def wait(self, seconds):
        """Whether it has ended within so long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(max(0.0, seconds))
        return not self.is_running

    def tree(self):
        return census.descendants([self.pid])

    def cpu_seconds(self):
        """User and system time of all threads so far."""
        return sum(self._read(pid, "schedstat", lambda text: int(text.split()[0])) for pid in
                   self._threads()) / 1e9

    def _threads(self):
        for pid in self.tree():
            with contextlib.suppress(OSError):
                yield from (f"{pid}/task/{thread}" for thread in os.listdir(f"/proc/{pid}/task"))

    def resident_bytes(self):
        def rss(text):
            return next((int(line.split()[1]) for line in text.splitlines()
                         if line.startswith("VmRSS:")), 0)
        return sum(self._read(pid, "status", rss) for pid in self.tree()) * 1024

    @staticmethod
    def _read(entry, name, parse):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/{name}", encoding="ascii") as file:
            return parse(file.read())
        return 0

    def last_words(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-5:]).strip()

    def stop(self):
        """Two seconds to end by itself: a proxy need not drain, the lab is over for it."""
        tree = self.tree()
        self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(2)
        for pid in tree:
            if os.path.exists(f"/proc/{pid}") and (pid == self.pid or self._is_ours(pid)):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(2)

    def _is_ours(self, pid):
        """A number may have been given anew; a descendant has our session."""
        with contextlib.suppress(OSError):
            return os.getsid(pid) == self.pid
        return False


def wait_for_port(namespace, address, process, seconds=15):
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.is_running:
        with contextlib.suppress(OSError), namespace.socket() as probe:
            probe.settimeout(1)
            probe.connect(address)
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on {address[0]}:{address[1]}: {process.last_words()}")
