"""What one organisation says of another's roads stands in the log of the other."""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    script = Path(__file__).with_name("0027_log_of_another.sql").read_text("utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    """Refuse: evidence is only ever added."""
    raise NotImplementedError("restore a backup instead")
