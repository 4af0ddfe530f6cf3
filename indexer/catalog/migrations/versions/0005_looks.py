"""What pictures look like."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Remember the look of a picture beside its thumbnail, and its cells while a neighbour is to be compared."""
    op.add_column("derivative", sa.Column("look", sa.LargeBinary()))
    op.create_table(
        "grey",
        sa.Column("stream_id", ID, nullable=False),
        sa.Column("captured_ms", sa.BigInteger(), nullable=False),
        sa.Column("cells", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream_id", "captured_ms", name=op.f("pk_grey")),
        comment="Cells of pictures that a neighbour is still to be compared with.",
        sqlite_with_rowid=False,
    )
