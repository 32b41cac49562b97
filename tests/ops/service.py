#!/usr/bin/env python3
"""Starts Weir as a service manager does: sd_notify over NOTIFY_SOCKET, a watchdog, sockets that are open already, a pid
file. And lets systemd-analyze look at the units of ops/.

    service.py --weir build/release/src/app/weir --origin build/release/bin/weir-origin
"""

import argparse
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import running

OPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../ops")
CONF = """[server]
workers = 2
admin = "off"
pid_file = "{folder}/weir.pid"
[[listen]]
address = "{listen}"
[[origin]]
name = "main"
servers = ["127.0.0.1:{origin}"]
[log]
access = "off"
"""


class Failed(Exception):
    pass


def want(holds, what):
    if not holds:
        raise Failed(what)


class Manager:
    """What systemd is to Weir."""

    def __init__(self, folder):
        self.path = f"{folder}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)

    def waits_for(self, word, seconds=20):
        """The message that has it; others before it are passed over."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                message = self.socket.recv(4096).decode()
                if word in message.split("\n"):
                    return message
                if any(line.startswith(word) for line in message.split("\n")):
                    return message
        raise Failed(f"the manager does not hear {word}")


def start(program, folder, origin, listen, environment=None, sockets=()):
    conf = f"{folder}/weir.conf"
    with open(conf, "w", encoding="utf-8") as file:
        file.write(CONF.format(folder=folder, origin=origin, listen=listen))
    # The shell gives its own number to the program that it becomes, and its sockets the numbers 3, 4...
    moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(sockets))
    script = f'LISTEN_PID=$$ exec "$0" run -c "$1" {moves}'
    more = {"LISTEN_FDS": str(len(sockets))} if sockets else {}
    return subprocess.Popen(["bash", "-c", script, program, conf], env={**os.environ, **(environment or {}), **more},
                            pass_fds=sockets, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def ends_well(process, number=signal.SIGTERM):
    process.send_signal(number)
    out, _ = process.communicate(timeout=40)
    want(process.returncode == 0, f"weir ended with {process.returncode}: {out}")


def asked(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/a?size=10")
        return connection.getresponse().status


def notifies(program, origin, folder):
    manager = Manager(folder)
    environment = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "4000000"}
    process = start(program, folder, origin, "127.0.0.1:0", environment)
    try:
        port = running.port_after(process, "listening on ")
        manager.waits_for("READY=1")
        want(asked(port) == 200, "ready, and it does not serve")
        with open(f"{folder}/weir.pid", encoding="utf-8") as file:
            want(int(file.read()) == process.pid, "the pid file has another number")
        for _ in range(2):
            manager.waits_for("WATCHDOG=1")
        process.send_signal(signal.SIGHUP)
        said = manager.waits_for("RELOADING=1")
        want(re.search(r"^MONOTONIC_USEC=[1-9]\d*$", said, re.M), f"no time of the reload: {said}")
        manager.waits_for("READY=1")
        ends_well(process)
        manager.waits_for("STOPPING=1")
        want(not os.path.exists(f"{folder}/weir.pid"), "the pid file stays")
    finally:
        process.kill()


def hangs(program, origin, folder):
    """A Weir that stands still feeds nobody."""
    manager = Manager(folder)
    process = start(program, folder, origin, "127.0.0.1:0",
                    {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "2000000"})
    try:
        manager.waits_for("WATCHDOG=1")
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        with contextlib.suppress(BlockingIOError):
            manager.socket.setblocking(False)
            while manager.socket.recv(4096):
                pass
        try:
            manager.waits_for("WATCHDOG=1", 2)
        except Failed:
            pass
        else:
            raise Failed("a Weir that stands still is fed")
        process.send_signal(signal.SIGCONT)
        manager.waits_for("WATCHDOG=1")
        ends_well(process)
    finally:
        process.kill()


def takes_sockets(program, origin, folder):
    """Who connects before Weir is there, or between two of them, waits and is served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as early:
                early.sendall(b"GET /a?size=10 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                process = start(program, folder, origin, f"127.0.0.1:{port}", sockets=(listener.fileno(),))
                try:
                    want(early.recv(15).startswith(b"HTTP/1.1 200"), "who waited is not served")
                    want([asked(port) for _ in range(20)] == [200] * 20, "those who come later are not")
                    ends_well(process)
                finally:
                    process.kill()
        other = start(program, folder, origin, "127.0.0.1:0", sockets=(listener.fileno(),))
        out, _ = other.communicate(timeout=20)
        want(other.returncode == 1 and f"127.0.0.1:{port}" in out, f"a socket that nobody wants is taken: {out}")


def unit_is_good(program, _origin, folder):
    """What systemd itself says of the units, with the paths of this build in them."""
    with open(f"{folder}/weir.conf", "w", encoding="utf-8") as file:
        file.write('listen = "127.0.0.1:0"\norigin = "127.0.0.1:1"\n')
    for name in ("weir.service", "weir.socket"):
        with open(f"{OPS}/systemd/{name}", encoding="utf-8") as source, \
                open(f"{folder}/{name}", "w", encoding="utf-8") as copy:
            copy.write(source.read().replace("/usr/sbin/weir", os.path.abspath(program)).replace("man:", "file:/"))
    # As cmake/WeirInstall.cmake makes it.
    with open(f"{folder}/weir.service", encoding="utf-8") as source, \
            open(f"{folder}/weir@.service", "w", encoding="utf-8") as copy:
        copy.write(source.read().replace("weir run", "weir run --take-over")
                   .replace("RuntimeDirectory=weir", "RuntimeDirectory=weir\nRuntimeDirectoryPreserve=yes"))
    done = subprocess.run(["systemd-analyze", "verify", f"{folder}/weir.service", f"{folder}/weir.socket",
                           f"{folder}/weir@a.service"], capture_output=True, text=True)
    # It also reads the machine's own units, and has something to say about some.
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "weir" in line]
    want(not ours, "systemd-analyze: " + "\n".join(ours))
    score = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=30",
                            f"{folder}/weir.service"], capture_output=True, text=True)
    want(score.returncode == 0, f"the unit is exposed: {score.stdout[-300:]} {score.stderr}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", required=True, type=running.chosen)
    parser.add_argument("--origin", required=True)
    options = parser.parse_args()
    failed = 0
    with running.started([options.origin, "--listen", "127.0.0.1:0"]) as process:
        origin = running.port_after(process, "listening on ")
        for row in (notifies, hangs, takes_sockets, unit_is_good):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    row(options.weir, origin, folder)
                except (Failed, OSError, RuntimeError, http.client.HTTPException, subprocess.SubprocessError) as why:
                    failed += 1
                    print(f"{row.__name__}: {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
