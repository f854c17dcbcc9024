"""How a proof speaks: a line a case, the figures, and at the end `N passed, M failed`."""

import sys
import time
from collections.abc import Sequence

from tests.kit import hooks
from tests.kit.fleet import Fleet


class Verdict:
    """Counts cases. `finish` gives the exit status: 0 only when something was tried and nothing failed."""

    def __init__(self, proof: str) -> None:
        self.proof = proof
        self.passed = self.failed = 0
        self._began = time.monotonic()

    def case(self, name: str, violations: Sequence[str], *, quiet: bool = False) -> None:
        """Note a case; its violations are shown, a good one only unless `quiet`."""
        if violations:
            self.failed += 1
            self.say(f"FAILED {name}")
            for violation in violations[:20]:
                self.say(f"       {violation}")
        else:
            self.passed += 1
            if not quiet:
                self.say(f"ok     {name}")

    def say(self, line: str) -> None:
        """Print a line at once, so that a long proof can be watched."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def tell(self, processes: Fleet) -> None:
        """Print what helps to understand a violation: the last of the journal, and of each process' log."""
        for line in hooks.journal()[-60:]:
            self.say(f"       {line}")
        for role in processes.commands:
            self.say(f"--- {role}")
            self.say("\n".join(processes.log(role).splitlines()[-40:]))

    def finish(self) -> int:
        """Print the last line, which counts."""
        self.say(f"{self.proof}: {time.monotonic() - self._began:.0f} s")
        self.say(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.passed and not self.failed else 1
