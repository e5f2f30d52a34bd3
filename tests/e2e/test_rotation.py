"""Certificates and the authority itself are replaced under a running node: calls go on, and the old is refused at the end."""
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from support.lab import MANIFESTS, PROGRAM, Lab, named, outrigger
from support.netns import inside
from support.wait import until
from test_logs import HostAgent, linked

DPU, LINK_PORT, API_PORT = "169.254.7.1", 7444, 7443


class Rotating:
    def __init__(self, lab):
        self.lab, self.host = lab, HostAgent(lab)
        self.pki = self.host.argv[self.host.argv.index("--tls-ca") + 1].removesuffix("/ca.crt")
        self.pki_command("issue", "--role", "operator", "--name", "ann")

    def pki_command(self, verb, *options):
        return outrigger("pki", verb, "--folder", self.pki, *options)

    def ask(self):
        """The management API over the network, as anybody would."""
        return subprocess.run(["ip", "netns", "exec", self.lab.node("a"), PROGRAM, "stats", "-o", "json", "--server",
                               f"{DPU}:{API_PORT}", "--pki", self.pki, "--as", "operator-ann"], text=True, capture_output=True,
                              timeout=60, check=False).returncode == 0

    def handshake(self, port, certificate):
        """The server's serial, or None when `certificate` is refused."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(certificate)
        context.set_alpn_protocols(["h2"])
        netns = self.lab.node("a") if port == API_PORT else self.host.netns
        with inside(netns):
            wire = socket.create_connection((DPU, port), timeout=5)
        try:
            with context.wrap_socket(wire) as tls:
                if not tls.recv(9):  # a server that accepts begins with its SETTINGS
                    return None
                der = tls.getpeercert(binary_form=True)
                shown = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-serial"], input=der, capture_output=True,
                                       check=True).stdout.decode()
                return shown.strip().removeprefix("serial=").upper()
        except (ssl.SSLError, ConnectionError):
            return None

    def serial(self, name):
        return next(one["serial"].upper() for one in json.loads(self.pki_command("list", "-o", "json").stdout)
                    if one["file"].endswith(f"/{name}.pem"))

    def shows(self, name="dpu-a"):
        """Both listeners answer with the certificate that lies in the folder."""
        wanted = self.serial(name).lstrip("0")
        pairs = ((LINK_PORT, f"{self.pki}/host-a.pem"), (API_PORT, f"{self.pki}/operator-ann.pem"))
        return all((self.handshake(port, own) or "").lstrip("0") == wanted for port, own in pairs)

    def reconnect(self):
        """The link is cut for so long that the host dials anew."""
        subprocess.run(["ip", "-n", self.lab.node("a"), "link", "set", "host", "down"], check=True)
        assert until(lambda: not self.host.status()["lease"], timeout=10, every=0.1)
        subprocess.run(["ip", "-n", self.lab.node("a"), "link", "set", "host", "up"], check=True)
        return until(lambda: self.host.status()["lease"], timeout=15, every=0.1)


@pytest.fixture(scope="module")
def node(machine):
    made = Lab(named("rotation"), MANIFESTS / "linked", "--daemon-arg", "--listen", "--daemon-arg", f"{DPU}:{API_PORT}")
    try:
        assert until(lambda: linked(made), timeout=15, every=0.1)
        yield Rotating(made)
    finally:
        made.down()


@pytest.fixture
def calls_go_on(node):
    """The lease is never lost, and the API never silent, while the test lasts."""
    stop, lost, asked = threading.Event(), [], []

    def watch():
        while not stop.is_set():
            if not node.host.status().get("lease"):
                lost.append(time.monotonic())
            asked.append(node.ask())
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert not lost and asked and all(asked), (lost, asked)


def test_certificates_are_replaced_under_running_calls(node, calls_go_on):
    before = node.serial("dpu-a")
    assert until(node.shows, timeout=5)
    node.pki_command("rotate")
    assert node.serial("dpu-a") != before
    assert until(node.shows, timeout=10, every=0.2)


def test_the_authority_is_replaced_under_running_calls(node, calls_go_on, tmp_path):
    for name in ("host-a", "operator-ann"):
        shutil.copy(f"{node.pki}/{name}.pem", tmp_path)
    ports = ((LINK_PORT, tmp_path / "host-a.pem"), (API_PORT, tmp_path / "operator-ann.pem"))
    node.pki_command("authority")
    time.sleep(3)  # everyone has the files
    node.pki_command("rotate")
    assert until(node.shows, timeout=10, every=0.2)
    assert all(node.handshake(port, old) for port, old in ports), "the old authority is trusted still"
    node.pki_command("authority", "--forget")
    assert until(lambda: not any(node.handshake(port, old) for port, old in ports), timeout=10, every=0.2)
    assert node.shows()


def test_a_host_that_dials_anew_uses_what_it_was_given(node):
    assert node.reconnect()


def test_an_authority_that_is_in_use_is_not_forgotten(node):
    node.pki_command("authority")
    refused = outrigger("pki", "authority", "--folder", node.pki, "--forget", check=False)
    assert refused.returncode == 1 and "pki rotate" in refused.stderr
    node.pki_command("rotate")
    node.pki_command("authority", "--forget")
    assert until(node.shows, timeout=10, every=0.2)
