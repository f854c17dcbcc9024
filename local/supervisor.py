"""Runs many programs as one: started in order, watched, stopped in order.

A program that ends by itself is started again where it says so; any other ends them all.
"""

import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn, Protocol

from rich.console import Console
from rich.text import Text

from local.follower import Follower
from local.process import CannotStart, Child

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 60
MOST_RESTARTS = 10
# Not through a proxy: everything asked here is on this machine.
ASK = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Ended(RuntimeError):
    """A program ended by itself; the message names it and shows the end of its log."""


class Server(Protocol):
    """Something the programs lean on, which knows how to start and stop."""

    name: str
    child: Child | None

    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass(frozen=True)
class Program:
    """A child as data: what to run, and when it counts as ready."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: str = ""  # an address that answers 200; without one it counts as ready at once
    once: bool = False  # it does its work and ends; the next one waits for that
    support: bool = False  # others lean on it: it stops after them
    again: bool = False  # it is started again when it ends, a few times
    terminal: bool = False  # it writes to our terminal and has no log


class Supervisor:
    """Holds what runs. Call `run` once, from the main thread."""

    def __init__(
        self,
        servers: Sequence[Server],
        programs: Sequence[Program],
        *,
        logs: Path,
        console: Console,
        cwd: Path | None = None,
        patience: float = 25,
    ) -> None:
        """`patience` is how long programs may take to stop; workers hand their runs back in that time."""
        self.servers = servers
        self.programs = programs
        self.logs = logs
        self.console = console
        self.cwd = cwd
        self.patience = patience
        self.running: list[tuple[Program, Child]] = []
        self.followed: list[Follower] = []
        self.restarts: Counter[str] = Counter()
        self.stopping = False

    def run(self) -> int:
        """Serve until a signal (0) or until something ends by itself or cannot start (1)."""
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        try:
            self._start()
            self._watch()
        except KeyboardInterrupt:
            return 0
        except (CannotStart, Ended) as error:
            self._say(Text(str(error), "red"))
            return 1
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """The first signal stops in order, the second without waiting."""
        if self.stopping:
            self.patience = 0
            return
        self.stopping = True
        raise KeyboardInterrupt

    def _start(self) -> None:
        for server in self.servers:
            began = time.monotonic()
            server.start()
            self._say_ready(server.name, began)
        for program in self.programs:
            self._launch(program)

    def _launch(self, program: Program) -> None:
        began = time.monotonic()
        log = None if program.terminal else self.logs / f"{program.name}.log"
        child = Child(program.name, program.argv, log=log, env=program.env, cwd=self.cwd)
        self.running.append((program, child))
        if log is not None:
            self.followed.append(Follower(program.name, log))
        if program.once:
            self._wait(lambda: child.poll() is not None)
            self._check()
        elif program.ready:
            self._wait(lambda: _answers(program.ready) or _too_late(child, program.ready, began))
            self._say_ready(program.name, began)

    def _restart(self, program: Program, child: Child) -> None:
        """Put another in the place of a program that died."""
        self.restarts[program.name] += 1
        self._say(Text(f"{child.ending()}; it is started again", "yellow"))
        child.kill()
        self.followed = [follower for follower in self.followed if follower.name != program.name]
        self._launch(replace(program, ready=""))

    def _wait(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._check()
            time.sleep(0.05)

    def _watch(self) -> NoReturn:
        while True:
            self._check()
            time.sleep(0.2)

    def _check(self) -> None:
        """Show new problems; raise Ended when something has ended that should not have."""
        self._show_problems()
        for program, child in list(self.running):
            if child.poll() is None:
                continue
            if program.again and self.restarts[program.name] < MOST_RESTARTS:
                self._restart(program, child)
            elif not program.once or child.poll() != 0:
                raise Ended(child.story(f"{child.ending()}, so everything stops"))
            self.running.remove((program, child))
        for server in self.servers:
            if server.child is not None and server.child.poll() is not None:
                raise Ended(server.child.story(f"{server.child.ending()}, so everything stops"))

    def _stop(self) -> None:
        self.stopping = True
        self._say(Text("stopping …", "dim"))
        began = time.monotonic()
        self._end([child for program, child in self.running if not program.support])
        self._end([child for program, child in self.running if program.support])
        for server in reversed(self.servers):
            server.stop()
        for follower in self.followed:
            follower.file.close()
        self._say(Text(f"stopped in {time.monotonic() - began:.1f} s", "dim"))

    def _end(self, children: Sequence[Child]) -> None:
        """Ask them all, the last started first; wait for them together; kill what is left."""
        for child in reversed(children):
            child.send(signal.SIGTERM)
        began = time.monotonic()
        while any(child.poll() is None for child in children) and time.monotonic() - began < self.patience:
            self._show_problems()
            time.sleep(0.05)
        for child in children:
            if child.poll() is None:
                self._say(Text(f"{child.name} did not stop in time: killed", "yellow"))
            child.kill()

    def _show_problems(self) -> None:
        for follower in self.followed:
            for line in follower.problems():
                self._say(Text.assemble((f"{follower.name:>11}  ", "cyan"), line))

    def _say_ready(self, name: str, began: float) -> None:
        self._say(
            Text.assemble((f"{name:>11}  ", "cyan"), (f"ready in {time.monotonic() - began:.1f} s", "dim"))
        )

    def _say(self, text: Text) -> None:
        # The terminal may be gone (SIGHUP, a closed pipe); that must not keep us from stopping in order.
        with suppress(OSError):
            self.console.print(text, soft_wrap=True)


def _answers(url: str) -> bool:
    try:
        with ASK(url, timeout=1) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False


def _too_late(child: Child, url: str, began: float) -> bool:
    if time.monotonic() - began > READY_SECONDS:
        raise CannotStart(child.story(f"{child.name} is not ready after {READY_SECONDS} s: {url}"))
    return False
