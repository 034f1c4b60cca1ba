"""Policy files: a council's rules as TOML. Pure, but for `read_policy`."""

import hashlib
import tomllib
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w

from pipeline.adapters.bank_holidays import Nation, days_off, working_days
from pipeline.domain.coverage import PassRule
from pipeline.domain.errors import InputError
from pipeline.domain.looks import DefectKind
from pipeline.domain.policy import (
    Band,
    CouncilPolicy,
    InvestigatoryLevel,
    LikelihoodRule,
    QueueRule,
    SizeStep,
)
from pipeline.domain.responding import ClockStart, IsWorkingDay, ResponseTime, Unit
from pipeline.domain.roads import Hierarchy

# In a folder of policies: of those authorities that have none of their own.
GENERAL = "general"


def default_policy() -> tuple[CouncilPolicy, bytes]:
    """Return the generic preset and its bytes."""
    return read_policy(Path("generic-5x5"))


def presets() -> tuple[str, ...]:
    """Return the names of the policies that come with the product."""
    found = files("pipeline.adapters").joinpath("policies").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in found if f.name.endswith(".toml")))


def calendar_of(policy: CouncilPolicy) -> IsWorkingDay:
    """Return which days are working days by a policy."""
    return working_days(Nation(policy.bank_holidays), policy.closed)


def days_off_of(policy: CouncilPolicy) -> Callable[[date], bool]:
    """Return what says of a day whether it is a bank holiday, or the council is closed."""
    return days_off(Nation(policy.bank_holidays), policy.closed)


def read_policy(path: Path) -> tuple[CouncilPolicy, bytes]:
    """Read a policy file, or one that comes with the product by its name, with its bytes.

    Raises:
        InputError: It cannot be read, or `parse_policy` refuses it.
    """
    if str(path) in presets():
        content = _whole(_preset(str(path)), name=f"{path}.toml")
        return parse_policy(content, name=f"{path}.toml"), content
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: the policy cannot be read ({error.strerror})") from error
    return whole_policy(content, name=path.name)


def policy_files(folder: Path) -> dict[str, Path]:
    """Return the policy files of a folder by whose they are: NAME.toml is the authority NAME's.

    Raises:
        InputError: There is none.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.toml")):
        # Some computers leave files of their own beside those that are copied.
        if path.name.startswith(".") or not path.is_file():
            continue
        name = path.stem.strip().casefold()
        if name in found:
            raise InputError(f"{found[name].name} and {path.name} are one authority's: remove one")
        found[name] = path
    if not found:
        raise InputError(
            f"{folder.name} has no policy: put one in it for each authority, named like kent.toml, "
            f"and {GENERAL}.toml for all others"
        )
    return found


def whole_policy(content: bytes, *, name: str) -> tuple[CouncilPolicy, bytes]:
    """Return the policy of a file's bytes, and those with what they are based on.

    Raises:
        InputError: See `parse_policy`.
    """
    whole = _whole(content, name=name)
    return parse_policy(whole, name=name), whole


def _preset(name: str) -> bytes:
    return files("pipeline.adapters").joinpath(f"policies/{name}.toml").read_bytes()


def _whole(content: bytes, *, name: str) -> bytes:
    """Return a policy with what it leaves out from the one that it is based on, as one file.

    What is kept as evidence then says everything by itself.
    """
    try:
        own = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: the policy is not valid TOML: {error}") from error
    except RecursionError as error:
        raise InputError(f"{name}: it is nested too deeply for a policy") from error
    based_on = own.pop("based_on", None)
    if based_on is None:
        return content
    if based_on not in presets():
        raise InputError(f"{name}: it is based on {based_on!r}; there are {', '.join(presets())}")
    other = tomllib.loads(_whole(_preset(based_on), name=f"{based_on}.toml").decode("utf-8"))
    return tomli_w.dumps({**other, **own}).encode("utf-8")


def parse_policy(content: bytes, *, name: str) -> CouncilPolicy:
    """Return the policy of a TOML file.

    Raises:
        InputError: It is no TOML, lacks something, or leaves a risk score without a band.
    """
    try:
        values = tomllib.loads(content.decode("utf-8"))
        return _policy(values, hashlib.sha256(content).hexdigest())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: the policy is not valid TOML: {error}") from error
    except KeyError as error:
        raise InputError(f"{name}: the policy lacks {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{name}: {error}") from error
    except RecursionError as error:
        raise InputError(f"{name}: it is nested too deeply for a policy") from error


def _policy(values: dict[str, Any], sha256: str) -> CouncilPolicy:
    rule = dict(values["likelihood"])
    by_hierarchy = rule.pop("by_hierarchy")
    return CouncilPolicy(
        name=values["name"],
        version=values["version"],
        sha256=sha256,
        valid_from=values["valid_from"],
        source=values["source"],
        matrix_size=values["matrix_size"],
        bands=tuple(_band(band) for band in values["bands"]),
        impact_steps=tuple(
            SizeStep(**{**step, "kind": DefectKind(step["kind"])})
            for step in values["impact_steps"]
        ),
        likelihood=LikelihoodRule(
            by_hierarchy=tuple((Hierarchy(k), int(v)) for k, v in by_hierarchy.items()), **rule
        ),
        investigatory_levels=tuple(_level(level) for level in values["investigatory_levels"]),
        queue=QueueRule(**values["queue"]),
        passes=tuple(_pass_rule(rule) for rule in values.get("camera_passes", ())),
        inspections=tuple(_pass_rule(rule) for rule in values.get("inspections", ())),
        second_look_share=float(values.get("second_look_share", 0.05)),
        passes_are_inspections=values.get("camera_passes_are_inspections", ""),
        adopted=values.get("adopted", ""),
        bank_holidays=Nation(values.get("bank_holidays", Nation.ENGLAND_AND_WALES)),
        closed=frozenset(values.get("closed", ())),
    )


def _pass_rule(values: dict[str, Any]) -> PassRule:
    return PassRule(
        hierarchy=Hierarchy(values["hierarchy"]),
        per_year=float(values["per_year"]),
        tolerance_days=float(values["tolerance_days"]),
    )


def _band(values: dict[str, Any]) -> Band:
    return Band(
        category=values["category"],
        min_score=values["min_score"],
        max_score=values["max_score"],
        respond=_time(values.get("respond"), ClockStart.DECISION),
        decide=_time(values.get("decide"), ClockStart.DETECTION),
        words=values["words"],
    )


def _time(values: dict[str, Any] | None, starts: ClockStart) -> ResponseTime | None:
    """Return a time; its clock starts at an event that need not be named."""
    if values is None:
        return None
    unknown = values.keys() - {"within", "unit", "from"}
    if unknown:
        raise ValueError(f"a time has within, unit and from, and no {', '.join(sorted(unknown))}")
    return ResponseTime(
        amount=values["within"],
        unit=Unit(values["unit"]),
        starts=ClockStart(values.get("from", starts)),
    )


def _level(values: dict[str, Any]) -> InvestigatoryLevel:
    hierarchy = values.get("hierarchy")
    return InvestigatoryLevel(
        kind=DefectKind(values["kind"]),
        hierarchy=None if hierarchy is None else Hierarchy(hierarchy),
        width_m=values["width_m"],
        depth_mm=values.get("depth_mm"),
    )
