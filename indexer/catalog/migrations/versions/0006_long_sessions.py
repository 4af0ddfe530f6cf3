"""Which sessions are long."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Find long sessions by their length: whoever was in one need not have a shot near the period that is asked for."""
    span = sa.column("last_ms", sa.BigInteger()) - sa.column("first_ms", sa.BigInteger())
    op.create_index("ix_session_span", "session", [span], unique=False)
