"""An unmodified guest configures itself from what its endpoint declares: DHCPv4, DHCPv6, router advertisements."""
import pytest

from support.netns import inside
from support.wait import until

GUESTS = ["free/a3", "free/b1"]


@pytest.fixture(params=GUESTS)
def fresh(world, request):
    guest = world[request.param]
    guest.forget_addresses()
    yield guest
    guest.restore_addresses()


def script(tmp_path, text):
    file = tmp_path / "event"
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(0o755)
    return file


def facts(output):
    """The lines KEY=VALUE of a client's script."""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line and " " not in line.split("=")[0])


def test_udhcpc_learns_everything(world, fresh, tmp_path):
    event = script(tmp_path, '[ "$1" = bound ] && env\nexit 0\n')
    done = fresh.run("udhcpc", "-f", "-q", "-n", "-t", "5", "-T", "1", "-i", "eth0", "-O", "mtu", "-O", "staticroutes",
                     "-s", event)
    assert done.returncode == 0, done.stdout
    told = facts(done.stdout)
    assert told["ip"] == fresh.v4
    assert told["router"] == fresh.v4.rsplit(".", 1)[0] + ".1"
    assert told["mask"] in ("24", "255.255.255.0") or told.get("subnet") == "255.255.255.0"
    assert told["mtu"] == "1450"
    assert "192.0.2.53" in told["dns"]
    assert int(told["lease"]) >= 60


def test_dhclient_gets_a_lease_and_traffic(world, fresh, tmp_path):
    event = script(tmp_path, '[ -n "$new_ip_address" ] && [ "$reason" = BOUND ] && '
                   'ip addr add "$new_ip_address/24" dev eth0 && ip route replace default via "$new_routers"\nexit 0\n')
    done = dhclient(fresh, tmp_path, event, "-4")
    assert done.returncode == 0, done.stdout
    try:
        assert f"bound to {fresh.v4}" in done.stdout
        assert fresh.ping(world["free/a1"].v4) is None
    finally:
        release(fresh, tmp_path)


def test_dhclient_6_gets_its_address(world, fresh, tmp_path):
    event = script(tmp_path, 'echo "address=$new_ip6_address"; echo "servers=$new_dhcp6_name_servers"\n'
                   'case $reason in PREINIT6|BOUND6) exit 0;; esac\nexit 0\n')
    done = dhclient(fresh, tmp_path, event, "-6")
    try:
        assert done.returncode == 0, done.stdout
        assert f"address={fresh.v6}" in done.stdout
        assert "servers=2001:db8::53" in done.stdout
    finally:
        release(fresh, tmp_path)


def dhclient(guest, tmp_path, event, family):
    return guest.run("dhclient", family, "-1", "-v", "-sf", event, "-lf", tmp_path / "leases", "-pf", tmp_path / "pid",
                     "eth0", timeout=30)


def release(guest, tmp_path):
    """Ends the client by its pid file."""
    guest.run("sh", "-c", f"[ -s {tmp_path}/pid ] && kill $(cat {tmp_path}/pid)")


def settings(guest, **values):
    with inside(guest.netns):
        for name, value in values.items():
            with open(f"/proc/sys/net/ipv6/conf/eth0/{name}", "w", encoding="ascii") as file:
                file.write(str(value))


def test_router_advertisement_gives_the_kernel_its_routes(world, fresh):
    settings(fresh, accept_ra=1, router_solicitations=3, router_solicitation_delay=0)
    try:
        fresh.run("ip", "link", "set", "eth0", "down", check=True)
        fresh.run("ip", "link", "set", "eth0", "up", check=True)
        routes = until(lambda: (said := fresh.run("ip", "-6", "route").stdout) and "proto ra" in said and said, timeout=8)
        assert routes, fresh.run("ip", "-6", "route").stdout
        assert "default via fe80::" in routes
        prefix = fresh.v6.rsplit("::", 1)[0] + "::/64"
        assert f"{prefix} dev eth0 proto ra" in routes or f"{prefix} dev eth0 proto kernel" in routes
    finally:
        settings(fresh, accept_ra=0, router_solicitations=0)
        fresh.run("ip", "-6", "route", "flush", "proto", "ra")
