"""Debian's openvswitch-switch-dpdk doing the same work with conntrack, in a network namespace of its own."""
import os
from pathlib import Path

from . import machine, ovs_rules
from .process import Failed, Program, call

DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
MOST_CONNECTIONS = 12_000_000


class Ovs(Program):
    name = "ovs"
    devices = ("net_flowgen2", "net_flowgen3")
    cpus = {machine.OTHER_CPU}  # its PMD threads pin themselves
    too_many = 1 << 62  # rules that did not load in time
    CHANGES = 1000  # rules in one call of ovs-ofctl

    def launch(self):
        self._start_database()
        self._start_daemon()
        if self.setup.overlay:
            self._lay_out_overlay()
        else:
            self._lay_out_bridge()
        self._appctl("dpctl/ct-set-maxconns", str(MOST_CONNECTIONS))
        if self.setup.rules:
            self._load(self.setup.rules)
        if self.setup.workers > 1:  # only now: another PMD takes the CPU that reads the rules
            self._vsctl("set", "Open_vSwitch", ".", f"other_config:pmd-cpu-mask={hex((1 << self.setup.workers) - 1)}")
        self.next_change = 0

    def _start_database(self):
        call("ovsdb-tool", "create", self.path("conf.db"), SCHEMA)
        self.spawn(["ovsdb-server", self.path("conf.db"), f"--remote=punix:{self.path('db.sock')}",
                    f"--unixctl={self.path('db.ctl')}", f"--pidfile={self.path('db.pid')}"])
        self.wait_until(Path(self.path("db.sock")).exists, 10, "its database")
        self._vsctl("--no-wait", "init")
        self._vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                    "other_config:dpdk-socket-mem=1024", f"other_config:pmd-cpu-mask={hex(1 << machine.WORKER_CPU)}",
                    f"other_config:dpdk-lcore-mask={hex(1 << machine.OTHER_CPU)}",
                    f'other_config:dpdk-extra="--no-pci --in-memory --no-telemetry -d {self.plugin}"',
                    "other_config:max-idle=60000", "other_config:flow-limit=1000000")

    def _start_daemon(self):
        self.spawn(["unshare", "--net", DAEMON, f"unix:{self.path('db.sock')}", f"--unixctl={self.path('vs.ctl')}",
                    f"--pidfile={self.path('vs.pid')}"],
                   env={"OVS_RUNDIR": self.folder.name, "OVS_LOGDIR": self.folder.name, "PATH": os.environ["PATH"]})
        self.wait_until(Path(self.path("vs.ctl")).exists, 30, "its daemon")
        self._vsctl("get", "Open_vSwitch", ".", "dpdk_initialized")

    def _vsctl(self, *arguments, timeout=60):
        return call("ovs-vsctl", f"--db=unix:{self.path('db.sock')}", f"--timeout={timeout}", *arguments,
                    timeout=timeout + 5)

    def _appctl(self, *arguments):
        return call("ovs-appctl", "-t", self.path("vs.ctl"), *arguments)

    def _ofctl(self, *arguments, timeout=60):
        return call("ovs-ofctl", "-O", "OpenFlow14", *arguments, timeout=timeout)

    @property
    def bridge(self):
        return "unix:" + self.path("br-int.mgmt")

    def _add_bridge(self, name):
        self._vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", "fail-mode=standalone")

    def _add_port(self, bridge, port, device, number):
        self._vsctl("add-port", bridge, port, "--", "set", "Interface", port, "type=dpdk",
                    f'options:dpdk-devargs="{device}"',
                    f"options:n_rxq={self.setup.workers}", f"ofport_request={number}")
        error = self._vsctl("get", "Interface", port, "error").strip()
        if error not in ("[]", '""'):
            raise Failed(f"ovs: port {port}: {error}")

    def _lay_out_bridge(self):
        inside, outside = self.device_arguments()
        self._add_bridge("br-int")
        self._add_port("br-int", "p0", inside, 1)
        self._add_port("br-int", "p1", outside, 2)

    def _lay_out_overlay(self):
        inside, outside = self.device_arguments()
        self._add_bridge("br-int")
        self._add_bridge("br-phy")
        self._vsctl("set", "bridge", "br-phy", 'other-config:hwaddr="02:00:00:00:00:01"')
        self._add_port("br-int", "p0", inside, 1)
        self._add_port("br-phy", "p1", outside, 1)
        self._vsctl("add-port", "br-int", "vx0", "--", "set", "interface", "vx0", "type=vxlan",
                    "options:remote_ip=192.168.100.2", "options:local_ip=192.168.100.1", "options:key=100",
                    "ofport_request=2")
        inside_namespace = ["nsenter", "-t", str(self.pid), "--net", "ip"]
        call(*inside_namespace, "addr", "add", "192.168.100.1/24", "dev", "br-phy")
        call(*inside_namespace, "link", "set", "br-phy", "up")
        self._appctl("tnl/neigh/set", "br-phy", "192.168.100.2", "02:00:00:00:00:02")

    def _load(self, rules):
        if rules >= Ovs.too_many:
            raise Failed(f"{rules} rules: {Ovs.too_many} did not load within {self.setup.patience} s")
        Path(self.path("policy")).write_text("\n".join(ovs_rules.policy(rules)) + "\n", encoding="ascii")
        try:  # not as a bundle: one of 1 M rules never ends
            self._ofctl("del-flows", self.bridge)
            self._ofctl("add-flows", self.bridge, self.path("policy"), timeout=self.setup.patience)
        except Failed:
            Ovs.too_many = rules
            raise

    def change_rules(self, count):
        """Adds and takes away by turns, `CHANGES` a call: it is far from `count` a call anyway."""
        if self.next_change == 0:
            for name, lines in zip(("add", "delete"), ovs_rules.changes(self.CHANGES)):
                Path(self.path(name)).write_text("\n".join(lines) + "\n")
        name = ("add", "delete")[self.next_change % 2]
        self.next_change += 1
        self._ofctl("add-flows", self.bridge, self.path(name))
        return self.CHANGES

    def connections(self):
        return int(self._appctl("dpctl/ct-get-nconns").split()[0])
