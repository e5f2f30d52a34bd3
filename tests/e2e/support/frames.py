"""Raw frames in a namespace: built and read with scapy, moved by a packet socket."""
import select
import socket
import time

from scapy.layers.l2 import Ether

from .netns import inside

_ALL = 0x0003
_OUTGOING = 4  # packet(7): PACKET_OUTGOING


class Wire:
    """One device. Everything that arrived since the last `clear` can be asked for."""

    def __init__(self, netns, device, outgoing=False):
        with inside(netns):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.socket.bind((device, _ALL))
        self.socket.setblocking(False)
        self.outgoing = outgoing

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        for frame in frames:
            self.socket.send(bytes(frame))

    def clear(self):
        while self._next() is not None:
            pass

    def _next(self):
        try:
            data, about = self.socket.recvfrom(70000)
        except BlockingIOError:
            return None
        return data, about[2]

    def frames(self, timeout=1.0):
        """Frames as they come, until `timeout` seconds have passed."""
        deadline = time.monotonic() + timeout
        while True:
            got = self._next()
            if got is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                select.select([self.socket], [], [], left)
                continue
            data, kind = got
            if self.outgoing or kind != _OUTGOING:
                yield Ether(data)

    def first(self, wanted, timeout=1.0):
        """The first frame for which `wanted(frame)` holds; None when there is none in time."""
        return next((frame for frame in self.frames(timeout) if wanted(frame)), None)

    def ask(self, request, wanted, timeout=1.0):
        """Sends a frame and waits for its answer."""
        self.clear()
        self.send(request)
        return self.first(wanted, timeout)
