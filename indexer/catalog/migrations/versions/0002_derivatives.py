"""What is made of shots."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BYTE_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables of derivatives."""
    op.create_table(
        "derivative",
        sa.Column("stream_id", ID, nullable=False),
        sa.Column("captured_ms", sa.BigInteger(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("etag", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("stream_id", "captured_ms", "spec", name=op.f("pk_derivative")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orphan",
        sa.Column("key", BYTE_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_orphan")),
        comment="Derivatives whose shot is gone, still to be removed.",
        sqlite_with_rowid=False,
    )
