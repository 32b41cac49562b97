"""The lab as rows see it: clients, objects, faults and watches; everything is closed with it."""

import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import census
import clients
import content
import netns
import origins
import proxies
import wire

MB = 1 << 20
LARGEST = 100 * MB

# Instances of the proxy by what their rows need, each with an origin of its own behind it, so that rows
# which count segments, bytes or memory are not disturbed by others.
PLACES = {"hits": (8080, 9000), "misses": (8081, 9001), "rude": (8082, 9002), "window": (8083, 9003),
          "crowd": (8084, 9004), "limited": (8085, 9005), "drained": (8086, 9006), "tunnels": (8087, 9007)}


class Lab:
    """REQUIRES root. `scratch`: a folder for confs and logs."""

    def __init__(self, kind, origin_program, scratch):
        self.kind = kind
        self._tls = clients.tls_context() if kind.tls else None
        self._origin_program = origin_program
        self._scratch = scratch
        self._lock = threading.RLock()
        self._instances, self._origins, self._cached = {}, {}, {}
        self._closing = ExitStack()
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self):
        self._net = self._keep(netns.Topology())
        self.faults = wire.Faults(self._net)
        self.zero_windows = wire.ZeroWindows(self._net, [port for _, port in PLACES.values()])
        self._fins = self._keep(wire.FinSniffer(self._net))
        self._injector = self._keep(wire.Injector(self._net))
        self._census = self._keep(census.Census(self._net, self._proxy_pids))
        start = time.monotonic()
        self._reference = self.origin("hits").fetch(f"/reference?size={LARGEST}&n=1")
        self.direct_seconds = time.monotonic() - start  # how long the largest object takes at least
        if len(self._reference) != LARGEST or not content.is_object(self._reference, 1):
            raise RuntimeError("weir-origin does not send the bytes that content.h defines")

    def _keep(self, part):
        self._closing.callback(part.close)
        return part

    def close(self):
        with self._lock:
            for part in [*self._instances.values(), *self._origins.values()]:
                part.close()
            self._instances.clear()
            self._origins.clear()
        self._closing.close()

    def _proxy_pids(self):
        return [instance.process.pid for instance in list(self._instances.values())]

    # Servers

    def origin(self, place):
        with self._lock:
            if place not in self._origins:
                port = PLACES[place][1]
                if place == "rude":
                    self._origins[place] = origins.RudeOrigin(self._net, port,
                                                             self._reference[:1000])
                else:
                    log = os.path.join(self._scratch, f"origin-{place}.log")
                    self._origins[place] = origins.ScriptedOrigin(self._net, self._origin_program,
                                                                  port, log)
            return self._origins[place]

    def proxy(self, place, connection_limit=None):
        with self._lock:
            if place not in self._instances:
                folder = os.path.join(self._scratch, place)
                self._instances[place] = proxies.Instance(
                    self.kind, self._net, folder, PLACES[place][0], self.origin(place).address,
                    connection_limit)
            return self._instances[place]

    def dead_proxies(self):
        return [f"{place}: {instance.process.last_words()}"
                for place, instance in self._instances.items()
                if not instance.process.is_running and not instance.is_drained]

    def drain(self, place):
        """Tells the proxy to serve what it has begun, and then to end."""
        self.proxy(place).drain(self.kind.drain_signal)

    def run_in_proxy(self, *command):
        return self._net.proxy.run(*command)

    # Clients

    @contextmanager
    def client(self, place="hits", rcvbuf=None):
        client = clients.Client(self._net.client, self.proxy(place).address, self._reference, rcvbuf,
                                self._tls)
        try:
            yield client
        finally:
            client.close()

    def get(self, place, target, **options):
        """A healthy client's whole visit: (status or what went wrong, seconds)."""
        start = time.monotonic()
        with self.client(place) as client:
            client.request(target)
            return client.read_response(**options), time.monotonic() - start

    def object(self, size, place="hits"):
        """The target of an object that the proxy has cached by now."""
        target = f"/film-{size}?size={size}&n=1&cc=max-age=3600"
        with self._lock:
            cached = self._cached.setdefault((place, target), threading.Lock())
        with cached:
            self._warm(place, target, size)
        return target

    def _warm(self, place, target, size):
        """From within the proxy's namespace, so that the shaped link is left to the rows."""
        address = self.proxy(place).address
        if self.origin(place).requests(target):
            return
        with self._net.proxy.socket() as connection:
            connection.settimeout(60)
            connection.connect(address)
            if self._tls:
                connection = self._tls.wrap_socket(connection)
            connection.sendall(f"GET {target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
            got = 0
            while data := connection.recv(MB):
                got += len(data)
        if got < size:
            raise RuntimeError(f"{target} could not be cached: {got} bytes came")

    # Watching and faults

    def watch(self, client):
        return self._census.watch(client.port)

    def kernel_timer(self, client):
        return self._census.timer(client.port)

    def kernel_queue(self, client):
        return self._census.queued(client.port)

    def vanish(self, *some):
        """Silence: nothing from or to these clients passes any more. Returns when."""
        return self.faults.cut_off(*(client.port for client in some))

    def forge_reset(self, client, below):
        """A RST `below` the sequence number that the proxy expects behind the client's FIN."""
        sequence = self._fins.expected(client.port) - below
        self._injector.reset(client.port, client.proxy_port, sequence)


def in_parallel(*actions):
    """Runs all at a time; returns what they returned. The first error is raised."""
    results = [None] * len(actions)
    errors = []

    def run(index, action):
        try:
            results[index] = action()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(actions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
