"""The origin of the conformance rows: answers each step of a row as the row says, and remembers it.

A request names its row and step in fields of its own, which a cache passes on: Row and Step.
Each answer carries Origin-Step, the step that caused it, so that a stored one betrays itself.
"""

import socket
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

import wire
from rows import At, http_date

BODILESS = (204, 304)


@dataclass
class Seen:
    """A request as it came, and the answer to it as it went. Fields: lists of (name, value)."""
    method: str
    target: str
    fields: list
    answered: list


class Origin:
    def __init__(self, rows, port=0):
        self._rows = {row.number: row for row in rows}
        self._seen = defaultdict(list)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def seen(self, row, step):
        with self._lock:
            return list(self._seen[row.number, step])

    def forget(self, row):
        with self._lock:
            for step in range(1, len(row.steps) + 1):
                self._seen.pop((row.number, step), None)

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = wire.Stream(connection)
        with connection:
            try:
                while self._answer(stream):
                    pass
            except (wire.Ended, OSError):
                pass

    def _answer(self, stream):
        """Reads a request and answers it. False: the connection is to end."""
        first, fields = stream.take_head()
        method, target, _ = first.split(" ")
        stream.take_body(fields, until_end=False)
        number, step = wire.joined(fields, "Row"), wire.joined(fields, "Step")
        if not number or not step:
            stream.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        row = self._rows[int(number)]
        answer = row.steps[int(step) - 1].answer
        time.sleep(answer.delay)
        for status, hints in answer.interim:
            stream.send(wire.print_head(f"HTTP/1.1 {status} Interim", hints))

        conditional = wire.has(fields, "If-None-Match") or wire.has(fields, "If-Modified-Since")
        status = 304 if answer.may_validate and conditional else answer.status
        body = answer.body if answer.body is not None else row.body
        out = self._fields(answer, step, fields, target)
        with self._lock:
            self._seen[row.number, int(step)].append(Seen(method, target, fields, out))
        if answer.cut:
            return False
        if status not in BODILESS and not wire.has(out, "Transfer-Encoding"):
            if not wire.has(out, "Content-Length"):
                out = [*out, ("Content-Length", str(len(body)))]
        stream.send(wire.print_head(f"HTTP/1.1 {status} Scripted", out))
        if status not in BODILESS and method != "HEAD":
            stream.send(body)
        return answer.keeps_connection

    @staticmethod
    def _fields(answer, step, asked, target):
        now = time.time()
        authority = wire.joined(asked, "Host")
        out = [("Origin-Step", step)]
        for name, value in answer.fields:
            if isinstance(value, At):
                value = http_date(now + value.seconds)
            value = value.replace("{self}", f"http://{authority}{target}")
            out.append((name, value))
        if not wire.has(out, "Content-Type"):
            out.append(("Content-Type", "text/plain"))
        return out
