"""A service that lacks a part of its contract is not admitted: the part is named, with file and line, and nothing is applied."""
import textwrap

import pytest

SERVICE = textwrap.dedent("""\
    apiVersion: v1
    kind: Namespace
    metadata: {name: beside}
    ---
    apiVersion: outrigger.dev/v1alpha1
    kind: Service
    metadata: {name: policy}
    spec:
      task: policy
      version: 0.1.0
      privileged: true
      latencySensitive: true
      trafficLocality: edge
      health: {probe: verdict, interval: 200ms, timeout: 1s, failAfter: 3}
      logs: {owner: netsec, dpu: policy}
      fallback: [previous, host, closed]
    """)
SPEC, HEALTH, LOGS = 9, 14, 15  # lines
WANTING = [
    ("  version: 0.1.0\n", SPEC, "spec.version"),
    ("  health: {probe: verdict, interval: 200ms, timeout: 1s, failAfter: 3}\n", SPEC, "spec.health"),
    ("probe: verdict, ", HEALTH, "spec.health.probe"),
    ("interval: 200ms, ", HEALTH, "spec.health.interval"),
    (", failAfter: 3", HEALTH, "spec.health.failAfter"),
    ("  logs: {owner: netsec, dpu: policy}\n", SPEC, "spec.logs"),
    ("owner: netsec, ", LOGS, "spec.logs.owner"),
    ("  fallback: [previous, host, closed]\n", SPEC, "spec.fallback"),
    ("  task: policy\n", SPEC, "spec.task"),
]


@pytest.mark.parametrize("text, line, field", WANTING, ids=[field for _, _, field in WANTING])
def test_a_missing_part_is_named(small_world, tmp_path, text, line, field):
    assert SERVICE.count(text) == 1
    file = tmp_path / "service.yaml"
    file.write_text(SERVICE.replace(text, ""))
    services = small_world.json("get", "services")
    answer = small_world.apply(file, check=False)
    assert answer.returncode == 1
    assert f"{file}:{line}: Service policy: {field}: missing" in answer.stderr, answer.stderr
    assert small_world.json("get", "services") == services
    assert "beside" not in small_world.cli("get", "namespaces").stdout, "half a batch"


def test_the_whole_contract_is_admitted(small_world):
    small_world.apply(SERVICE)
    assert "policy" in small_world.cli("get", "services").stdout
    small_world.cli("delete", "-f", "-", stdin=SERVICE)


def test_an_empty_fallback_is_none(small_world):
    answer = small_world.apply(SERVICE.replace("[previous, host, closed]", "[]"), check=False)
    assert answer.returncode == 1 and "spec.fallback" in answer.stderr, answer.stderr
