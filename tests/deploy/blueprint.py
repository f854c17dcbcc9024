"""Keys of Render's blueprint, as its published JSON Schema lists them, for the types that we use."""

from collections.abc import Iterator
from typing import Any

ROOT = {"services", "databases", "envVarGroups", "projects", "ungrouped", "previews", "version"}
BUILT = {
    "type",
    "name",
    "region",
    "plan",
    "runtime",
    "repo",
    "branch",
    "image",
    "rootDir",
    "buildCommand",
    "startCommand",
    "dockerCommand",
    "dockerContext",
    "dockerfilePath",
    "registryCredential",
    "envVars",
    "buildFilter",
    "autoDeploy",
    "autoDeployTrigger",
}
SERVER = BUILT | {
    "numInstances",
    "scaling",
    "healthCheckPath",
    "preDeployCommand",
    "initialDeployHook",
    "domain",
    "domains",
    "disk",
    "previews",
    "maxShutdownDelaySeconds",
    "ipAllowList",
    "renderSubdomainPolicy",
}
KEYS = {
    "web": SERVER,
    "worker": SERVER,
    "pserv": SERVER,
    "cron": BUILT | {"schedule"},
    "keyvalue": {"type", "name", "region", "ipAllowList", "plan", "previewPlan", "maxmemoryPolicy"},
}
RUNNABLE = {"type", "name", "runtime"}
NEEDED = {
    "web": RUNNABLE,
    "worker": RUNNABLE,
    "pserv": RUNNABLE,
    "cron": RUNNABLE | {"schedule"},
    "keyvalue": {"type", "name", "ipAllowList"},
}
DATABASE = {
    "name",
    "databaseName",
    "user",
    "region",
    "plan",
    "diskSizeGB",
    "storageAutoscalingEnabled",
    "previewPlan",
    "previewDiskSizeGB",
    "postgresMajorVersion",
    "highAvailability",
    "ipAllowList",
    "readReplicas",
}
PLANS = {"free", "starter", "standard", "pro", "pro plus", "pro max", "pro ultra"}
DATABASE_PLANS = {"free", "basic-256mb", "basic-1gb", "basic-4gb", "pro-4gb", "pro-8gb", "pro-16gb"}
REGIONS = {"oregon", "ohio", "frankfurt", "singapore", "virginia"}
PROPERTIES = {"host", "port", "hostport", "connectionString"}
# A group may hold plain and generated values only.
PLAIN = ({"key", "value"}, {"key", "generateValue"})
VARIABLES = (*PLAIN, {"key", "sync"}, {"key", "fromDatabase"}, {"key", "fromService"}, {"fromGroup"})


def faults(document: dict[str, Any]) -> Iterator[str]:
    """Everything in the blueprint that Render would not understand."""
    yield from unknown("root", document, ROOT)
    for service in document.get("services", []):
        yield from service_faults(service)
    for database in document.get("databases", []):
        yield from unknown(database["name"], database, DATABASE)
        yield from choice(database, "plan", DATABASE_PLANS)
        yield from choice(database, "region", REGIONS)
    for group in document.get("envVarGroups", []):
        yield from unknown(group["name"], group, {"name", "envVars"})
        yield from variable_faults(group, PLAIN)


def service_faults(service: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one entry of `services`."""
    name, kind = service["name"], service["type"]
    if kind not in KEYS:
        yield f"{name}: unknown type {kind}"
        return
    yield from unknown(name, service, KEYS[kind])
    yield from (f"{name}: {key} is missing" for key in sorted(NEEDED[kind] - service.keys()))
    yield from choice(service, "plan", PLANS)
    yield from choice(service, "region", REGIONS)
    yield from choice(service, "runtime", {"docker"})
    if not 1 <= service.get("maxShutdownDelaySeconds", 30) <= 300:
        yield f"{name}: maxShutdownDelaySeconds is 1 to 300"
    yield from variable_faults(service, VARIABLES)


def variable_faults(owner: dict[str, Any], shapes: tuple[set[str], ...]) -> Iterator[str]:
    """What is wrong with the environment of a service or a group."""
    for entry in owner.get("envVars", []):
        if entry.keys() not in shapes:
            yield f"{owner['name']}: no such variable: {sorted(entry)}"
        reference = entry.get("fromService") or entry.get("fromDatabase") or {}
        if reference.get("property", "host") not in PROPERTIES:
            yield f"{owner['name']}: {entry['key']}: unknown property {reference['property']}"


def unknown(name: str, found: dict[str, Any], known: set[str]) -> Iterator[str]:
    """A fault for each key that is not known."""
    yield from (f"{name}: unknown key {key}" for key in sorted(found.keys() - known))


def choice(found: dict[str, Any], key: str, allowed: set[str]) -> Iterator[str]:
    """A fault when the value is none of those allowed; a missing key is none."""
    if key in found and found[key] not in allowed:
        yield f"{found['name']}: {key} cannot be {found[key]}"
