"""The first tables: keys, and what they were used for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("previous_digest", sa.LargeBinary(32)),
        sa.Column("previous_until", sa.BigInteger()),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("modes", sa.JSON()),
        sa.Column("languages", sa.JSON()),
        sa.Column("origins", sa.JSON()),
        sa.Column("source_hosts", sa.JSON()),
        sa.Column("max_sessions", sa.BigInteger()),
        sa.Column("max_audio_s_per_day", sa.Double()),
        sa.Column("max_audio_s_per_month", sa.Double()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("rotated_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("last_used_at", sa.BigInteger()),
    )
    revisions = op.create_table(
        "key_revision",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(revisions, [{"id": 1, "number": 1}])
    op.create_table(
        "key_usage",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("key_id", sa.String(16), primary_key=True),
        sa.Column("audio_ms", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "usage_writer",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
    )
