"""What notification callbacks tell."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Count the shots that only callbacks told of, and keep what else they tell."""
    op.add_column("unit", sa.Column("awaited_ms", sa.BigInteger()))
    op.add_column("stream", sa.Column("announced", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "announced",
        sa.Column("session_id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "source_id", name=op.f("pk_announced")),
        comment="Of sessions whose pictures callbacks tell of: when the first and the last of these was captured.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact",
        sa.Column("sid", BYTE_TEXT, nullable=False),
        sa.Column("cname", BYTE_TEXT, nullable=False),
        sa.Column("uid", BYTE_TEXT, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", BYTE_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sid", "cname", "uid", "at_ms", "kind", name=op.f("pk_fact")),
        comment="What callbacks told beside pictures (`agora.facts`).",
        sqlite_with_rowid=False,
    )
