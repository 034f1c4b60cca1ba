"""Working days of the United Kingdom, by the bank holidays of each of its parts."""

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from functools import cache

import holidays

_SATURDAY = 5


class Nation(StrEnum):
    """Whose bank holidays count."""

    ENGLAND_AND_WALES = "england_and_wales"
    SCOTLAND = "scotland"
    NORTHERN_IRELAND = "northern_ireland"


_PARTS = {
    Nation.ENGLAND_AND_WALES: "ENG",
    Nation.SCOTLAND: "SCT",
    Nation.NORTHERN_IRELAND: "NIR",
}


def working_days(nation: Nation, closed: frozenset[date] = frozenset()) -> Callable[[date], bool]:
    """Return what says of a day whether it is a working day: Monday to Friday, no bank holiday.

    Args:
        nation: Whose bank holidays.
        closed: Days on which the council is closed besides, by its policy.
    """
    is_off = days_off(nation, closed)
    return lambda day: day.weekday() < _SATURDAY and not is_off(day)


def days_off(nation: Nation, closed: frozenset[date] = frozenset()) -> Callable[[date], bool]:
    """Return what says of a day whether it is a bank holiday, or the council is closed.

    Args:
        nation: Whose bank holidays.
        closed: Days on which the council is closed besides, by its policy.
    """
    return lambda day: day in closed or day in _of_year(nation, day.year)


@cache
def _of_year(nation: Nation, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("GB", subdiv=_PARTS[nation], years=year))
