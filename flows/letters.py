"""Letters to people: each of an organisation that is concerned is sent a day's letter once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from pipeline import wiring
from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.postgres.people import Person, load_people
from pipeline.adapters.postgres.work import Letter, save_told, told_on
from pipeline.domain.decisions import Role
from pipeline.domain.errors import OutageError
from pipeline.domain.ids import OrganisationId

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A letter of a day.

    Attributes:
        kept: What is kept of it in the database, as what was told.
    """

    letter: Letter
    day: date
    subject: str
    text: str
    kept: str


def send_once(
    settings: wiring.Settings, mail: SmtpMail, owner: OrganisationId, words: Words
) -> int:
    """Send a letter to those of an organisation who were not sent it yet; return how many.

    What a mail server does not take is sent by the next try.

    Raises:
        OutageError: The database does not answer.
    """
    now, told = wiring.clock().now(), 0
    # Held till the end, so that two runs at once tell nobody twice.
    with wiring.database(settings).acting_for(owner) as connection:
        done = told_on(connection, owner, words.day, words.letter)
        for person in who_is_told(load_people(connection), words.letter):
            if person.person_id in done:
                continue
            try:
                mail.send(person.email, words.subject, words.text, None)
            except OutageError as error:
                _log.warning("a letter is not sent", letter=words.letter.value, why=str(error))
                continue
            save_told(connection, person, words.day, (words.letter, words.kept), now)
            told += 1
    return told


def who_is_told(people: Sequence[Person], letter: Letter) -> tuple[Person, ...]:
    """Return who is sent a letter; where nobody has one of its roles, the administrators.

    The week's report goes to engineers too.
    """
    roles = {Role.OPERATIONS} | ({Role.ENGINEER} if letter is Letter.REPORT else set())
    concerned = tuple(one for one in people if roles & set(one.roles))
    return concerned or tuple(one for one in people if Role.ADMIN in one.roles)
