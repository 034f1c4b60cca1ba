"""Which sightings belong to no defect yet is known, and not looked for among all."""

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    script = Path(__file__).with_name("0031_ungathered.sql").read_text("utf-8")
    op.get_bind().connection.cursor().execute(script)


def downgrade() -> None:
    """Refuse: evidence is only ever added."""
    raise NotImplementedError("restore a backup instead")
