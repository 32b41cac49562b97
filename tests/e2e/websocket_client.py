"""A WebSocket client (RFC 6455) made by hand: python3 websocket_client.py PORT plain|tls|bare

Shakes hands with /chat?upgrade=websocket, which echoes what it gets, sends frames of all lengths
with a mask, reads them back, says close and expects both ends to end in order; bare: ends its TLS
without a close_notify instead.
"""

import os
import socket
import ssl
import struct
import sys


def frame(opcode, payload):
    head = bytes([0x80 | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
    mask = os.urandom(4)
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")
    return head + mask + masked


def read_frame(stream):
    opcode = stream.read(1)[0] & 15
    length = stream.read(1)[0] & 127
    if length == 126:
        length = struct.unpack(">H", stream.read(2))[0]
    elif length == 127:
        length = struct.unpack(">Q", stream.read(8))[0]
    mask = stream.read(4)
    payload = stream.read(length)
    key = (mask * (length // 4 + 1))[:length]
    return opcode, (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


def main():
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
    if sys.argv[2] != "plain":
        trust = ssl.create_default_context()
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
        trust.set_alpn_protocols(["http/1.1"])
        connection = trust.wrap_socket(connection, server_hostname="a.example")
    connection.sendall(
        b"GET /chat?upgrade=websocket HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    stream = connection.makefile("rb")
    assert b" 101 " in stream.readline()
    while stream.readline() != b"\r\n":
        pass
    for size in (0, 1, 125, 126, 65535, 65536, 300000):
        sent = os.urandom(size)
        connection.sendall(frame(2, sent))
        assert read_frame(stream) == (2, sent), size
    if sys.argv[2] == "bare":
        os.close(connection.detach())
        return
    connection.sendall(frame(8, struct.pack(">H", 1000)))
    assert read_frame(stream) == (8, struct.pack(">H", 1000))
    if sys.argv[2] == "tls":
        connection.unwrap().close()
    else:
        connection.shutdown(socket.SHUT_WR)
        assert stream.read(1) == b""


main()
