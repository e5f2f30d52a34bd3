"""Echo servers of all guests, in one thread: what arrives goes back."""
import selectors
import socket
import threading


class Servers:
    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.waker, self.woken = socket.socketpair()
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        self.lock = threading.Lock()
        self.open = {}
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def tcp(self, guest, port, version=4):
        self._listen(guest, port, version, socket.SOCK_STREAM)

    def udp(self, guest, port, version=4):
        self._listen(guest, port, version, socket.SOCK_DGRAM)

    def _listen(self, guest, port, version, kind):
        key = (guest.netns, port, version, kind)
        if key in self.open:
            return
        server = guest.socket(socket.AF_INET if version == 4 else socket.AF_INET6, kind)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if version == 6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.setblocking(False)
        server.bind(("::" if version == 6 else "0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            server.listen(128)
        self.open[key] = server
        self._watch(server, self._accept if kind == socket.SOCK_STREAM else self._datagram)

    def _watch(self, what, action):
        with self.lock:
            self.selector.register(what, selectors.EVENT_READ, action)
        self.waker.send(b".")

    def _serve(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    if self.woken.recv(4096) == b"stop":
                        return
                    continue
                try:
                    key.data(key.fileobj)
                except BlockingIOError:
                    pass
                except OSError:
                    self._forget(key.fileobj)

    def _accept(self, server):
        connection, _ = server.accept()
        connection.setblocking(False)
        self._watch(connection, self._stream)

    def _stream(self, connection):
        data = connection.recv(65536)
        if not data:
            self._forget(connection)
        else:
            # Without a timeout a full buffer would lose the rest: the client may read only once it has sent all.
            connection.settimeout(5)
            connection.sendall(data)
            connection.setblocking(False)

    @staticmethod
    def _datagram(server):
        data, source = server.recvfrom(70000)
        server.sendto(data, source)

    def _forget(self, what):
        with self.lock:
            self.selector.unregister(what)
        what.close()

    def stop(self):
        self.waker.send(b"stop")
        self.thread.join(2)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
        self.waker.close()
