"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# As in schema.py at the time of this migration; written out, because that file goes on and this one must not.
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "catalog",
        sa.Column("application", sa.Text(), nullable=False),
        sa.Column("digest_seed", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application", name=op.f("pk_catalog")),
        comment="One row: marks the database as ours and seeds the digests.",
    )
    op.create_table(
        "session",
        sa.Column("id", ID, nullable=False),
        sa.Column("sid", BYTE_TEXT, nullable=False),
        sa.Column("cname", BYTE_TEXT, nullable=False),
        sa.Column("shots", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("sid", "cname", name=op.f("uq_session_sid_cname")),
    )
    op.create_index(op.f("ix_session_cname"), "session", ["cname"], unique=False)
    op.create_index(op.f("ix_session_last_ms_id"), "session", ["last_ms", "id"], unique=False)
    op.create_table(
        "shot",
        sa.Column("stream_id", ID, nullable=False),
        sa.Column("captured_ms", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_lag_s", sa.BigInteger().with_variant(sa.Numeric(), "postgresql"), nullable=False),
        sa.Column("etag", sa.LargeBinary(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("stream_id", "captured_ms", name=op.f("pk_shot")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_shot SET (fillfactor = 100)")
    op.create_table(
        "source",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", BYTE_TEXT, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
    )
    op.create_table(
        "rejected",
        sa.Column("source_id", ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_rejected_source_id")),
        sa.PrimaryKeyConstraint("source_id", "reason", name=op.f("pk_rejected")),
    )
    op.create_table(
        "sync_run",
        sa.Column("id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.Column("requests", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_sync_run_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
    )
    op.create_index(op.f("ix_sync_run_source_id_started_ms"), "sync_run", ["source_id", "started_ms"], unique=False)
    op.create_table(
        "unit",
        sa.Column("id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("prefix", BYTE_TEXT, nullable=False),
        sa.Column("objects", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=True),
        sa.Column("newest_ms", sa.BigInteger(), nullable=True),
        sa.Column("listed_ms", sa.BigInteger(), nullable=True),
        sa.Column("verified_ms", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.Boolean(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_unit_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("source_id", "prefix", name=op.f("uq_unit_source_id_prefix")),
    )
    op.create_table(
        "recording",
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("cname", BYTE_TEXT, nullable=False),
        sa.Column("uid", BYTE_TEXT, nullable=False),
        sa.Column("track", BYTE_TEXT, nullable=False),
        sa.Column("extension", BYTE_TEXT, nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_recording_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "cname", "uid", "track", "extension", name=op.f("pk_recording")),
        comment="Recording files beside the shots, summed up: the single names are one listing of the unit away.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stream",
        sa.Column("id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("session_id", ID, nullable=False),
        sa.Column("directory", BYTE_TEXT, nullable=False),
        sa.Column("bak", BYTE_TEXT, nullable=False),
        sa.Column("uid", BYTE_TEXT, nullable=False),
        sa.Column("key_head", BYTE_TEXT, nullable=False),
        sa.Column("shots", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name=op.f("fk_stream_session_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_stream_source_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_stream_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream")),
        sa.UniqueConstraint("source_id", "key_head", name=op.f("uq_stream_source_id_key_head")),
    )
    op.create_index(op.f("ix_stream_session_id"), "stream", ["session_id"], unique=False)
    op.create_index(op.f("ix_stream_uid_last_ms"), "stream", ["uid", "last_ms"], unique=False)
    op.create_index(op.f("ix_stream_unit_id"), "stream", ["unit_id"], unique=False)
    # An expression: PostgreSQL wants one in brackets, and SQLite has had it without.
    span = sa.column("last_ms", sa.BigInteger()) - sa.column("first_ms", sa.BigInteger())
    op.create_index("ix_stream_uid_span", "stream", ["uid", span], unique=False)
