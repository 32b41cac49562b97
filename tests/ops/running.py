"""A Weir and its scripted origin, as the tests of this folder need them: with a disk, TLS and an admin address."""

import contextlib
import http.client
import os
import subprocess
import tempfile

CONF = """[server]
workers = 2
admin = "127.0.0.1:0"
[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "127.0.0.1:0"
[[listen.tls]]
certificate = "{folder}/tls.pem"
key = "{folder}/tls.key"
[storage]
memory = "16 MiB"
[[storage.disk]]
path = "{folder}/disk"
size = "64 MiB"
[[origin]]
name = "main"
servers = ["127.0.0.1:{origin}"]
[log]
access = "{folder}/access.log"
"""


def chosen(program):
    """The Weir to test: the environment's WEIR_PROGRAM comes before what the command line says."""
    return os.environ.get("WEIR_PROGRAM") or program


@contextlib.contextmanager
def ended(process):
    """Ends it, and wants it to end well."""
    try:
        yield process
    finally:
        process.terminate()
        code = process.wait(30)
        process.stdout.close()
        if code not in (0, -15):
            raise RuntimeError(f"{process.args[0]} ended with {code}")


def started(command):
    return ended(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True))


def port_after(process, words):
    """The port of the first line of its output with these words and an address behind them."""
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return int(line.split(words)[1].split()[0].rsplit(":", 1)[1])
    raise RuntimeError(f"{process.args[0]} does not listen: {said}")


class Running:
    def __init__(self, admin, port, folder):
        self.admin, self.port, self.folder = admin, port, folder

    def get(self, target, port=None):
        """The body; whatever the status is."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("GET", target)
            return connection.getresponse().read().decode("utf-8", "replace")

    def scrape(self):
        return self.get("/metrics", self.admin)


@contextlib.contextmanager
def weir(program, origin_program):
    """Yields one that has answered a miss, a hit and an error."""
    with tempfile.TemporaryDirectory() as folder, \
            started([origin_program, "--listen", "127.0.0.1:0"]) as origin:
        port = port_after(origin, "listening on ")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", "-subj", "/CN=a.example", "-keyout", f"{folder}/tls.key",
                        "-out", f"{folder}/tls.pem"], check=True, stderr=subprocess.DEVNULL)
        conf = os.path.join(folder, "weir.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(CONF.format(folder=folder, origin=port))
        with started([program, "run", "-c", conf]) as process:
            admin = port_after(process, "admin on ")
            running = Running(admin, port_after(process, "listening on "), folder)
            for target in ("/a?size=20KiB&cc=max-age=60", "/a?size=20KiB&cc=max-age=60", "/b?cut_at=0"):
                with contextlib.suppress(http.client.HTTPException, ConnectionError):
                    running.get(target)
            yield running
