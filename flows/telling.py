"""What went wrong is told to people in PostGIS, and to Prefect by ids alone.

Prefect keeps the message of every exception in its tables and logs, and those of refused footage
name files. So whatever fails on the way is replaced by an error that says nothing but what kind of
failure it was; the sentence is kept with the drive, where operations read it.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import structlog

from pipeline import wiring
from pipeline.adapters.postgres.work import say_work
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import DriveId, OrganisationId
from pipeline.domain.work import WorkKind, WorkWord

_log = structlog.get_logger(__name__)


class ToldError(Exception):
    """A failure of which Prefect is told the kind alone.

    Attributes:
        kind: `WorkKind.OUTAGE` if another try may succeed, otherwise `WorkKind.FAILED`.
        sentence: For people; not a part of the message.
    """

    def __init__(self, kind: WorkKind, sentence: str) -> None:
        """Keep the sentence out of the message."""
        super().__init__(f"{kind.words}: Operations, or the worker's own output, says why")
        self.kind = kind
        self.sentence = sentence

    def __reduce__(self) -> tuple[type["ToldError"], tuple[WorkKind, str]]:
        """Come back from another process of the same kind; the sentence stays behind."""
        return ToldError, (self.kind, "")


@contextmanager
def without_words(*, told: bool = False) -> Iterator[None]:
    """Replace whatever fails by an error without words of footage, files, places or people.

    Args:
        told: Nobody keeps the sentence with a drive, and it names no footage: the worker's own
            output has it.

    Raises:
        ToldError: Something failed.
    """
    failed: ToldError
    try:
        yield
    except ToldError:
        raise
    except (OutageError, InputError) as error:
        if told:
            _log.error("a flow failed", why=str(error))
        kind = WorkKind.OUTAGE if isinstance(error, OutageError) else WorkKind.FAILED
        failed = ToldError(kind, str(error))
    except Exception as error:  # noqa: BLE001 - a bug: its words may hold anything, its lines do not
        lines = [
            f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)
        ]
        _log.error("a fault of the program", error=type(error).__name__, lines=lines)
        failed = ToldError(
            WorkKind.FAILED, f"A fault of the program ({type(error).__name__}, {lines[-1]})"
        )
    else:
        return
    raise failed from None


def say(
    settings: wiring.Settings,
    drive: tuple[OrganisationId, DriveId],
    kind: WorkKind,
    sentence: str = "",
    *,
    run: UUID | None,
) -> None:
    """Keep what became of the work on a drive.

    Args:
        settings: With the database.
        drive: The owner and the drive.
        kind: What became of it.
        sentence: Why, for people.
        run: The flow run.

    Raises:
        OutageError: The database does not answer.
    """
    owner, drive_id = drive
    now = wiring.clock().now()
    word = WorkWord(kind=kind, sentence=sentence, flow_run_id=run, happened_at=now)
    with wiring.database(settings).acting_for(owner) as connection:
        say_work(connection, owner, drive_id, word)


@contextmanager
def told_of(
    settings: wiring.Settings, drive: tuple[OrganisationId, DriveId], *, run: UUID | None
) -> Iterator[None]:
    """Say that work on a drive begins, and that it is done or why it is not.

    Raises:
        ToldError: It is not.
    """
    try:
        with without_words():
            say(settings, drive, WorkKind.BEGUN, run=run)
            yield
            say(settings, drive, WorkKind.DONE, run=run)
    except ToldError as told:
        # Where the database is away nobody can be told; whoever looks for lost work finds it.
        with suppress(OutageError):
            say(settings, drive, told.kind, told.sentence, run=run)
        raise
