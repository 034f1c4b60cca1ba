"""What became of the work on a drive."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    script = Path(__file__).with_name("0024_drive_work.sql").read_text("utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    """Refuse: evidence is only ever added."""
    raise NotImplementedError("restore a backup instead")
