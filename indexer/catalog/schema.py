"""The tables of the catalog, as `migrations/` builds them; `docs/architecture.md` tells why they look like this.

No shot stores its key: a stream holds the part up to the time; `key == key_head + format_utc(captured_ms) + ".jpg"`.
"""

from typing import Final

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from indexer.catalog.postgres_text import PostgresText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Keys sort by bytes everywhere; SQLite does so by itself, PostgreSQL must be told.
ByteText: Final = Text().with_variant(PostgresText(collation="C"), "postgresql")
# What may quote a key.
AnyText: Final = Text().with_variant(PostgresText(), "postgresql")
# SQLite numbers rows only in a column that is declared INTEGER.
Id: Final = BigInteger().with_variant(Integer, "sqlite")
# In PostgreSQL five bytes where a whole number of 64 bits takes eight, which makes a row of shots shorter by eight.
Lag: Final = BigInteger().with_variant(Numeric(), "postgresql")

APPLICATION: Final = "livestills"

catalog = Table(
    "catalog",
    metadata,
    Column("application", Text, primary_key=True),
    Column("digest_seed", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    comment="One row: marks the database as ours and seeds the digests.",
)

source = Table(
    "source",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", ByteText, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    # Where the verification of the next run begins, and which share of the present round is done.
    Column("verify_from", ByteText, nullable=False, server_default=""),
    Column("verify_share", Float, nullable=False, server_default="0"),
    # Whether equal ETags mean equal pictures here; null until a picture was fetched and compared.
    Column("md5_etags", Boolean),
)

session = Table(
    "session",
    metadata,
    Column("id", Id, primary_key=True),
    Column("sid", ByteText, nullable=False),
    Column("cname", ByteText, nullable=False),
    # Sums over the session's streams, so that a page of sessions costs a page of rows.
    Column("shots", BigInteger, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("first_ms", BigInteger),
    Column("last_ms", BigInteger),
    UniqueConstraint("sid", "cname"),
    Index(None, "cname"),
    Index(None, "last_ms", "id"),
)

unit = Table(
    "unit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("prefix", ByteText, nullable=False),
    Column("objects", BigInteger, nullable=False, server_default="0"),
    # Of all its objects; null while a sync is in the middle of the unit or was cut off there.
    Column("digest", BigInteger),
    # Where the digest is null for nothing but shots that were announced: when the first of these was captured.
    Column("awaited_ms", BigInteger),
    # The newest capture or upload seen in it: how long it must still be watched for late uploads.
    Column("newest_ms", BigInteger),
    Column("listed_ms", BigInteger),
    Column("verified_ms", BigInteger),
    # Nothing more can arrive: discovery passes over it.  Verification still lists it now and then.
    Column("settled", Boolean, nullable=False, server_default="0"),
    Column("sid", ByteText, nullable=False, server_default=""),
    UniqueConstraint("source_id", "prefix"),
    Index(None, "source_id", "sid"),
)

stream = Table(
    "stream",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("unit_id", Id, ForeignKey("unit.id"), nullable=False, index=True),
    Column("session_id", Id, ForeignKey("session.id"), nullable=False, index=True),
    Column("directory", ByteText, nullable=False),
    Column("bak", ByteText, nullable=False),
    Column("uid", ByteText, nullable=False),
    Column("key_head", ByteText, nullable=False),
    Column("shots", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("digest", BigInteger, nullable=False),
    # Of its shots, those that no listing has shown yet (tier "announced"); its unit has no digest while there are some.
    Column("announced", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("source_id", "key_head"),
    Index(None, "uid", "last_ms"),
)
# Longer than most: a stream or a session that reaches into a period ends in it or soon behind, but for these.
Index("ix_session_span", session.c.last_ms - session.c.first_ms)
Index("ix_stream_uid_span", stream.c.uid, stream.c.last_ms - stream.c.first_ms)

shot = Table(
    "shot",
    metadata,
    # No foreign key: checking one costs more than the insert; `db check` looks for orphans instead.
    Column("stream_id", Id, nullable=False),
    Column("captured_ms", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    # Upload minus capture, in seconds: two bytes instead of six.
    Column("modified_lag_s", Lag, nullable=False),
    Column("etag", LargeBinary, nullable=False),
    Column("tier", AnyText),
    # Spelled out: primary_key=True on the columns would order the key by declaration.
    PrimaryKeyConstraint("stream_id", "captured_ms"),
    sqlite_with_rowid=False,
)

# Rows come in the order of their keys: no room is left in the pages for others.
_FULL_PAGES = DDL("ALTER INDEX pk_shot SET (fillfactor = 100)")  # type: ignore[no-untyped-call]  # SQLAlchemy's
event.listen(shot, "after_create", _FULL_PAGES.execute_if(dialect="postgresql"))

removed = Table(
    "removed",
    metadata,
    # No foreign key, as for shots; the rows go with their session.
    Column("session_id", Id, nullable=False),
    Column("uid", ByteText, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("shots", BigInteger, nullable=False),
    PrimaryKeyConstraint("session_id", "uid", "first_ms"),
    sqlite_with_rowid=False,
    comment="When the shots were captured that the storage no longer has, while their session still has others.",
)

announced = Table(
    "announced",
    metadata,
    # No foreign key, as for shots; the rows go with their session.
    Column("session_id", Id, nullable=False),
    # A copy of a session in another bucket is one that no callback tells of.
    Column("source_id", Id, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("session_id", "source_id"),
    sqlite_with_rowid=False,
    comment="Of sessions whose pictures callbacks tell of: when the first and the last of these was captured.",
)

fact = Table(
    "fact",
    metadata,
    # By names, not by session: callbacks can come before the first shot is known.  The rows go with their session.
    Column("sid", ByteText, nullable=False),
    Column("cname", ByteText, nullable=False),
    Column("uid", ByteText, nullable=False),  # "" for the session
    Column("at_ms", BigInteger, nullable=False),
    Column("kind", ByteText, nullable=False),
    PrimaryKeyConstraint("sid", "cname", "uid", "at_ms", "kind"),
    sqlite_with_rowid=False,
    comment="What callbacks told beside pictures (`agora.facts`).",
)

recording = Table(
    "recording",
    metadata,
    Column("unit_id", Id, ForeignKey("unit.id"), nullable=False),
    Column("cname", ByteText, nullable=False),
    Column("uid", ByteText, nullable=False),  # "" for a composite or web recording
    Column("track", ByteText, nullable=False),  # audio, video, av, or ""
    Column("extension", ByteText, nullable=False),
    Column("objects", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("first_name", AnyText, nullable=False),
    Column("last_name", AnyText, nullable=False),
    Column("digest", BigInteger, nullable=False),
    PrimaryKeyConstraint("unit_id", "cname", "uid", "track", "extension"),
    sqlite_with_rowid=False,
    comment="Recording files beside the shots, summed up: the single names are one listing of the unit away.",
)

rejected = Table(
    "rejected",
    metadata,
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("unit_id", Id, nullable=False),  # 0: between units
    Column("reason", Text, nullable=False),
    Column("objects", BigInteger, nullable=False),
    Column("samples", JSON, nullable=False),
    PrimaryKeyConstraint("source_id", "unit_id", "reason", name="pk_rejected_by_unit"),
    sqlite_with_rowid=False,
)

listed = Table(
    "listed",
    metadata,
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("start", ByteText, nullable=False),
    Column("stop", ByteText),  # null: to the end
    Column("started_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("source_id", "start"),
    sqlite_with_rowid=False,
    comment="Stretches that a full listing has done, until it reaches its end.",
)

sync_run = Table(
    "sync_run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("mode", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("message", AnyText),
    Column("started_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger),
    Column("requests", JSON, nullable=False),
    Column("counts", JSON, nullable=False),
    Index(None, "source_id", "started_ms"),
)

derivative = Table(
    "derivative",
    metadata,
    # No foreign key, as for shots; a sync takes the rows of shots that it removes away with them.
    Column("stream_id", Id, nullable=False),
    Column("captured_ms", BigInteger, nullable=False),
    # The text of what was made, such as 320x180: a part of its object's key.
    Column("spec", Text, nullable=False),
    # Of the shot that it was made from.
    Column("etag", LargeBinary, nullable=False),
    Column("size", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    # Why there is none; null if there is one.
    Column("reason", AnyText),
    # What the picture looks like, in 18 bytes (`timeline.looks`).  A second size repeats it, a table of its own would
    # repeat stream, time and ETag of every shot.  Null where nothing was made, or by a version that did not look.
    Column("look", LargeBinary),
    PrimaryKeyConstraint("stream_id", "captured_ms", "spec"),
    sqlite_with_rowid=False,
)

grey = Table(
    "grey",
    metadata,
    Column("stream_id", Id, nullable=False),
    Column("captured_ms", BigInteger, nullable=False),
    Column("cells", LargeBinary, nullable=False),
    PrimaryKeyConstraint("stream_id", "captured_ms"),
    sqlite_with_rowid=False,
    comment="Cells of pictures that a neighbour is still to be compared with.",
)

orphan = Table(
    "orphan",
    metadata,
    Column("key", ByteText, primary_key=True),
    sqlite_with_rowid=False,
    comment="Derivatives whose shot is gone, still to be removed.",
)

gone = Table(
    "gone",
    MetaData(),
    Column("stream_id", Id, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("stream_id", "first_ms"),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
    comment="During a sync, on its connection: runs of shots that the storage no longer has.",
)
