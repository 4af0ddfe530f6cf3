"""What is known of the ETags of a source: only where they are MD5s of the content do equal ones mean equal pictures.

Storage that encrypts with keys of its own gives 32 hexadecimal digits too, so it is learned from fetched pictures.
"""

from sqlalchemy import Engine, select, update

from indexer.catalog.dialects import WRITE
from indexer.catalog.schema import source


class Etags:
    """Keeps the verdicts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def md5_sources(self) -> frozenset[str]:
        """Names of the sources whose ETags have shown to be MD5s."""
        with self._engine.connect() as connection:
            return frozenset(connection.scalars(select(source.c.name).where(source.c.md5_etags.is_(True))))

    def learn(self, source_name: str, *, md5: bool) -> None:
        """Keep what the pictures that were fetched last have shown."""
        row = source.c.name == source_name
        with self._engine.execution_options(**{WRITE: True}).begin() as connection:
            connection.execute(update(source).where(row).values(md5_etags=md5))
