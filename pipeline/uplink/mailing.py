"""Mails what became of a batch to whoever asked for it."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from pipeline.adapters.mail_smtp import Attachment, SmtpMail
from pipeline.adapters.postgres import receiving as rows
from pipeline.adapters.postgres.correspondence import batches_to_mail, note_mailed
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.depots import mail_of
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import StoreId
from pipeline.domain.ports import Clock
from pipeline.domain.receiving import Batch, Manifest, verdict_of
from pipeline.uplink.words import manifest_csv

_log = structlog.get_logger(__name__)
# What could not be sent for so long is not news any more.
_LATEST = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """Sends manifests by mail.

    Attributes:
        store: Whose batches.
        address: Of the server, as depots call it; "" if that is not set.
    """

    database: Database
    mail: SmtpMail
    clock: Clock
    store: StoreId
    address: str

    def send_due(self) -> int:
        """Send what was not sent yet; return how many. A mail may come twice, but never not at all.

        Raises:
            OutageError: The database does not answer; it is tried again.
        """
        sent = 0
        now = self.clock.now()
        for owner in rows.all_organisations(self.database):
            with self.database.acting_for(owner) as connection:
                due = batches_to_mail(connection, owner, now - _LATEST, self.store)
            for batch, done_at in due:
                with self.database.acting_for(owner) as connection:
                    to = mail_of(connection, batch.depot_id)
                    manifest = rows.load_manifest(connection, batch.batch_id)
                try:
                    self._send(to, batch, manifest)
                except OutageError as error:
                    # The next one may be taken, and this one later.
                    _log.warning("a mail is not sent", batch_id=str(batch.batch_id), why=str(error))
                    continue
                with self.database.acting_for(owner) as connection:
                    note_mailed(connection, batch.batch_id, done_at, now)
                sent += 1
        return sent

    def _send(self, to: str, batch: Batch, manifest: Manifest) -> None:
        verdict = verdict_of(manifest)
        subject = verdict.words.partition(":")[0]
        if batch.fleet_number:
            subject += f": vehicle {batch.fleet_number}"
        counts = ", ".join(f"{n} {outcome.words}" for outcome, n in sorted(manifest.counts.items()))
        lines = [verdict.words + ".", f"Files: {counts}; the table has every one of them."]
        lines += [f"Asked of you: {question.words}" for question in manifest.questions]
        if self.address:
            lines.append(f"{self.address.rstrip('/')}/fleet/uploads/{batch.batch_id}")
        name = f"handed-in-{batch.opened_at:%Y-%m-%d-%H%M}.csv"
        table = Attachment(name, manifest_csv(manifest))
        self.mail.send(to, subject, "\n\n".join(lines) + "\n", table)
