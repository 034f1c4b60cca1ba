"""The work of a study, part by part: done by Prefect's tasks, and by `roadwear study run`."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import structlog

from flows.loading import detector_of, prepared_drive
from pipeline import wiring
from pipeline.adapters.postgres import studies as rows
from pipeline.domain.errors import InputError, OutageError
from pipeline.domain.ids import RunId
from pipeline.domain.studies import LooksAt, PartOfStudy, Study
from pipeline.line import Means, look_at_pictures, study_piece

_log = structlog.get_logger(__name__)
_GONE = {
    LooksAt.FOOTAGE: "the footage is gone, or the track of its drive",
    LooksAt.PICTURES: "the pictures are gone, or could not be looked at",
}


def score(
    settings: wiring.Settings,
    study: Study,
    runs: Sequence[RunId],
    *,
    held: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Counter[str]:
    """Do those of some parts of a study that are not done; each is kept as soon as it is done.

    Args:
        settings: With the database and the stores.
        study: Which one.
        runs: Its parts.
        held: Holds the machine's slot while a part is looked at.

    Returns:
        Counts: parts, looked, refused.

    Raises:
        InputError: There is no such model.
        OutageError: The database or a store does not answer.
    """
    database, done = wiring.database(settings), Counter[str]()
    detector_of(settings, study.model)
    with database.acting_for(study.owner_id) as connection:
        parts = rows.load_parts(connection, study, runs)
    for part in parts:
        wiring.require_room(settings)
        try:
            with held():
                looked = _look(settings, study, part)
        except InputError as error:
            looked = 0
            # The sentence may name a file, and what is kept is kept for good.
            _log.warning("a part of a study is left out", run=str(part.run_id), why=str(error))
            with database.acting_for(study.owner_id) as connection:
                if study.looks_at is LooksAt.FOOTAGE and rows.is_kept_here(connection, part):
                    raise OutageError(
                        "footage that is kept cannot be read by this machine: does it see the "
                        "footage folder (ROADWEAR_FOOTAGE)?"
                    ) from error
                rows.save_part(connection, study, part.run_id, refused=_GONE[study.looks_at])
            done["refused"] += 1
        done.update(parts=1, looked=looked)
    return done


def _look(settings: wiring.Settings, study: Study, part: PartOfStudy) -> int:
    """Look at a part again and keep what was seen; return how many looks that took.

    Raises:
        InputError: Its footage or its drive is gone.
    """
    database, detector = wiring.database(settings), detector_of(settings, study.model)
    if study.looks_at is LooksAt.PICTURES:
        with database.acting_for(study.owner_id) as connection:
            pictures = rows.load_pictures(connection, part.run_id)
        seen = look_at_pictures(
            part, pictures, detector,
            bytes_of=wiring.blobs(settings).get, settings=settings.line().redact,
        )  # fmt: skip
        if not seen:
            raise InputError("none of its pictures could be looked at")
        with database.acting_for(study.owner_id) as connection:
            return rows.save_part(connection, study, part.run_id, seen=seen)
    prepared = prepared_drive(study.owner_id, part.drive_id, settings)
    placed = next(
        (one for one in prepared.clips if one.clip.sha256 == part.piece.clip_sha256), None
    )
    if placed is None:
        raise InputError("its clip is no part of the drive any more")
    means = Means(footage=wiring.footage(), detector=detector, settings=settings.line())
    run = study_piece(
        prepared, placed, part.piece, means,
        ledger=wiring.ledger(settings), blobs=wiring.blobs(settings),
    )  # fmt: skip
    with database.acting_for(study.owner_id) as connection:
        return rows.save_part(connection, study, part.run_id, study_run_id=run)
