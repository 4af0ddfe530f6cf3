"""What a sync needs to list only what can have changed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Tell units by session, remember how far verification and an unfinished listing came, reject by unit."""
    op.add_column("source", sa.Column("verify_from", BYTE_TEXT, nullable=False, server_default=""))
    op.add_column("source", sa.Column("verify_share", sa.Float(), nullable=False, server_default="0"))
    op.add_column("unit", sa.Column("sid", BYTE_TEXT, nullable=False, server_default=""))
    _name_sessions()
    op.create_index("ix_unit_source_id_sid", "unit", ["source_id", "sid"])
    _reject_by_unit()
    op.create_table(
        "listed",
        sa.Column("source_id", ID, sa.ForeignKey("source.id", name=op.f("fk_listed_source_id")), nullable=False),
        sa.Column("start", BYTE_TEXT, nullable=False),
        sa.Column("stop", BYTE_TEXT),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "start", name=op.f("pk_listed")),
        comment="Stretches that a full listing has done, until it reaches its end.",
        sqlite_with_rowid=False,
    )


def _name_sessions() -> None:
    """A unit's prefix ends in `<sid>_`, behind a slash, a `bak<n>_` or nothing."""
    connection = op.get_bind()
    unit = sa.table("unit", sa.column("id", sa.BigInteger), sa.column("prefix", sa.Text), sa.column("sid", sa.Text))
    rows = connection.execute(sa.select(unit.c.id, unit.c.prefix)).all()
    named = [{"unit": id_, "name": prefix[:-1].rpartition("/")[2].rpartition("_")[2]} for id_, prefix in rows]
    if named:
        connection.execute(
            unit.update().where(unit.c.id == sa.bindparam("unit")).values(sid=sa.bindparam("name")), named
        )


def _reject_by_unit() -> None:
    op.rename_table("rejected", "rejected_before")
    op.create_table(
        "rejected",
        sa.Column("source_id", ID, sa.ForeignKey("source.id", name=op.f("fk_rejected_source_id")), nullable=False),
        sa.Column("unit_id", ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "unit_id", "reason", name="pk_rejected_by_unit"),
        sqlite_with_rowid=False,
    )
    # As if all lay between units, until the next full listing tells.
    op.execute(
        "INSERT INTO rejected (source_id, unit_id, reason, objects, samples) "
        "SELECT source_id, 0, reason, objects, samples FROM rejected_before"
    )
    op.drop_table("rejected_before")
