"""A person's own ways of looking at the queue."""

from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.people import Person

MOST_VIEWS = 30


def load_views(connection: Connection, person: Person) -> tuple[tuple[str, str], ...]:
    """Return the names and the addresses' queries of a person's views, by name."""
    rows = connection.execute(
        "select name, query from roadwear.saved_view where person_id = %s order by name",
        (person.person_id,),
    )
    return tuple((row["name"], row["query"]) for row in rows)


def save_view(connection: Connection, person: Person, name: str, query: str) -> bool:
    """Keep a view, instead of one of the same name; False where the person has too many."""
    known = [one for one, _ in load_views(connection, person)]
    if name not in known and len(known) >= MOST_VIEWS:
        return False
    connection.execute(
        "insert into roadwear.saved_view (person_id, authority_id, name, query) "
        "values (%s, %s, %s, %s) on conflict (person_id, name) do update "
        "set query = excluded.query",
        (person.person_id, person.organisation_id, name, query),
    )
    return True


def remove_view(connection: Connection, person: Person, name: str) -> None:
    """Remove a view."""
    connection.execute(
        "delete from roadwear.saved_view where person_id = %s and name = %s",
        (person.person_id, name),
    )
