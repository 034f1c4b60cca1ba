"""How far the ledger of deletions was carried out on this database."""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    script = Path(__file__).with_name("0026_deletions_known.sql").read_text("utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    """Refuse: evidence is only ever added."""
    raise NotImplementedError("restore a backup instead")
