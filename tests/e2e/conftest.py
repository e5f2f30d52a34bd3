"""Labs and the rules of the house: a lab is shared by the tests of a session, each test leaves it as it found it."""
import os
import pathlib
import signal
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support.lab import MANIFESTS, PROGRAM, RUN, Lab, named, outrigger  # noqa: E402
from support.netns import namespaces  # noqa: E402
from support.servers import Servers  # noqa: E402
from support.wait import until  # noqa: E402


def pytest_collection_modifyitems(items):
    """Tests of one lab run together, so that few daemons live at a time on a machine of two cores."""
    order = ["world", "v6_world", "small_world", "workers_world", "conformance_world"]
    items.sort(key=lambda item: next((i for i, lab in enumerate(order) if lab in item.fixturenames), len(order)))


@pytest.fixture(scope="session", autouse=True)
def machine():
    if os.geteuid() != 0:
        pytest.exit("end-to-end tests make network namespaces: run them as root", returncode=1)
    if not PROGRAM.exists():
        pytest.exit(f"{PROGRAM} is missing: run make, or set OUTRIGGER_BUILD", returncode=1)
    remove_orphans()
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's job in the background: what we start would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    left = namespaces(f"or-{RUN}-")
    assert not left, f"the tests left namespaces behind: {left}"


def remove_orphans():
    """Labs of a run that was killed."""
    labs = {name.removeprefix("or-").split(".")[0] for name in namespaces("or-e2e-")}
    for lab in labs:
        run = lab.split("-")[1]
        if run.isdigit() and not pathlib.Path(f"/proc/{run}").exists():
            outrigger("lab", "down", "--name", lab)


def shared_lab(name, folder, *options):
    lab = Lab(named(name), MANIFESTS / folder, *options)
    lab.baseline = settled_buffers(lab)
    return lab


def settled_buffers(lab):
    """The fewest buffers in use, by node, within a second or so: at any moment a health probe may hold one or two."""
    fewest = lab.buffers_in_use()
    for _ in range(10):
        time.sleep(0.1)
        now = lab.buffers_in_use()
        fewest = {node: min(used, now.get(node, used)) for node, used in fewest.items()}
    return fewest


@pytest.fixture(scope="module")
def servers():
    made = Servers()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def world_lab(machine):
    lab = shared_lab("main", "main")
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def v6_lab(machine):
    lab = shared_lab("v6", "v6")
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def small_lab(machine):
    lab = shared_lab("small", "small", *sessions_option(1024))
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def workers_lab(machine):
    lab = shared_lab("workers", "main", "--daemon-arg", "--workers", "--daemon-arg", "2")
    yield lab
    lab.down()


def sessions_option(entries):
    return "--daemon-arg", "--sessions", "--daemon-arg", str(entries)


def pool_is_whole(lab):
    """Every packet buffer is back: nothing a test does may leak one."""
    whole = until(lambda: all(used <= lab.baseline[node] for node, used in lab.buffers_in_use().items()), timeout=5, every=0.1)
    assert whole, f"buffers in use {lab.buffers_in_use()}, before the tests {lab.baseline}"


@pytest.fixture
def world(world_lab):
    yield world_lab
    pool_is_whole(world_lab)


@pytest.fixture
def v6_world(v6_lab):
    yield v6_lab
    pool_is_whole(v6_lab)


@pytest.fixture
def small_world(small_lab):
    yield small_lab
    pool_is_whole(small_lab)


@pytest.fixture
def workers_world(workers_lab):
    yield workers_lab
    pool_is_whole(workers_lab)


@pytest.fixture
def shop(world):
    """The world with the shop's policies in force."""
    yaml = (MANIFESTS / "shop-policies.yaml").read_text()
    with world.applied(yaml):
        yield world


