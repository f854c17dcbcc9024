"""`make demo` and `make run`: the whole system on one machine, until Ctrl-C."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from rich.console import Console

from local import state
from local.process import CannotStart
from local.servers import HOST, Postgres, Redis
from local.supervisor import Program, Supervisor

ROOT = Path(__file__).resolve().parent.parent
SANDBOXES = {"coinpaprika": ("COINPAPRIKA_URL", "/v1"), "coingecko": ("COINGECKO_URL", "/api/v3")}
PYTHON = sys.executable
CELERY = (PYTHON, "-m", "celery", "-A", "tasks")
QUIET = ("--without-gossip", "--without-mingle")  # their messages between workers fill Redis
GUNICORN = (PYTHON, "-m", "gunicorn", "--config", "deploy/gunicorn.py")


@click.command()
@click.option("--real", is_flag=True, help="Ask the real upstream services instead of sandboxes.")
def main(real: bool) -> None:
    """Start everything, run every source once, show what happened, serve until Ctrl-C."""
    try:
        sys.exit(serve(real))
    except CannotStart as error:
        click.echo(f"kasparro: {error}", err=True)
        sys.exit(1)


def serve(real: bool) -> int:
    """Check what can be checked before anything starts, then supervise."""
    public = {"PORT": state.public_port("PORT", 8000), "FLOWER_PORT": state.public_port("FLOWER_PORT", 5555)}
    if public["PORT"] == public["FLOWER_PORT"]:
        raise CannotStart(
            f"PORT and FLOWER_PORT are both {public['PORT']}.\n  Choose another: make demo PORT=8000"
        )
    folder = Path(os.environ.get("DATA_DIR") or ".data").absolute()
    with state.claim(folder):
        try:
            return supervisor(folder, public, real).run()
        finally:
            (folder / "env").unlink(missing_ok=True)


def supervisor(folder: Path, public: Mapping[str, int], real: bool) -> Supervisor:
    """The servers and the programs of one start. Sandbox data and real data never share a database."""
    ports, logs, mode = state.inner_ports(folder), folder / "logs", "real" if real else "demo"
    postgres = Postgres(folder / "postgres", ports["postgres"], log=logs / "postgres.log", database=mode)
    redis = Redis(folder / f"redis-{mode}", ports["redis"], log=logs / "redis.log")
    system = {
        **{name: str(port) for name, port in public.items()},
        "DATABASE_URL": postgres.url(mode),
        "REDIS_URL": redis.url,
        "API_KEY": os.environ.get("API_KEY") or state.made_secrets(folder)["api_key"],
        "DATA_DIR": str(folder),
        **({} if real else sandbox_addresses(ports)),
    }
    remember(folder / "env", system)
    every = [
        *first(system, {} if real else ports),
        *serving(system, folder / f"celerybeat-{mode}", state.made_secrets(folder)["flower_password"]),
        Program("tour", [PYTHON, "-m", "local.tour"], environment(system), once=True, terminal=True),
    ]
    return Supervisor([postgres, redis], every, logs=logs, console=Console(highlight=False), cwd=ROOT)


def first(system: Mapping[str, str], sandboxes: Mapping[str, int]) -> Iterator[Program]:
    """What has to be there before anything runs: tables and sandboxes."""
    env = environment(system)
    yield Program("migrate", [PYTHON, "-m", "cli", "migrate"], env, once=True)
    for name in SANDBOXES if sandboxes else ():
        port = sandboxes[name]
        argv = [PYTHON, "-m", "local.sandbox", name, "--port", str(port)]
        yield Program(name, argv, env, ready=f"http://{HOST}:{port}/_sandbox/world", support=True)


def serving(system: Mapping[str, str], schedule: Path, flower_password: str) -> Iterator[Program]:
    """The system itself. It stops in the reverse order: beat, web, flower, workers."""
    env, web = environment(system), f"{HOST}:{system['PORT']}"
    watcher = {**env, "FLOWER_BASIC_AUTH": f"flower:{flower_password}"}  # arguments are for all to see
    for name, queue, size in (("worker", "etl.run", "2"), ("control", "etl.control", "1")):
        argv = [*CELERY, "worker", "-Q", queue, "-c", size, "-n", f"{name}@%h", *QUIET, "--loglevel", "INFO"]
        yield Program(name, argv, env, again=True)
    yield Program(
        "flower",
        [*CELERY, "flower", f"--address={HOST}", f"--port={system['FLOWER_PORT']}"],
        watcher,
        again=True,
    )
    yield Program("web", [*GUNICORN, "--bind", web, "webapp:create_app()"], env, f"http://{web}/health/live")
    yield Program(
        "beat", [*CELERY, "beat", "-s", str(schedule), "--pidfile=", "--loglevel", "INFO"], env, again=True
    )


def environment(system: Mapping[str, str]) -> dict[str, str]:
    """Ours, the system's settings, and no proxy between the parts."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    direct = ",".join([*([known] if known else []), HOST, "localhost"])
    fixed = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "no_proxy": direct, "NO_PROXY": direct}
    return {**os.environ, **system, **fixed}


def sandbox_addresses(ports: Mapping[str, int]) -> dict[str, str]:
    """The settings that point the sources at the sandboxes, which are on this machine."""
    addresses = {
        variable: f"http://{HOST}:{ports[name]}{path}" for name, (variable, path) in SANDBOXES.items()
    }
    # What the stand-in admits by itself; the real one admits less without a key.
    rate = os.environ.get("COINGECKO_RATE") or "30/minute"
    return {**addresses, "COINGECKO_RATE": rate, "ALLOW_PRIVATE": "true"}


def remember(file: Path, system: Mapping[str, str]) -> None:
    """Leave the settings where `./kasparro` finds them."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in system.items()]
    state.write_private(file, "".join(lines))


if __name__ == "__main__":
    main()
