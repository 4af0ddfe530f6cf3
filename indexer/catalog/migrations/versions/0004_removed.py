"""What timelines need to tell a pause from pictures that were removed, and a still picture from an equal one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Remember when removed shots were captured, and whether the ETags of a source are MD5s."""
    op.add_column("source", sa.Column("md5_etags", sa.Boolean()))
    op.create_table(
        "removed",
        sa.Column("session_id", ID, nullable=False),
        sa.Column("uid", BYTE_TEXT, nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("shots", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "uid", "first_ms", name=op.f("pk_removed")),
        comment="When the shots were captured that the storage no longer has, while their session still has others.",
        sqlite_with_rowid=False,
    )
