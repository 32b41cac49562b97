"""Runs a row: asks its steps one after the other, each on a connection of its own."""

import socket
import time

import wire
from rows import Happened, Response, Stored, judge_step

TIMEOUT = 20  # seconds


class Client:
    """`address`: host and port of the cache. `origin` remembers what reached it."""

    def __init__(self, address, origin):
        self._address = address
        self._origin = origin
        self._run = f"{time.time_ns():x}"  # no two runs share a URL

    def complaint(self, row):
        """What is wrong, or None. A machine that is busy gets a second try: rows live by the clock."""
        return self._try(row, 1) and self._try(row, 2)

    def _try(self, row, attempt):
        self._origin.forget(row)
        earlier = {}
        for index, step in enumerate(row.steps, 1):
            response = self._ask(row, index, step, earlier, attempt)
            happened = Happened(row, index, response, self._origin.seen(row, index), earlier)
            if complaint := judge_step(happened):
                return f"step {index}: {complaint}"
            if happened.seen:
                earlier[index] = happened.seen[0].answered
            time.sleep(step.wait)
        return None

    def _ask(self, row, index, step, earlier, attempt):
        query = f"?{step.query}" if step.query else ""
        path = step.path.lstrip("/")
        fields = [("Host", "conformance.test"), ("Connection", "close"), ("Row", str(row.number)),
                  ("Step", str(index))]
        known = Happened(row, index, None, [], earlier)
        fields += [(name, known.value_of(value) if isinstance(value, Stored) else value)
                   for name, value in step.fields]
        if step.body:
            fields.append(("Content-Length", str(len(step.body))))
        head = wire.print_head(
            f"{step.method} /{self._run}/{row.number}/{attempt}/{path}{query} HTTP/1.1", fields)
        with socket.create_connection(self._address, TIMEOUT) as connection:
            stream = wire.Stream(connection)
            stream.send(head + step.body)
            try:
                return self._receive(stream, step.method)
            except (wire.Ended, OSError):
                return None

    @staticmethod
    def _receive(stream, method):
        interim = []
        while True:
            first, fields = stream.take_head()
            status = int(first.split(" ")[1])
            if status >= 200:
                break
            interim.append((status, fields))
        bodiless = method == "HEAD" or status in (204, 304)
        body = b"" if bodiless else stream.take_body(fields, until_end=True)
        return Response(status, fields, body, interim)
