"""Keys of systems outside; only their hashes are kept."""

import hashlib
import secrets
from typing import Any

from pipeline.adapters.postgres.database import Connection, Database
from pipeline.domain.ids import OrganisationId
from pipeline.domain.tokens import ApiToken, Scope

_PREFIX = "rwapi_"
_OPEN = (
    "select t.* from roadwear.api_token t where not exists "
    "(select 1 from roadwear.api_token_closed c where c.token_id = t.token_id)"
)


def add_token(connection: Connection, token: ApiToken, *, added_by: str) -> str:
    """Add a key and return it; it is shown once."""
    key = _PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        "insert into roadwear.api_token (token_id, authority_id, name, scopes, token_sha256, "
        "ends_at, added_by) values (%s, %s, %s, %s, %s, %s, %s)",
        (
            token.token_id, token.authority_id, token.name, sorted(token.scopes), _hashed(key),
            token.ends_at, added_by,
        ),
    )  # fmt: skip
    return key


def close_token(connection: Connection, token: ApiToken, *, closed_by: str) -> None:
    """End a key."""
    connection.execute(
        "insert into roadwear.api_token_closed (token_id, authority_id, closed_by) "
        "values (%s, %s, %s) on conflict do nothing",
        (token.token_id, token.authority_id, closed_by),
    )


def token_of(database: Database, key: str) -> ApiToken | None:
    """Return whose key it is; None if it is nobody's, or was closed. It may have ended."""
    if not key.startswith(_PREFIX):
        return None
    with database.showing_token(_hashed(key)) as connection:
        row = connection.execute(
            "select authority_id, token_id from roadwear.api_token where token_sha256 = %s",
            (_hashed(key),),
        ).fetchone()
    if row is None:
        return None
    with database.acting_for(row["authority_id"]) as connection:
        found = connection.execute(f"{_OPEN} and t.token_id = %s", (row["token_id"],)).fetchone()
    return None if found is None else _token(found)


def load_tokens(connection: Connection, authority: OrganisationId) -> tuple[ApiToken, ...]:
    """Return a council's keys that were not closed, by name."""
    rows = connection.execute(
        f"{_OPEN} and t.authority_id = %s order by t.name, t.ends_at", (authority,)
    )
    return tuple(_token(row) for row in rows)


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _token(row: dict[str, Any]) -> ApiToken:
    return ApiToken(
        token_id=row["token_id"],
        authority_id=row["authority_id"],
        name=row["name"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"]),
        ends_at=row["ends_at"],
    )
