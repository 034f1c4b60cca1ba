"""morning: if footage that was promised is not in the queue, people are told, once."""

from collections import defaultdict
from collections.abc import Sequence

import structlog
from prefect import flow, get_run_logger

from flows.telling import without_words
from pipeline import wiring
from pipeline.adapters.mail_smtp import SmtpMail
from pipeline.adapters.postgres.people import Person, load_people
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.postgres.work import (
    load_all_waiting,
    load_unread,
    save_morning_told,
    told_this_morning,
)
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import OrganisationId
from pipeline.domain.uk_time import LONDON
from pipeline.domain.work import WaitingDrive, late_words

_log = structlog.get_logger(__name__)
_SUBJECT = "Roadwear: footage that was promised for this morning is not done"


@flow(name="morning")
def morning() -> dict[str, int]:
    """Tell those who see to operations if something that was promised for 06:30 is not done.

    Each is told once a day, however often this runs; where nobody has the role operations, the
    administrators are. What went wrong with a mail is tried again by the next run.

    Returns:
        Counts: late (councils of which something is late), told (people).
    """
    with without_words(told=True):
        found = tell_of_the_morning()
    get_run_logger().info("%s", found)
    return found


def tell_of_the_morning() -> dict[str, int]:
    """Do what `morning` does.

    Raises:
        InputError: Something is late, and no mail server is set.
        OutageError: The database does not answer.
    """
    settings, now = wiring.Settings.from_env(), wiring.clock().now()
    database, store = wiring.database(settings), wiring.footage_store(settings).store_id
    by_owner: dict[OrganisationId, list[WaitingDrive]] = defaultdict(list)
    for one in load_all_waiting(database, store):
        by_owner[one.owner_id].append(one)
    late = {}
    for owner in all_organisations(database):
        with database.acting_for(owner) as connection:
            unread = load_unread(connection, owner, store)
        if words := late_words(by_owner[owner], unread, now):
            late[owner] = words
    mail = wiring.mail(settings)
    if late and mail is None:
        raise InputError("something is late and nobody can be told: set ROADWEAR_MAIL_URL")
    told = sum(_tell(settings, mail, owner, words) for owner, words in late.items() if mail)
    return {"late": len(late), "told": told}


def _tell(settings: wiring.Settings, mail: SmtpMail, owner: OrganisationId, sentence: str) -> int:
    """Tell those of an owner who were not told yet; return how many."""
    now = wiring.clock().now()
    today = now.astimezone(LONDON).date()
    words = f"{sentence}\n\nWhat failed, and why: {settings.server or ''}/operations\n"
    told = 0
    # Held till the end, so that two runs at once tell nobody twice.
    with wiring.database(settings).acting_for(owner) as connection:
        done = told_this_morning(connection, owner, today)
        for person in who_is_told(load_people(connection)):
            if person.person_id in done:
                continue
            try:
                mail.send(person.email, _SUBJECT, words, None)
            except OutageError as error:
                _log.warning("a person is not told of the morning", why=str(error))
                continue
            save_morning_told(connection, person, today, sentence, now)
            told += 1
    return told


def who_is_told(people: Sequence[Person]) -> tuple[Person, ...]:
    """Return those who see to operations; where there are none, the administrators."""
    operations = tuple(one for one in people if Role.OPERATIONS in one.roles)
    return operations or tuple(one for one in people if Role.ADMIN in one.roles)
