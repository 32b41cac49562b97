"""Servers under measurement: started on free ports of 127.0.0.1, watched through /proc, stopped."""

import os
import signal
import socket
import subprocess
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process; `name` is its row in the tables. Ends the bench when it does not listen."""

    def __init__(self, name, command, port, stderr):
        self.name = name
        self.port = port
        self.stderr = stderr
        with open(stderr, "wb") as sink:
            self.process = subprocess.Popen(command, stdout=sink, stderr=sink)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        with open(self.stderr, encoding="utf-8", errors="replace") as said:
            raise SystemExit(f"bench: {self.name} does not listen:\n{said.read()}")

    def url(self, target):
        return f"http://127.0.0.1:{self.port}{target}"

    def get(self, target):
        """(status, fields, bytes of the body)"""
        with urllib.request.urlopen(self.url(target), timeout=60) as answer:
            count = 0
            while piece := answer.read(1 << 20):
                count += len(piece)
            return answer.status, answer.headers, count

    def cpu_seconds(self):
        """(user, system) of the process with all its threads."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        tick = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / tick, int(fields[12]) / tick

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
