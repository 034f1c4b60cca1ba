"""Identify: what a person may say of which sightings are one hole, and what follows. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from pipeline.domain.decisions import Role
from pipeline.domain.defects import Constraint, Defect, DefectState
from pipeline.domain.errors import RuleError
from pipeline.domain.identity import IdentityMove, IdentityWord
from pipeline.domain.ids import ObservationId, PersonId, WordId

# Beyond, two places are no longer one hole, whatever GPS does.
JOIN_WITHIN_M = 30.0
_MOST_HUBS = 30
WAITING = frozenset({DefectState.QUEUED, DefectState.CANDIDATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who says it, and when.

    Attributes:
        word_id: What the word will be known by.
        note: What the person wrote, may be empty.
    """

    word_id: WordId
    person_id: PersonId
    roles: Collection[Role]
    said_at: datetime
    note: str = ""


def join(defects: Sequence[Defect], speaker: Speaker) -> IdentityWord:
    """Return the word that possible defects are one.

    Args:
        defects: Two or more, as they stand.
        speaker: Who says it.

    Raises:
        RuleError: Somebody has decided on one of them, they are too far apart, or the person may
            not say it.
    """
    _may_speak(speaker)
    if len({defect.defect_id for defect in defects}) < 2:  # noqa: PLR2004
        raise RuleError("Choose another possible defect to join this one with.")
    for defect in defects:
        _is_waiting(defect)
    apart_m = max(a.at.distance_m(b.at) for a in defects for b in defects)
    if apart_m > JOIN_WITHIN_M:
        raise RuleError(
            f"These lie {apart_m:.0f} m apart. Only places within {JOIN_WITHIN_M:.0f} m of each "
            "other can be joined."
        )
    every = sorted({o for defect in defects for o in defect.observation_ids})
    return _word(IdentityMove.JOIN, defects, _tied(every), speaker)


def split(
    defect: Defect,
    chosen: Collection[ObservationId],
    speaker: Speaker,
    *,
    shown: Collection[ObservationId],
) -> IdentityWord:
    """Return the word that some sightings of a possible defect are of another one.

    Args:
        defect: As it stands.
        chosen: The sightings that are of the other one.
        speaker: Who says it.
        shown: The sightings that the person could choose from; of others nothing is said.

    Raises:
        RuleError: None or all of its sightings were chosen, others were, somebody has decided on
            it, or the person may not say it.
    """
    _may_speak(speaker)
    _is_waiting(defect)
    other = sorted(set(chosen))
    rest = sorted(set(shown) - set(other))
    if not other or not rest:
        raise RuleError("Choose some of the pictures, but not all, that show another place.")
    if not set(other) <= set(shown) <= set(defect.observation_ids):
        raise RuleError("This possible defect has changed. Go back, reload the page and try again.")
    apart = tuple(_pair(a, b, together=False) for a, b in product(other, rest))
    return _word(IdentityMove.SPLIT, [defect], (*apart, *_tied(other), *_tied(rest)), speaker)


def take_back(word: IdentityWord, defects: Iterable[Defect], speaker: Speaker) -> IdentityWord:
    """Return the word that an earlier word no longer holds; what was measured decides again.

    Args:
        word: The earlier one.
        defects: To which its sightings belong now.
        speaker: Who takes it back.

    Raises:
        RuleError: Somebody has decided on one of the defects, it takes something back itself, or
            the person may not say it.
    """
    _may_speak(speaker)
    if word.move is IdentityMove.TAKE_BACK:
        raise RuleError("What was taken back cannot be taken back again; join or split anew.")
    now = list(defects)
    for defect in now:
        _is_waiting(defect)
    pairs = tuple(_pair(p.first_id, p.second_id, together=None) for p in word.pairs)
    return _word(IdentityMove.TAKE_BACK, now, pairs, speaker, takes_back=word.word_id)


def _word(
    move: IdentityMove,
    defects: Sequence[Defect],
    pairs: tuple[Constraint, ...],
    speaker: Speaker,
    takes_back: WordId | None = None,
) -> IdentityWord:
    return IdentityWord(
        word_id=speaker.word_id,
        person_id=speaker.person_id,
        move=move,
        defects=tuple(defect.defect_id for defect in defects),
        pairs=pairs,
        note=speaker.note,
        said_at=speaker.said_at,
        takes_back=takes_back,
    )


def _tied(sightings: Sequence[ObservationId]) -> tuple[Constraint, ...]:
    """Join all to each other, so that the rest holds when some are superseded.

    Of many, each to several that are spread over them: pairs grow with the square.
    """
    hubs = sightings
    if len(sightings) > _MOST_HUBS:
        hubs = sightings[:: -(-len(sightings) // _MOST_HUBS)]
    return tuple(
        _pair(hub, other, together=True)
        for hub in hubs
        for other in sightings
        if other not in hubs or hub < other
    )


def _pair(a: ObservationId, b: ObservationId, *, together: bool | None) -> Constraint:
    first, second = sorted((a, b))
    return Constraint(first_id=first, second_id=second, together=together)


def _may_speak(speaker: Speaker) -> None:
    if Role.ENGINEER not in speaker.roles:
        raise RuleError(f"Only a person with the role “{Role.ENGINEER.value}” may say this.")


def _is_waiting(defect: Defect) -> None:
    if defect.state not in WAITING:
        raise RuleError(
            f"A defect that is “{defect.state.words.lower()}” stays as it was decided on; only "
            "possible defects can be joined or split."
        )
