"""A chain of log lines: each holds the hash of the one before. Pure.

What is chained are the hashes of the lines, so that some lines can be shown, and of the others the
hashes alone, and the whole chain can be checked all the same.

>>> first = LogLine(ordinal=1, line='{"ordinal" : 1}', sha256=next_sha256(FIRST, '{"ordinal" : 1}'))
>>> fault_in([first]) is None
True
>>> changed = LogLine(ordinal=1, line='{"ordinal" : 2}', sha256=first.sha256)
>>> fault_in([changed])
'line 1 was changed: its hash is another'
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

# What stands for the hash before the first line.
FIRST = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of a log.

    Attributes:
        ordinal: From 1 on, without a gap.
        line: JSON, as it was hashed.
        sha256: Of the hash before, a line feed, and the line's own SHA-256.
    """

    ordinal: int
    line: str
    sha256: str


def next_sha256(before: str, line: str) -> str:
    """Return the hash of a line that follows a hash."""
    return sha256_of(f"{before}\n{sha256_of(line)}")


def sha256_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def fault_in(lines: Iterable[LogLine], *, head: tuple[int, str] | None = None) -> str | None:
    """Return what is wrong with a chain, in a sentence; None if nothing is.

    Args:
        lines: From the first one on.
        head: Ordinal and hash of a line that was deposited elsewhere.
    """
    before, ordinal, heads_hash = FIRST, 0, None
    for line in lines:
        ordinal += 1
        if line.ordinal != ordinal:
            return f"line {ordinal} is missing: line {line.ordinal} follows"
        before = next_sha256(before, line.line)
        if line.sha256 != before:
            return f"line {ordinal} was changed: its hash is another"
        if head is not None and head[0] == ordinal:
            heads_hash = before
    if head is not None and heads_hash is None:
        return f"the log ends at line {ordinal}, and line {head[0]} was deposited"
    if head is not None and heads_hash != head[1]:
        return f"line {head[0]} is not the one that was deposited: the log was written anew"
    return None
