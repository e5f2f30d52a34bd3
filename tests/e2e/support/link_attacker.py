"""What a bad host does to its link: run inside the host's namespace.

  link_attacker.py connections ADDRESS SECONDS   thousands of connections: silent, half a handshake, garbage
  link_attacker.py calls ADDRESS SECONDS PKI NODE   with the host's own certificate: replays, floods, lies, huge ones
"""
import collections
import concurrent.futures
import contextlib
import os
import pathlib
import socket
import sys
import time

MOST = 3000
HELLO = bytes.fromhex("16030100f8010000f40303")  # the begin of a TLS ClientHello that never goes on


def say_nothing(_):
    pass


def half_a_handshake(one):
    one.send(HELLO)


def garbage(one):
    one.send(os.urandom(16 << 10))


def connections(address, seconds):
    host, port = address.rsplit(":", 1)
    kinds, held, opened = (say_nothing, half_a_handshake, garbage), collections.deque(), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            one = socket.create_connection((host, int(port)), timeout=0.5)
            one.setblocking(False)
            held.append(one)
            opened += 1
            kinds[opened % len(kinds)](one)
        if len(held) > MOST:
            held.popleft().close()
    print(opened)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def renew(node, sequence):
    return text(1, node.encode()) + varint(2 << 3) + varint(sequence) + text(4, b"dormant")


def calls(address, seconds, pki, node):
    import grpc
    pki = pathlib.Path(pki)
    leaf = (pki / f"host-{node}.pem").read_bytes()
    key = leaf[leaf.index(b"-----BEGIN PRIVATE KEY"):] if b"-----BEGIN PRIVATE KEY" in leaf else leaf
    credentials = grpc.ssl_channel_credentials((pki / "ca.crt").read_bytes(), key, leaf)
    messages = [renew(node, 1), renew("another", 1), b"\x0a\xff", text(6, bytes(8 << 20)), renew(node, 1)[:-3]]
    answers = collections.Counter()

    def flood(_):
        channel = grpc.secure_channel(address, credentials, [("grpc.use_local_subchannel_pool", 1)])
        call = channel.unary_unary("/outrigger.v1.HostLink/Renew", lambda raw: raw, lambda raw: raw)
        end, turn = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            turn += 1
            try:
                call(messages[turn % len(messages)], timeout=2)
                answers["OK"] += 1
            except grpc.RpcError as refusal:
                answers[refusal.code().name] += 1
                if refusal.code() == grpc.StatusCode.UNAVAILABLE:
                    time.sleep(0.05)
                    answers[refusal.details()] += 1
        channel.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(flood, range(8)))
    print(dict(answers))


if __name__ == "__main__":
    what, address, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    {"connections": connections, "calls": calls}[what](address, seconds, *sys.argv[4:])
