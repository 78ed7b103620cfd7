"""The secret that tokens are signed with, so that servers of one database share them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from scribewire.keys.tokens import make_secret

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make it: of servers that start together one does so, and the others have the same."""
    table = op.create_table(
        "token_secret",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("secret", sa.LargeBinary(32), nullable=False),
    )
    op.bulk_insert(table, [{"id": 1, "secret": make_secret()}])
