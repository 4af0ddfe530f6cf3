"""Shots for the pure layers, without a catalog behind them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from indexer.model import Recorder, to_ms


@dataclass(frozen=True)
class Taken:
    """One shot as timelines see it."""

    captured_at: datetime
    bak: int | None = None
    lag: timedelta = timedelta(seconds=2)
    source: str = "prod"
    directory: str = ""
    etag: str = "e"
    size: int = 1
    tier: str | None = None

    @property
    def key(self) -> str:
        return f"{self.directory}{'' if self.bak is None else f'bak{self.bak}_'}{to_ms(self.captured_at)}"

    @property
    def recorder(self) -> Recorder:
        return Recorder(self.source, self.directory, self.bak)

    @property
    def captured_ms(self) -> int:
        return to_ms(self.captured_at)

    @property
    def lag_ms(self) -> int:
        return self.lag // timedelta(milliseconds=1)
