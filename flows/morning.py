"""morning: if footage that was promised is not in the queue, people are told, once."""

from collections import defaultdict

from prefect import flow, get_run_logger

from flows.letters import Words, send_once
from flows.telling import without_words
from pipeline import wiring
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.postgres.work import Letter, load_all_waiting, load_unread
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId
from pipeline.domain.uk_time import LONDON
from pipeline.domain.work import WaitingDrive, late_words

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
    if not late:
        return {"late": 0, "told": 0}
    if mail is None:
        raise InputError("something is late and nobody can be told: set ROADWEAR_MAIL_URL")
    told = 0
    for owner, sentence in late.items():
        letter = Words(
            letter=Letter.MORNING,
            day=now.astimezone(LONDON).date(),
            subject=_SUBJECT,
            text=f"{sentence}\n\nWhat failed, and why: {settings.server or ''}/operations\n",
            kept=sentence,
        )
        told += send_once(settings, mail, owner, letter)
    return {"late": len(late), "told": told}
