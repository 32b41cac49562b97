"""HTTP clients with the manners of sick and healthy ones: paced, pausing, half-closing, vanishing.

A Client is one connection. It reads no byte that nobody asked it to read, so what its window does follows
from the row alone. Every body byte of a 200 is compared with the object it should be.
"""

import contextlib
import fcntl
import itertools
import socket
import ssl
import struct
import sys
import termios
import time

import netns

_MOST = 256 * 1024
_STEP = 0.05  # between the reads of a paced reader
_FIN_WAIT2, _CLOSE = 5, 7
_ports = itertools.count(20000)


def tls_context():
    """The lab looks at delivery, not at certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    def __init__(self, namespace, address, body, rcvbuf=None, tls=None):
        """`body`: what bodies must start with. `rcvbuf`: SO_RCVBUF, which also ends its growing.
        `tls`: a context. Then a read takes a whole record from the kernel, as TLS clients do."""
        self.port = next(_ports)
        self.proxy_port = address[1]
        self._expected_body = body
        self._socket = namespace.socket()
        if rcvbuf:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(10)
        self._socket.bind((netns.CLIENT, self.port))
        self._socket.connect(address)
        if tls:
            self._socket = tls.wrap_socket(self._socket)
        self._pending = b""
        self._reset_response()

    def _reset_response(self):
        self.status = None
        self.fields = {}
        self.received = 0     # body bytes
        self.end = None       # None while the response goes on; "ok", or what went wrong
        self.last_byte_at = None
        self._left = 0        # of the body, or of the chunk
        self._framing = None

    def grow_buffer(self, size):
        """Lets the kernel take so much for us without a read. Beyond net.core.rmem_max: needs root."""
        self._socket.setsockopt(socket.SOL_SOCKET, 33, size)  # SO_RCVBUFFORCE

    # Sending

    def request(self, target, method="GET", fields=(), body=b""):
        self._reset_response()
        lines = [f"{method} {target} HTTP/1.1", "Host: lab", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def send(self, data, timeout=30):
        self._socket.settimeout(timeout)
        self._socket.sendall(data)

    def try_send(self, data, timeout=30):
        """As a client does that sends on while an answer is under way: an error is no news."""
        with contextlib.suppress(OSError):
            self.send(data, timeout)

    def half_close(self):
        """FIN. On return the proxy's kernel has acknowledged it."""
        socket.socket.shutdown(self._socket, socket.SHUT_WR)  # an SSLSocket would forget its keys
        end = time.monotonic() + 5
        while self.tcp_state() not in (_FIN_WAIT2, _CLOSE) and time.monotonic() < end:
            time.sleep(0.002)

    def waiting(self):
        """Bytes that our kernel has and that were not read."""
        kernel = fcntl.ioctl(self._socket, termios.FIONREAD, b"\0" * 4)
        return int.from_bytes(kernel, sys.byteorder) + self._decrypted()

    def _decrypted(self):
        """Bytes of a record that was read only in part."""
        return self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0

    def tcp_state(self):
        return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    def abort(self):
        """RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self):
        """With bytes unread the kernel makes a RST of it."""
        self._socket.close()

    # Reading

    def read(self, most=_MOST, timeout=30.0, silence_ends=True):
        """One read; notes what it brings. Returns how many bytes came; 0 once the response has ended."""
        if self.end:
            return 0
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(min(most, _MOST))
        except TimeoutError:
            if silence_ends:
                self.end = f"nothing for {timeout:.0f} s at {self._where()}"
            return 0
        except OSError as error:
            self.end = f"{error.strerror} at {self._where()}"
            return 0
        if data:
            self.last_byte_at = time.monotonic()
            self._take(data)
        else:
            self._on_eof()
        return len(data)

    def read_all(self, timeout=30.0):
        while self.read(timeout=timeout):
            pass
        return self.end

    def drain(self, quiet=0.3):
        """Reads what arrives until nothing has come for `quiet` seconds. Silence is no end."""
        while self.read(timeout=quiet, silence_ends=False):
            pass

    def read_until(self, body_bytes, timeout=30.0):
        while not self.end and self.received < body_bytes:
            self.read(min(_MOST, max(1, body_bytes - self.received)), timeout)

    def read_paced(self, rate, seconds=None, until=None, timeout=30.0, stop=lambda: False):
        """At `rate` bytes a second: for `seconds`, up to `until` body bytes, or to the end."""
        start, got = time.monotonic(), 0
        step = max(_STEP, 1 / rate)
        while not self.end and not stop() and (until is None or self.received < until):
            passed = time.monotonic() - start
            if seconds is not None and passed >= seconds:
                break
            due = int((passed + step) * rate) - got
            if due > 0:
                got += self.read(min(due, _MOST), timeout)
            else:
                time.sleep(step)
        return self.end

    def read_response(self, timeout=30.0):
        """Reads a whole response and leaves the connection ready for the next."""
        self.read_all(timeout)
        return self.status if self.end == "ok" else self.end

    # What came

    def _where(self):
        if self.status is None:
            return "the head"
        size = self.received
        return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"

    def _on_eof(self):
        if self._framing == "eof":
            self.end = "ok"
        else:
            self.end = "no head (eof)" if self.status is None else f"short-eof at {self._where()}"

    def _take(self, data):
        if self.status is None:
            self._pending += data
            if not self._take_head():
                return
            data, self._pending = self._pending, b""
        if self._framing == "chunked":
            self._take_chunks(data)
        else:
            self._take_body(data)
            self._left -= len(data)
            if self._framing == "length" and self._left <= 0:
                self.end = self.end or ("ok" if self._left == 0 else "bytes behind the end")

    def _take_head(self):
        while b"\r\n\r\n" in self._pending:
            head, self._pending = self._pending.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            self.status = int(lines[0].split()[1])
            self.fields = {name.strip().lower(): value.strip()
                           for name, _, value in (line.partition(":") for line in lines[1:])}
            if self.status >= 200 or self.status == 101:
                self._choose_framing()
                return True
            self.status = None  # an interim response
        return False

    def _choose_framing(self):
        if self.fields.get("transfer-encoding", "").lower() == "chunked":
            self._framing = "chunked"
        elif "content-length" in self.fields:
            self._framing, self._left = "length", int(self.fields["content-length"])
        else:
            self._framing = "eof"

    def _take_body(self, data):
        if self.status == 200 and not self._expected_body.startswith(data, self.received):
            self.end = f"WRONG BYTES behind {self._where()}"
        self.received += len(data)

    def _take_chunks(self, data):
        """RFC 9112 section 7.1. _pending holds what is not yet a whole line; _left counts the CRLF behind
        a chunk as part of it."""
        data = self._pending + data
        while data and not self.end:
            if self._left > 0:
                part = data[:self._left]
                data = data[len(part):]
                self._left -= len(part)
                self._take_body(part[:len(part) - max(0, 2 - self._left)])
                continue
            line, found, rest = data.partition(b"\r\n")
            if not found:
                break
            data = rest
            if self._left < 0:  # behind the last chunk: trailers, then an empty line
                self.end = None if line else "ok"
            else:
                size = int(line.split(b";")[0], 16)
                self._left = size + 2 if size else -1
        self._pending = data
