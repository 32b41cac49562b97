"""HTTP/1.1 on a socket, as little of it as client and origin of the conformance rows need."""

HEAD_MOST = 256 * 1024


class Ended(Exception):
    """The other end is gone before the message was whole."""


class Stream:
    def __init__(self, socket):
        self._socket = socket
        self._buffer = b""

    def send(self, data):
        self._socket.sendall(data)

    def _more(self):
        data = self._socket.recv(65536)
        self._buffer += data
        return bool(data)

    def take_until(self, mark):
        while mark not in self._buffer:
            if len(self._buffer) > HEAD_MOST or not self._more():
                raise Ended
        taken, self._buffer = self._buffer.split(mark, 1)
        return taken

    def take(self, size):
        while len(self._buffer) < size:
            if not self._more():
                raise Ended
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def take_all(self):
        while self._more():
            pass
        taken, self._buffer = self._buffer, b""
        return taken

    def take_head(self):
        """The start line and the fields, a list of (name, value)."""
        first, *lines = self.take_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = []
        for line in lines:
            name, _, value = line.partition(":")
            fields.append((name, value.strip(" \t")))
        return first, fields

    def take_chunks(self):
        body = b""
        while size := int(self.take_until(b"\r\n").split(b";")[0], 16):
            body += self.take(size)
            self.take(2)
        while self.take_until(b"\r\n"):  # trailers
            pass
        return body

    def take_body(self, fields, until_end):
        """`until_end`: a body without framing lasts till the connection ends; else there is none."""
        if "chunked" in joined(fields, "Transfer-Encoding"):
            return self.take_chunks()
        length = joined(fields, "Content-Length")
        if length:
            return self.take(int(length))
        return self.take_all() if until_end else b""


def values(fields, name):
    return [value for other, value in fields if other.lower() == name.lower()]


def joined(fields, name):
    return ", ".join(values(fields, name))


def has(fields, name):
    return bool(values(fields, name))


def print_head(first, fields):
    lines = [first, *(f"{name}: {value}" for name, value in fields)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
