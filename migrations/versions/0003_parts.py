"""Parts of big runs, and the traces that their pullers leave."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Code of before knows nothing of parts and needs nothing of them: the new columns may be empty."""
    op.create_table(
        "parts",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'new'"), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("raw_base", sa.BigInteger(), nullable=False),
        sa.Column("pages", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('new', 'running', 'done', 'failed')", name=op.f("ck_parts_state")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_parts_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_parts")),
    )
    op.create_index(op.f("ix_parts_source_run_id"), "parts", ["source", "run_id"], unique=False)
    op.create_index(
        op.f("ix_parts_run_id_state_number"), "parts", ["run_id", "state", "number"], unique=False
    )
    op.create_table(
        "traces",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("raw_id", sa.BigInteger(), nullable=False),
        sa.Column("items", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("pages", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traces")),
    )
    op.create_index(op.f("ix_traces_source_run_id"), "traces", ["source", "run_id"], unique=False)
    for name in ("parts", "pullers"):
        op.add_column("runs", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column(
        "runs", sa.Column("parts_done", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
