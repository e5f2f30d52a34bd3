"""dpdk-testpmd forwarding from port to port without looking: the limit of the framework on the same packets."""
import os
import subprocess

from .flowgen import path_of
from .process import Program


class Testpmd(Program):
    name = "testpmd"
    devices = ("net_flowgen4", "net_flowgen5")

    def launch(self):
        inside, outside = self.device_arguments()
        workers = self.setup.workers
        cores = ["0@1", *[f"{worker + 1}@{worker}" for worker in range(workers)]]
        self.spawn(["dpdk-testpmd", "--lcores", ",".join(cores), "--no-pci", "--in-memory", "--no-telemetry",
                    "-m", "512", "-d", self.plugin, "--vdev", inside, "--vdev", outside, "--",
                    "--forward-mode=io", "--auto-start", f"--nb-cores={workers}", f"--rxq={workers}",
                    f"--txq={workers}", "--burst=64", "--no-lsc-interrupt"], stdin=subprocess.PIPE)
        self.wait_until(lambda: all(os.path.exists(path_of(device)) for device in self.devices), 30, "its ports")
