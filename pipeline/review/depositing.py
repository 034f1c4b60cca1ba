"""The log's end, deposited daily by mail where nobody of this system can change it."""

import structlog

from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.postgres.database import Database
from pipeline.adapters.postgres.intake import slug_of
from pipeline.adapters.postgres.log import depositary_of, last_deposit, log_head, save_deposit
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import OrganisationId
from pipeline.domain.ports import Clock
from pipeline.domain.uk_time import LONDON

_log = structlog.get_logger(__name__)
_WORDS = """Please keep this mail; nothing else is to be done with it.

It bears out, if that is ever asked, that what was decided of the roads until now was not changed or
written later. Line and hash of the log's end:

{ordinal}:{sha256}

It is checked with: roadwear log verify --authority {authority} --head {ordinal}:{sha256}
"""


class Depositor:
    """Sends each council's log's end once a day to whom the council named."""

    def __init__(self, database: Database, mail: SmtpMail, clock: Clock) -> None:
        """Deposit by a mail server."""
        self._database = database
        self._mail = mail
        self._clock = clock

    def deposit(self) -> int:
        """Deposit what is due: a log that grew since, once a day (UK); return how many were.

        Raises:
            OutageError: The database does not answer; it is tried again.
        """
        return sum(self._deposit(owner) for owner in all_organisations(self._database))

    def _deposit(self, authority: OrganisationId) -> int:
        now = self._clock.now()
        with self._database.acting_for(authority) as connection:
            to = depositary_of(connection, authority)
            head = log_head(connection, authority)
            last = last_deposit(connection, authority)
            slug = slug_of(connection, authority)
        if not to or head is None:
            return 0
        if last is not None and (
            last[0] == head.ordinal
            or last[1].astimezone(LONDON).date() >= now.astimezone(LONDON).date()
        ):
            return 0
        words = _WORDS.format(ordinal=head.ordinal, sha256=head.sha256, authority=slug)
        try:
            self._mail.send(to, f"To be kept: {head.ordinal}:{head.sha256}", words, None)
        except OutageError as error:
            _log.warning("the log's end is not deposited", why=str(error))
            return 0
        with self._database.acting_for(authority) as connection:
            save_deposit(connection, authority, head, deposited_with=to, now=now)
        return 1
