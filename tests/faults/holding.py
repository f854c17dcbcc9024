"""A list whose second page is held back, so that its run is in the middle for as long as a test wants."""

import threading
from collections import Counter

from tests.kit.oracle import Shelf
from tests.kit.stage import Stage


class Held:
    """Holds back the reply to the second page of each of these lists, until `over` is set."""

    def __init__(self, place: Stage, *shelves: Shelf) -> None:
        self.shelves = shelves
        self.asked, self.over = Counter[str](), threading.Event()
        place.shop.between = self._between

    def _between(self, shelf: Shelf) -> None:
        self.asked[shelf.name] += 1
        if shelf in self.shelves and self.asked[shelf.name] == 2:
            self.over.wait(60)

    def waiting(self) -> bool:
        """Whether the run of every list is in the middle."""
        return all(self.asked[shelf.name] == 2 for shelf in self.shelves)
