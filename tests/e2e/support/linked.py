"""A node with a host on its link (manifests/linked): how its services and its fallback are."""
import json

from .lab import outrigger

WELL = {"host_linked": True, "state": "dormant", "error": "", "yielded": False, "bundle": True}


def health(lab):
    services = json.loads(lab.cli("health", "-o", "json", check=False).stdout)["services"]
    return {one["service"]: one["state"] for one in services if one["service"] != "overlay"}  # it has no peer to ask


def fallback(lab):
    one = json.loads(outrigger("fallback", "status", "--lab", lab.name, "-o", "json").stdout)
    return {key: one[key] for key in ("host_linked", "state", "error", "yielded")} | {"bundle": one["bundle_generation"] > 0}


def is_well(lab):
    return set(health(lab).values()) == {"ready"} and fallback(lab) == WELL
