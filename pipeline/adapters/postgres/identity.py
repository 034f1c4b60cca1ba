"""What persons said of which sightings are one hole, and what a page shows to say it by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.defects import load_defect
from pipeline.domain.defects import Constraint, Defect
from pipeline.domain.identity import IdentityMove, IdentityWord
from pipeline.domain.ids import DefectId, ObservationId, OrganisationId, WordId

_MOST_SIGHTINGS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidWord:
    """A word as a page shows it.

    Attributes:
        by: The person's name.
        holds: Whether nobody has taken it back.
    """

    word_id: WordId
    by: str
    move: IdentityMove
    note: str
    said_at: datetime
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One look at a defect, as a page lists it.

    Attributes:
        picture: The number of its picture on the page; None where no picture is kept.
    """

    observation_id: ObservationId
    seen_at: datetime
    range_m: float
    width_m: float
    picture: int | None


def save_word(connection: Connection, authority: OrganisationId, word: IdentityWord) -> None:
    """Add a word with its pairs; one that takes another back has none of its own to keep."""
    connection.execute(
        "insert into roadwear.identity_word (word_id, authority_id, person_id, move, defects, "
        "note, takes_back, said_at) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            word.word_id, authority, word.person_id, word.move, list(word.defects), word.note,
            word.takes_back, word.said_at,
        ),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into roadwear.gather_constraint (authority_id, first_id, second_id, together, "
            "person_id, reason, word_id) values (%s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    authority, p.first_id, p.second_id, p.together, word.person_id, word.move,
                    word.word_id,
                )
                for p in word.pairs
                if p.together is not None
            ],
        )  # fmt: skip


def load_word(connection: Connection, word_id: WordId) -> IdentityWord | None:
    """Return a join or split that holds; None where there is none, or it was taken back."""
    row = connection.execute(
        "select * from roadwear.identity_word w "
        "where word_id = %s and move <> 'take_back' and not exists "
        "(select 1 from roadwear.identity_word b where b.takes_back = w.word_id)",
        (word_id,),
    ).fetchone()
    if row is None:
        return None
    pairs = connection.execute(
        "select first_id, second_id, together from roadwear.gather_constraint "
        "where word_id = %s order by constraint_id",
        (word_id,),
    )
    return IdentityWord(
        word_id=word_id,
        person_id=row["person_id"],
        move=IdentityMove(row["move"]),
        defects=tuple(row["defects"]),
        pairs=tuple(Constraint(**pair) for pair in pairs),
        note=row["note"],
        said_at=row["said_at"],
        takes_back=row["takes_back"],
    )


def load_former(connection: Connection, word: IdentityWord) -> dict[ObservationId, DefectId]:
    """Return to which defects sightings belonged before the word that a word takes back."""
    rows = connection.execute(
        "select distinct on (m.observation_id) m.observation_id, m.defect_id "
        "from roadwear.membership m join roadwear.identity_word w on w.word_id = %s "
        "where m.observation_id = any(%s) and m.recorded_at < w.recorded_at "
        "order by m.observation_id, m.membership_id desc",
        (word.takes_back, sorted(word.sightings)),
    )
    return {ObservationId(row["observation_id"]): DefectId(row["defect_id"]) for row in rows}


def load_words(connection: Connection, defect_id: DefectId) -> tuple[SaidWord, ...]:
    """Return what persons said of a defect's sightings, the first first; not what took it back."""
    rows = connection.execute(
        "select w.word_id, w.move, w.note, w.said_at, p.name, exists (select 1 from "
        "roadwear.identity_word b where b.takes_back = w.word_id) as gone "
        "from roadwear.identity_word w join roadwear.person p using (person_id) "
        "where w.move <> 'take_back' and (%(defect)s = any(w.defects) or exists "
        "(select 1 from roadwear.gather_constraint c join roadwear.current_membership m "
        "on m.observation_id in (c.first_id, c.second_id) "
        "where c.word_id = w.word_id and m.defect_id = %(defect)s)) "
        "order by w.said_at, w.word_id",
        {"defect": defect_id},
    )
    return tuple(
        SaidWord(
            word_id=WordId(row["word_id"]),
            by=row["name"],
            move=IdentityMove(row["move"]),
            note=row["note"],
            said_at=row["said_at"],
            holds=not row["gone"],
        )
        for row in rows
    )


def load_neighbours(
    connection: Connection, defect: Defect, *, within_m: float
) -> tuple[Defect, ...]:
    """Return the possible defects near one on which nobody has decided, the nearest first."""
    rows = connection.execute(
        "select d.defect_id from roadwear.defect d where d.authority_id = roadwear.acting_for() "
        "and d.at_e between %(e)s - %(m)s and %(e)s + %(m)s "
        "and d.at_n between %(n)s - %(m)s and %(n)s + %(m)s "
        "and d.defect_id <> %(id)s and d.emptied_at is null "
        "and d.state in ('queued', 'candidate') "
        "and (d.at_e - %(e)s) ^ 2 + (d.at_n - %(n)s) ^ 2 <= %(m)s ^ 2 "
        "order by (d.at_e - %(e)s) ^ 2 + (d.at_n - %(n)s) ^ 2, d.defect_id limit 10",
        {
            "e": defect.at.easting_m,
            "n": defect.at.northing_m,
            "m": within_m,
            "id": defect.defect_id,
        },
    ).fetchall()
    found = (load_defect(connection, DefectId(row["defect_id"])) for row in rows)
    return tuple(one for one in found if one is not None)


def load_homes(connection: Connection, sightings: Sequence[ObservationId]) -> tuple[DefectId, ...]:
    """Return to which defects sightings belong now, sorted."""
    rows = connection.execute(
        "select distinct defect_id from roadwear.current_membership "
        "where observation_id = any(%s) order by defect_id",
        (list(sightings),),
    )
    return tuple(DefectId(row["defect_id"]) for row in rows)


def load_sightings(
    connection: Connection, defect_id: DefectId, pictured: Sequence[ObservationId]
) -> tuple[Sighting, ...]:
    """Return a defect's current sightings, the newest first, two hundred at most.

    Args:
        connection: A transaction.
        defect_id: Which one.
        pictured: Of which sighting each of the page's pictures is.
    """
    rows = connection.execute(
        "select o.observation_id, o.seen_at, o.range_m, o.width_m "
        "from roadwear.current_membership m join roadwear.observation o using (observation_id) "
        "join roadwear.run r using (run_id) where m.defect_id = %s and r.state = 'current' "
        "and r.mark = 'live' order by o.seen_at desc, o.observation_id limit %s",
        (defect_id, _MOST_SIGHTINGS),
    )
    first = {name: number for number, name in reversed(list(enumerate(pictured)))}
    return tuple(
        Sighting(
            observation_id=ObservationId(row["observation_id"]),
            seen_at=row["seen_at"],
            range_m=row["range_m"],
            width_m=row["width_m"],
            picture=first.get(row["observation_id"]),
        )
        for row in rows
    )
