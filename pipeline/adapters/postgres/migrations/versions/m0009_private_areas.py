"""What is not kept of what comes in, who is told by mail, and answers."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    script = Path(__file__).with_name("0009_private_areas.sql").read_text("utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    """Refuse: evidence is only ever added."""
    raise NotImplementedError("restore a backup instead")
