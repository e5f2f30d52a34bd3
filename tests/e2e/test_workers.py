"""Two workers a DPU: packets that reach the wrong one are handed to the owner of their session, and nothing changes."""
import concurrent.futures

import pytest

from test_policy import DENY_ALL, Flow


def handed_over(lab):
    return sum(worker["handed_over"] for node in lab.json("stats") for worker in node["workers"])


@pytest.mark.parametrize("destination", ["free/a2", "free/a3", "free/b1", "free/b2", "free/c1"])
@pytest.mark.parametrize("version", [4, 6])
def test_ping(workers_world, destination, version):
    assert workers_world["free/a1"].ping(workers_world[destination].address(version), count=3) is None


def test_many_connections_across_hosts(workers_world, servers):
    """Enough flows that either worker gets packets of the other's."""
    source, target = workers_world["free/a1"], workers_world["free/b2"]
    servers.tcp(target, 7000)
    before = handed_over(workers_world)

    def echo(number):
        with source.connect(target.v4, 7000, timeout=5) as connection:
            sent = b"%d" % number * 2000
            connection.sendall(sent)
            got = b""
            while len(got) < len(sent):
                got += connection.recv(65536)
            return got == sent

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert all(pool.map(echo, range(64)))
    assert handed_over(workers_world) > before


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_find_the_owner_of_their_flow(workers_world, servers, version):
    target = workers_world["free/b1"]
    servers.udp(target, 5001, version)
    for _ in range(8):
        with Flow(workers_world["free/a1"], target.address(version), 5001) as flow:
            assert flow.passes(size=4000)


def test_a_change_cuts_flows_of_every_worker(workers_world, servers):
    target = workers_world["free/b1"]
    servers.udp(target, 5001)
    flows = [Flow(workers_world["free/a1"], target.v4, 5001) for _ in range(8)]
    try:
        assert all(flow.passes() for flow in flows)
        with workers_world.applied(DENY_ALL):
            assert not any(flow.passes() for flow in flows)
        assert all(flow.passes() for flow in flows)
    finally:
        for flow in flows:
            flow.socket.close()
