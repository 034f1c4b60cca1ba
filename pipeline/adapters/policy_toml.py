"""Policy files: a council's rules as TOML. Pure, but for `read_policy`."""

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pipeline.domain.coverage import PassRule
from pipeline.domain.errors import InputError
from pipeline.domain.looks import DefectKind
from pipeline.domain.policy import (
    Band,
    CouncilPolicy,
    InvestigatoryLevel,
    LikelihoodRule,
    QueueRule,
    ResponseCalendar,
    SizeStep,
)
from pipeline.domain.roads import Hierarchy


def default_policy() -> tuple[CouncilPolicy, bytes]:
    """Return the generic preset and its bytes."""
    content = files("pipeline.adapters").joinpath("policies/generic-5x5.toml").read_bytes()
    return parse_policy(content, name="generic-5x5.toml"), content


def read_policy(path: Path) -> tuple[CouncilPolicy, bytes]:
    """Read a policy file and return it with its bytes.

    Raises:
        InputError: It cannot be read, or `parse_policy` refuses it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: the policy cannot be read ({error.strerror})") from error
    return parse_policy(content, name=path.name), content


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
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: {error}") from error


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
        respond_within_h=values.get("respond_within_h"),
        calendar=ResponseCalendar(values["calendar"]),
        words=values["words"],
    )


def _level(values: dict[str, Any]) -> InvestigatoryLevel:
    hierarchy = values.get("hierarchy")
    return InvestigatoryLevel(
        kind=DefectKind(values["kind"]),
        hierarchy=None if hierarchy is None else Hierarchy(hierarchy),
        width_m=values["width_m"],
        depth_mm=values.get("depth_mm"),
    )
