"""The proxies under test. Each writes its conf into a folder of its own and names the program to run.

The peers run as Debian ships them: default time-outs, caching on (tests/lab/peers/). Weir runs with its
least conf: where to listen, where the origin is, and how much memory it may use.
"""

import os
import shutil
import signal
import subprocess

import netns
import processes

_PEERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers")


class Unsupported(Exception):
    """The peer has nothing of the kind; the row is skipped for it."""


class Kind:
    name = ""
    program = ""
    drain_signal = None  # tells it to serve what it has begun, and end
    tls = False  # clients come over TLS
    tunnels = False  # WebSocket, with the conf that it has here
    resumes = False  # promises to complete a response that its origin cut, if the validator is strong

    def __init__(self, program=None):
        self.program = program or shutil.which(self.program) or self.program

    def prepare(self, folder, listen, origin, connection_limit):
        """Writes the conf; returns the command."""
        raise NotImplementedError

    @staticmethod
    def fill(template, path, **values):
        with open(os.path.join(_PEERS, template), encoding="utf-8") as file:
            text = file.read()
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Weir(Kind):
    name = "weir"
    program = "weir"
    drain_signal = signal.SIGTERM
    resumes = True
    tunnels = True

    def prepare(self, folder, listen, origin, connection_limit):
        path = os.path.join(folder, "weir.conf")
        limit = f"[server]\nmax_connections = {connection_limit}\n" if connection_limit else ""
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'{self.listen(folder, listen)}origin = "{origin}"\n'
                       f'{limit}[storage]\nmemory = "512 MiB"\n{self.more(folder, listen)}')
        return [self.program, "run", "-c", path]

    def listen(self, folder, address):
        return f'listen = "{address}"\n'

    def more(self, folder, address):
        return ""


class WeirOverTls(Weir):
    name = "weir over TLS"
    tls = True

    def listen(self, folder, address):
        return ""

    def more(self, folder, address):
        certificate, key = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=lab", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        return (f'[[listen]]\naddress = "{address}"\n'
                f'tls = {{ certificate = "{certificate}", key = "{key}" }}\n')


class Nginx(Kind):
    name = "nginx"
    program = "nginx"
    drain_signal = signal.SIGQUIT

    def prepare(self, folder, listen, origin, connection_limit):
        if connection_limit:
            raise Unsupported("nginx closes what exceeds worker_connections, without an answer")
        path = self.fill("nginx.conf", os.path.join(folder, "nginx.conf"), FOLDER=folder, LISTEN=listen,
                         ORIGIN=origin)
        return [self.program, "-p", folder, "-c", path, "-e", os.path.join(folder, "error.log")]


class Varnish(Kind):
    name = "varnish"
    program = "varnishd"

    def prepare(self, folder, listen, origin, connection_limit):
        if connection_limit:
            raise Unsupported("varnish has no limit of connections")
        host, port = origin.split(":")
        path = self.fill("varnish.vcl", os.path.join(folder, "default.vcl"), HOST=host, PORT=port)
        return [self.program, "-F", "-a", listen, "-f", path, "-n", os.path.join(folder, "work"),
                "-s", "malloc,512m", "-T", "none"]


class Haproxy(Kind):
    name = "haproxy"
    program = "haproxy"
    drain_signal = signal.SIGUSR1
    tunnels = True

    def prepare(self, folder, listen, origin, connection_limit):
        if connection_limit:
            raise Unsupported("haproxy leaves what exceeds maxconn to the kernel's queue")
        path = self.fill("haproxy.cfg", os.path.join(folder, "haproxy.cfg"), LISTEN=listen, ORIGIN=origin)
        return [self.program, "-db", "-f", path]


KINDS = {kind.name: kind for kind in (Weir, Nginx, Varnish, Haproxy)}


class Instance:
    """One running proxy in front of one origin."""

    def __init__(self, kind, topology, folder, port, origin, connection_limit=None):
        self.address = (netns.PROXY, port)
        self.is_drained = False  # was told to end
        os.makedirs(folder)
        command = kind.prepare(folder, f"{netns.PROXY}:{port}", f"{origin[0]}:{origin[1]}",
                               connection_limit)
        self.process = processes.Process(topology.proxy, command, os.path.join(folder, "log"))
        processes.wait_for_port(topology.proxy, self.address, self.process)

    def drain(self, number):
        self.is_drained = True
        self.process.signal(number)

    def close(self):
        self.process.stop()
