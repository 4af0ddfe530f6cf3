"""A storage that says SlowDown is asked less, and slowly more again when it does not."""

import threading
from collections.abc import Mapping

from indexer.storage.base import THROTTLED
from indexer.storage.gate import Gate
from indexer.storage.memory import MemoryStore


class Throttling(MemoryStore):
    throttled = 0

    @property
    def requests(self) -> Mapping[str, int]:
        return {**super().requests, THROTTLED: self.throttled}


def ask(gate: Gate, times: int = 1) -> None:
    for _ in range(times):
        with gate:
            pass


def test_it_halves_once_a_second_and_recovers_slowly() -> None:
    store, now = Throttling(), [0.0]
    gate = Gate(store, 16, clock=lambda: now[0])
    ask(gate)
    assert gate.limit == 16
    for _ in range(3):  # answers to what was under way already
        store.throttled += 1
        ask(gate)
    assert gate.limit == 8
    now[0] += 1
    store.throttled += 1
    ask(gate)
    assert gate.limit == 4
    ask(gate, 4)
    assert gate.limit == 4
    ask(gate, 6)
    assert 5 <= gate.limit < 8
    ask(gate, 1000)
    assert gate.limit == 16


def test_it_never_stops_asking() -> None:
    store, now = Throttling(), [0.0]
    gate = Gate(store, 4, clock=lambda: now[0])
    for second in range(10):
        now[0] = float(second)
        store.throttled += 1
        ask(gate)
    assert gate.limit == 1


def test_no_more_than_the_limit_are_let_through_at_once() -> None:
    gate = Gate(MemoryStore(), 3)
    inside = most = 0
    lock, ready = threading.Lock(), threading.Barrier(8)

    def work() -> None:
        nonlocal inside, most
        ready.wait()
        for _ in range(50):
            with gate:
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 3
