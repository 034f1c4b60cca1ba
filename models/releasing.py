"""Which model is the default, since when, by whose word, and why; and how that changes."""

import tomllib
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from models.card import MODELS_DIR, RELEASED, ModelCard, load_card, released_name
from models.gate import FEWEST_STREETS, Verdict, read_verdict
from pipeline.domain.errors import InputError

_HEAD = (
    "# Which model is used unless another is asked for: the last entry's. Written by `roadwear "
    "models\n# release` and `rollback`; nothing is ever taken out.\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One entry: from then on a model is the default.

    Attributes:
        model: Its name.
        at: When it was decided.
        by: Who decided.
        why: In their words.
        kind: "release", or "rollback" to a model that was released before.
    """

    model: str
    at: datetime
    by: str
    why: str
    kind: str = "release"


def releases(folder: Path = MODELS_DIR) -> tuple[Release, ...]:
    """Return all entries, the oldest first.

    Raises:
        InputError: The file is missing, or cannot be read.
    """
    path = folder / RELEASED
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return tuple(Release(**entry) for entry in content["releases"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{RELEASED} cannot be read; restore it from git") from error


def release(
    candidate: Path, *, by: str, why: str, at: datetime, folder: Path = MODELS_DIR
) -> ModelCard:
    """Make a candidate the default, by a person's word.

    Args:
        candidate: Its card, …/cards/NAME.toml; the gate's verdict lies beside the cards.
        by: Who decides.
        why: In their words.
        at: When.
        folder: Where the models are.

    Raises:
        InputError: The gate was not passed by these very files, against the present default and
            on the candidate's own dataset; the name is taken; or nobody signs.
    """
    _signed(by, why)
    card = load_card(str(candidate))
    card.verify()
    verdict = read_verdict(card)
    if not verdict.passed:
        failed = "; ".join(check.words for check in verdict.checks if not check.passed)
        raise InputError(f"{card.name} did not pass the gate and cannot be released: {failed}")
    _require_fair(card, verdict, folder)
    if any(entry.model == card.name for entry in releases(folder)):
        raise InputError(
            f"there is a model called {card.name} already; a release is never overwritten: export "
            "the candidate under another name"
        )
    _copy(card, verdict, folder)
    _append(Release(model=card.name, at=at, by=by, why=why), folder)
    return load_card(str(folder / "cards" / f"{card.name}.toml"))


def roll_back(*, by: str, why: str, at: datetime, folder: Path = MODELS_DIR) -> str:
    """Make the model before the present default the default again.

    Returns:
        Its name.

    Raises:
        InputError: There is none before it, its files are not those of its card, or nobody signs.
    """
    _signed(by, why)
    standing: list[str] = []
    for entry in releases(folder):
        if entry.kind == "rollback":
            standing.pop()
        else:
            standing.append(entry.model)
    if len(standing) <= 1:
        raise InputError(f"there is no model before {released_name(folder)} to go back to")
    before = standing[-2]
    load_card(str(folder / "cards" / f"{before}.toml")).verify()
    _append(Release(model=before, at=at, by=by, why=why, kind="rollback"), folder)
    return before


def _signed(by: str, why: str) -> None:
    if not by.strip() or not why.strip():
        raise InputError("a person decides: give --by NAME and --why REASON")


def _require_fair(card: ModelCard, verdict: Verdict, folder: Path) -> None:
    """Refuse a verdict that compares with another model, on other data, or on too few streets."""
    present = released_name(folder)
    if verdict.against != present:
        raise InputError(
            f"{card.name} was compared with {verdict.against}, but {present} is the default now; "
            "run the gate again"
        )
    if verdict.dataset_sha256 != card.content.get("data", {}).get("dataset_sha256"):
        raise InputError(
            f"{card.name} was judged on another dataset than it was made with; run the gate on "
            "its own, or what judges may have been learnt from"
        )
    if verdict.streets < FEWEST_STREETS:
        raise InputError(f"{card.name} was judged on fewer than {FEWEST_STREETS} streets")


def _copy(card: ModelCard, verdict: Verdict, folder: Path) -> None:
    for relative in card.files:
        target = folder / relative
        content = (card.folder / relative).read_bytes()
        if target.exists() and target.read_bytes() != content:
            raise InputError(
                f"there is a {relative} already; a release is never overwritten: export the "
                "candidate under another name"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    stated: dict[str, Any] = dict(card.content)
    stated["gate"] = {
        "at": verdict.at,
        "against": verdict.against,
        "dataset_sha256": verdict.dataset_sha256,
        "checks": [asdict(check) for check in verdict.checks],
    }
    stated["figures"] = verdict.figures
    target = folder / "cards" / f"{card.name}.toml"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(tomli_w.dumps(stated), "utf-8")


def _append(entry: Release, folder: Path) -> None:
    """Write all entries anew; a kill leaves the old file or the new one."""
    entries = [asdict(one) for one in (*releases(folder), entry)]
    part = folder / f"{RELEASED}.part"
    part.write_text(_HEAD + tomli_w.dumps({"releases": entries}), "utf-8")
    part.replace(folder / RELEASED)
