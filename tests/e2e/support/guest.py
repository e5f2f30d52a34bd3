"""An application behind an endpoint: what it can do with ordinary sockets and programs."""
import errno
import re
import socket
import subprocess

from .frames import Wire
from .netns import inside

REFUSED = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.ECONNRESET}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def gateway_of(address):
    """The tests' networks have their gateways at 1."""
    return re.sub(r"[0-9a-f]+$", "1", address)


class Guest:
    def __init__(self, lab, manifest):
        meta, spec = manifest["metadata"], manifest["spec"]
        self.name = f"{meta['namespace']}/{meta['name']}"
        self.netns = f"or-{lab}.ep.{meta['namespace']}.{meta['name']}"
        self.node = spec["node"]
        self.mac = spec["mac"]
        addresses = [a for a in spec["addresses"] if "/" not in a]
        self.v4 = next((a for a in addresses if ":" not in a), None)
        self.v6 = next((a for a in addresses if ":" in a), None)

    def __repr__(self):
        return self.name

    def address(self, version):
        return self.v4 if version == 4 else self.v6

    # Programs.

    def popen(self, *argv, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.STDOUT)
        return subprocess.Popen(["ip", "netns", "exec", self.netns, *map(str, argv)], text=True, **options)

    def run(self, *argv, timeout=20, check=False):
        """Runs a program to its end; its result has returncode and stdout (with standard error)."""
        done = subprocess.run(["ip", "netns", "exec", self.netns, *map(str, argv)], text=True, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert not check or done.returncode == 0, f"{self.name}: {argv}: exit {done.returncode}\n{done.stdout}"
        return done

    def ping(self, address, *options, count=1, wait=2):
        """None when every echo came back, else what ping said."""
        done = self.run("ping", "-n", "-c", count, "-i", "0.2", "-W", wait, *options, address)
        return None if done.returncode == 0 else done.stdout

    def forget_addresses(self):
        """As a guest that was just installed: no address but its link-local one."""
        self.run("ip", "addr", "flush", "dev", "eth0", "scope", "global", check=True)

    def restore_addresses(self):
        self.run("ip", "link", "set", "eth0", "down", check=True)
        self.run("ip", "addr", "flush", "dev", "eth0")
        for address, length in ((self.v4, 24), (self.v6, 64)):
            if address:
                nodad = ["nodad"] if length == 64 else []
                self.run("ip", "addr", "add", f"{address}/{length}", "dev", "eth0", *nodad, check=True)
        self.run("ip", "link", "set", "eth0", "up", check=True)
        for address in filter(None, (self.v4, self.v6)):
            self.run("ip", "route", "replace", "default", "via", gateway_of(address), "dev", "eth0", check=True)

    def gateway_mac(self):
        self.ping(gateway_of(self.v4))
        said = self.run("ip", "-4", "neigh", "show", gateway_of(self.v4)).stdout
        return said.split("lladdr ")[1].split()[0]

    # Sockets.

    def socket(self, family, kind, timeout=2.0):
        with inside(self.netns):
            made = socket.socket(family, kind)
        made.settimeout(timeout)
        return made

    def connect(self, address, port, timeout=2.0, source_port=0):
        """A connected TCP socket; ConnectionError when refused, TimeoutError when nothing answers."""
        made = self.socket(family_of(address), socket.SOCK_STREAM, timeout)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if source_port:
                made.bind(("", source_port))
            made.connect((address, port))
            return made
        except BaseException:
            made.close()
            raise

    def tcp(self, address, port, timeout=2.0):
        """"open", "refused" (at once, by whatever error) or "silent"."""
        try:
            self.connect(address, port, timeout).close()
            return "open"
        except TimeoutError:
            return "silent"
        except OSError as error:
            if error.errno in REFUSED:
                return "refused"
            raise

    def udp(self, address, port, payload=b"hello", timeout=1.0):
        """"open" when the payload came back, "refused" for an ICMP error, or "silent"."""
        with self.socket(family_of(address), socket.SOCK_DGRAM, timeout) as made:
            try:
                made.connect((address, port))
                made.send(payload)
                return "open" if made.recv(70000) == payload else "other"
            except TimeoutError:
                return "silent"
            except OSError as error:
                if error.errno in REFUSED:
                    return "refused"
                raise

    def wire(self):
        """Raw frames of eth0, as a hostile guest would send them."""
        return Wire(self.netns, "eth0")
