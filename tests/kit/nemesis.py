"""The nemesis: faults of processes, servers, wires and upstreams, drawn by chance from a seed.

Each fault is made, held for a moment and healed by the method that makes it; what it broke has to recover by
itself. A seed gives the same faults in the same order; what they hit depends on the machine's speed.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random

import psutil

from tests.kit.fleet import Fleet, wait_until
from tests.kit.oracle import Shelf, damaged
from tests.kit.stage import Stage
from tests.upstream import Play


class Nemesis:
    """Whoever draws the faults. `chance` decides all that is random."""

    def __init__(self, place: Stage, fleet: Fleet, chance: Random) -> None:
        self.place, self.fleet, self.chance = place, fleet, chance
        self.faults: dict[str, Callable[[], None]] = {
            "kill a child": self.kill_child,
            "kill a main process": self.kill_main,
            "kill a group": self.kill_group,
            "ask a worker to stop": self.terminate,
            "freeze a child past its lease": self.freeze_child,
            "kill beat": lambda: self.fleet.signal("beat", signal.SIGKILL),
            "kill the upkeep": lambda: self.fleet.signal("control", signal.SIGKILL, group=True),
            "restart PostgreSQL": self.restart_postgres,
            "restart Redis": self.restart_redis,
            "flush Redis": self.flush,
            "swallow the reply of a COMMIT": self.swallow_commits,
            "cut PostgreSQL": self.cut_postgres,
            "cut Redis": self.place.redis.cut,
            "darken PostgreSQL": self.darken_postgres,
            "slow Redis": self.slow_redis,
            "break the upstream": self.break_upstream,
        }

    def draw(self) -> list[str]:
        """The names of one to three faults."""
        return self.chance.sample(sorted(self.faults), self.chance.randrange(1, 4))

    def make(self, name: str) -> None:
        """Make a fault, now, and heal what it holds."""
        self.faults[name]()

    def _worker(self) -> str:
        return self.chance.choice(self.fleet.workers())

    def _child(self) -> int | None:
        """A process that executes runs."""
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.fleet.processes[self._worker()].pid)
            # Python's own helper for semaphores is a child too.
            pool = [each.pid for each in main.children() if "multiprocessing" not in " ".join(each.cmdline())]
            return self.chance.choice(pool) if pool else None
        return None

    def kill_child(self) -> None:
        """SIGKILL, as the kernel does it to a process that takes too much memory."""
        if pid := self._child():
            _signal(pid, signal.SIGKILL)

    def kill_main(self) -> None:
        """SIGKILL to a worker's main process."""
        self.fleet.signal(self._worker(), signal.SIGKILL)

    def kill_group(self) -> None:
        """SIGKILL to a worker with all its children, as when a machine is lost."""
        self.fleet.signal(self._worker(), signal.SIGKILL, group=True)

    def terminate(self) -> None:
        """SIGTERM, as a deploy does it."""
        self.fleet.signal(self._worker(), signal.SIGTERM)

    def freeze_child(self) -> None:
        """SIGSTOP until the lease is long over, then SIGCONT: a zombie that wakes up."""
        if pid := self._child():
            _signal(pid, signal.SIGSTOP)
            time.sleep(self.place.lease * 1.5)
            _signal(pid, signal.SIGCONT)

    def restart_postgres(self) -> None:
        """An immediate stop, which is a crash; then a start, with recovery."""
        self.crash_postgres()
        time.sleep(self.chance.random())
        self.place.servers.postgres.start()

    def crash_postgres(self) -> None:
        """`pg_ctl stop -m immediate`."""
        server = self.place.servers.postgres
        assert server.child is not None
        server.child.stop(signal.SIGQUIT, 20)

    def restart_redis(self) -> None:
        """SIGKILL and a start; it has kept nothing."""
        self.crash_redis()
        time.sleep(self.chance.random())
        self.place.servers.redis.start()

    def crash_redis(self) -> None:
        """SIGKILL to Redis."""
        server = self.place.servers.redis
        assert server.child is not None
        server.child.stop(signal.SIGKILL, 10)

    def flush(self) -> None:
        """FLUSHALL: queues, locks and signs of life are gone."""
        self.place.broker.flushall()

    def swallow_commits(self) -> None:
        """The next few commits happen, and nobody is told."""
        weather = self.place.postgres.weather
        weather.swallow_commits = self.chance.randrange(1, 5)
        with suppress(TimeoutError):
            wait_until(lambda: weather.swallow_commits == 0, seconds=2, what="commits")
        weather.swallow_commits = 0

    def cut_postgres(self) -> None:
        """Every connection is reset, and new ones for a moment."""
        weather = self.place.postgres.weather
        weather.refusing = True
        self.place.postgres.cut()
        time.sleep(self.chance.random())
        weather.refusing = False

    def darken_postgres(self) -> None:
        """Nothing passes and nothing is closed; then everything that was held passes."""
        weather = self.place.postgres.weather
        weather.dark = True
        time.sleep(self.chance.random() * 2 * self.place.lease)
        weather.dark = False

    def slow_redis(self) -> None:
        """Byte by byte, with a delay before each."""
        weather = self.place.redis.weather
        weather.trickle, weather.delay = True, 0.002
        time.sleep(self.chance.random())
        weather.trickle, weather.delay = False, 0.0

    def break_upstream(self) -> None:
        """Bursts of what upstreams do, each of which a retry or a later run heals."""
        for shelf in self.place.shop.shelves.values():
            if shelf.shape != "file":
                self.place.shop.faults[shelf.name].extend(self._burst(shelf))

    def _burst(self, shelf: Shelf) -> list[Play]:
        shop = self.place.shop
        steps = [
            Play(500),
            Play(503, headers={"Retry-After": "0"}),
            Play(429, headers={"Retry-After": "1"}),
            Play(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
            damaged(shop, lambda play: replace(play, cut=len(play.body) // 2, reset=True)),
            damaged(shop, lambda play: replace(play, cut=len(play.body) // 2)),
            damaged(shop, lambda play: replace(play, body=play.body[: len(play.body) // 2])),
            damaged(shop, lambda play: replace(play, trickle=0.001)),
        ]
        return [self.chance.choice(steps) for _ in range(self.chance.randrange(1, 4))]

    def heal(self) -> None:
        """Take back what may still be set."""
        for faults in self.place.shop.faults.values():
            faults.clear()


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
