"""How far two people agree, or a person and the truth, beyond what chance would do. Pure."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two series of judgements agree.

    Attributes:
        count: Of pairs.
        same: Pairs that are equal.
        kappa: Cohen's, 1 for all and 0 for no more than by chance; None where it is not defined,
            since both said one and the same of everything, or there is none.
    """

    count: int
    same: int
    kappa: float | None


def agreement_of(pairs: Sequence[tuple[Hashable, Hashable]]) -> Agreement:
    """Return how far pairs of judgements agree.

    Cohen's kappa: J. Cohen, "A coefficient of agreement for nominal scales", Educational and
    Psychological Measurement 20 (1960).

    >>> agreement_of([("hole", "hole"), ("hole", "none"), ("none", "none"), ("none", "none")])
    Agreement(count=4, same=3, kappa=0.5)
    """
    count, same = len(pairs), sum(first == second for first, second in pairs)
    if not count:
        return Agreement(count=0, same=0, kappa=None)
    firsts, seconds = Counter(first for first, _ in pairs), Counter(second for _, second in pairs)
    by_chance = sum(firsts[one] * seconds[one] for one in firsts) / count**2
    kappa = None if by_chance == 1 else (same / count - by_chance) / (1 - by_chance)
    return Agreement(count=count, same=same, kappa=kappa)
