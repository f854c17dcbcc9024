"""What the deployment files promise: no secret, no root, nothing open, the same roles everywhere."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.demo import serving
from tests.deploy import blueprint

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(:[?-][^}]*)?\}")
ONE_SHOT = {"migrate"}


def text(name: str) -> str:
    return (ROOT / name).read_text()


@cache
def compose() -> dict[str, Any]:
    return yaml.safe_load(text("docker-compose.yml"))


@cache
def render() -> dict[str, Any]:
    return yaml.safe_load(text("render.yaml"))


SERVICES = compose()["services"]
ALL = pytest.mark.parametrize("name", SERVICES)


def celery_roles(commands: dict[str, list[str]]) -> dict[str, dict[str, str | None]]:
    """What each Celery program is: its subcommand, its queue, its node name."""
    return {
        name: {"does": does(argv), "queue": after(argv, "-Q"), "node": after(argv, "-n")}
        for name, argv in commands.items()
        if "-A" in argv
    }


def does(argv: list[str]) -> str:
    return argv[argv.index("-A") + 2]


def after(argv: list[str], flag: str) -> str | None:
    return argv[argv.index(flag) + 1] if flag in argv else None


def composed() -> dict[str, list[str]]:
    return {name: service["command"] for name, service in SERVICES.items() if "command" in service}


def rendered() -> dict[str, list[str]]:
    services = [service for service in render()["services"] if "dockerCommand" in service]
    return {
        service["name"].removeprefix("kasparro-"): shlex.split(service["dockerCommand"])
        for service in services
    }


def demonstrated() -> dict[str, list[str]]:
    programs = serving({"PORT": "1", "FLOWER_PORT": "2"}, Path("schedule"), "password")
    return {program.name: list(program.argv) for program in programs}


def test_roles_are_the_same_in_compose_and_demo():
    assert celery_roles(composed()) == celery_roles(demonstrated())


def test_roles_are_the_same_in_compose_and_render():
    """All but Flower, which has no private address there."""
    here = celery_roles(composed())
    assert here.pop("flower") == {"does": "flower", "queue": None, "node": None}

    assert celery_roles(rendered()) == here


@ALL
def test_service_is_checked(name):
    """A service that ends by itself is waited for instead."""
    assert ("test" in SERVICES[name]["healthcheck"]) == (name not in ONE_SHOT)


@ALL
def test_ports_are_local(name):
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@ALL
def test_service_is_confined(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "restart", "logging"} <= service.keys()


@ALL
def test_service_is_not_root(name):
    """Our image says so itself; the others are told."""
    service = SERVICES[name]

    assert service["image"] == "kasparro" or int(service["user"].split(":")[0]) > 0


@ALL
def test_image_is_pinned(name):
    image = SERVICES[name]["image"]

    assert image == "kasparro" or re.search(r":\d+\.\d+", image)


@ALL
def test_our_image_is_never_pulled(name):
    """Whoever owns that name in a public registry is not us."""
    service = SERVICES[name]

    assert service["image"] != "kasparro" or service["pull_policy"] == "never"


def test_only_one_service_builds():
    """Six of them would install the packages six times without BuildKit."""
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]


def test_only_web_has_the_api_key():
    keys = {name: service.get("environment", {}).get("API_KEY") for name, service in SERVICES.items()}

    assert keys.pop("web").startswith("${API_KEY:?")
    assert set(keys.values()) <= {"", None}


def test_variables_are_in_the_example():
    example = set(re.findall(r"^([A-Z_]+)=", text(".env.example"), re.MULTILINE))

    assert {name for name, _ in VARIABLE.findall(text("docker-compose.yml"))} <= example


def test_secrets_have_no_default():
    found = VARIABLE.findall(text("docker-compose.yml"))

    asked = [(name, rest) for name, rest in found if name.endswith(("KEY", "PASSWORD"))]
    assert {name for name, _ in asked} == {
        "API_KEY",
        "FLOWER_PASSWORD",
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
    }
    assert all(rest.startswith(":?") for _, rest in asked)


def test_compose_holds_no_secret():
    values = [
        (key, str(value))
        for service in SERVICES.values()
        for key, value in service.get("environment", {}).items()
        if re.search("KEY|PASSWORD|AUTH|URL", key)
    ]

    assert values
    assert [key for key, value in values if value and "${" not in value] == []


def test_settings_of_the_image_are_no_secrets():
    set_there = re.findall(r"([A-Z_]+)=", " ".join(instructions("ENV")))

    assert set_there
    assert [name for name in set_there if re.search("KEY|PASSWORD|SECRET|TOKEN|URL", name)] == []
    assert [line for line in instructions("ARG") if not line.startswith("PYTHON=")] == []


def test_image_ends_as_a_numbered_user():
    *_, last = instructions("USER")

    assert re.fullmatch(r"\d+", last)
    assert int(last) > 0


def test_image_needs_no_buildkit():
    assert "--mount" not in text("Dockerfile")
    assert "# syntax" not in text("Dockerfile")


def test_image_holds_no_servers_and_no_tools():
    assert [line for line in instructions("COPY") if "requirements-" in line] == []
    ignored = text(".dockerignore").split()
    assert {"requirements-*.txt", "local", "tests", ".env", ".env.*", ".data*", ".git*"} <= set(ignored)


def instructions(word: str) -> list[str]:
    """The arguments of every such instruction of the Dockerfile, continued lines joined."""
    joined = text("Dockerfile").replace("\\\n", " ")
    return re.findall(rf"^{word} (.+)$", joined, re.MULTILINE)


def test_blueprint_knows_its_keys():
    assert list(blueprint.faults(render())) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"service": []}, "root: unknown key service"),
        ({"services": [{"type": "cron", "name": "a", "runtime": "docker"}]}, "a: schedule is missing"),
        ({"services": [{"type": "postgres", "name": "a"}]}, "a: unknown type postgres"),
        ({"databases": [{"name": "a", "version": "17"}]}, "a: unknown key version"),
    ],
)
def test_blueprint_check_finds(change, fault):
    assert fault in list(blueprint.faults(change))


def test_blueprint_holds_no_secret():
    """A secret is made there, asked for there, or taken from another service."""
    variables = [entry for service in render()["services"] for entry in service.get("envVars", [])]
    secret = [entry for entry in variables if re.search("KEY|PASSWORD|URL", entry.get("key", ""))]

    assert secret
    assert [entry["key"] for entry in secret if "value" in entry] == []


def test_blueprint_believes_its_proxy():
    """Else everybody would be counted as one: all requests come from the address of Render's proxy."""
    [web] = [service for service in render()["services"] if service["type"] == "web"]

    assert {"key": "PROXIES", "value": "1"} in web["envVars"]


def test_blueprint_refers_to_what_it_has():
    services = {service["name"]: service["type"] for service in render()["services"]}
    databases = {database["name"] for database in render()["databases"]}
    groups = {group["name"] for group in render()["envVarGroups"]}

    for entry in (entry for service in render()["services"] for entry in service.get("envVars", [])):
        match entry:
            case {"fromService": {"name": name, "type": kind}}:
                assert services[name] == kind
            case {"fromDatabase": {"name": name}}:
                assert name in databases
            case {"fromGroup": name}:
                assert name in groups
