"""An application behind the DPU, whose latency the node's outrigger-host measures.

In the lab a host's own namespace and those of its endpoints are different ones.  A doorway stands in the host's: each line
that comes in becomes a connection of its own from one guest to another, through the DPU, and its answer goes back."""
import os
import pathlib
import signal
import socket
import subprocess
import threading

from .netns import inside
from .wait import until

DOORWAY = 8000


class Doorway:
    def __init__(self, netns, guest, address, port):
        subprocess.run(["ip", "-n", netns, "link", "set", "lo", "up"], check=True)
        with inside(netns):
            self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server.bind(("127.0.0.1", DOORWAY))
        self.server.listen(64)
        self.way = guest, address, port
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        guest, address, port = self.way
        with connection:
            try:
                while line := connection.recv(4096):
                    with guest.connect(address, port, timeout=2) as there:
                        there.sendall(line)
                        connection.sendall(there.recv(4096))
            except OSError:
                pass  # whoever asked sees that nothing came back

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


class HostAgent:
    """The node's outrigger-host, started again to measure what is behind a doorway."""

    def __init__(self, lab, node, rate):
        netns = f"or-{lab.name}.host.{node}"
        old = until(lambda: agent_in(netns), timeout=10)
        assert old, f"no outrigger-host in {netns}"
        argv = pathlib.Path(f"/proc/{old}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        os.kill(old, signal.SIGTERM)
        assert until(lambda: not agent_in(netns), timeout=10), "outrigger-host does not end"
        # Not `ip netns exec`: it hides the control groups, by which what measures is held to its bounds.
        self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{netns}", *argv, "--work", f"tcp://127.0.0.1:{DOORWAY}",
                                         "--work-rate", str(rate)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait(15)


def agent_in(netns):
    """Its children have its command line, too: the one whose parent has not."""
    done = subprocess.run(["ip", "netns", "pids", netns], text=True, capture_output=True, check=False)
    found = {pid for pid in map(int, done.stdout.split()) if "outrigger-host\0run\0" in command_of(pid)}
    return next((pid for pid in found if parent_of(pid) not in found), None)


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def parent_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0
