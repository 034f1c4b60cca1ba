"""Help, practice on simulated streets with known truth, and statements that the law asks for."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.domain.errors import InputError, RuleError
from pipeline.review.desk import Desk, require_csrf
from pipeline.stages.agree import agreement_of

# What a person may say that it is; a letter each, so that answers fit into the session.
ANSWERS = {
    "p": ("pothole", "A pothole: a defect"),
    "c": ("cover", "A manhole or other cover, flush with the road"),
    "r": ("patch", "A sound patch or repair"),
    "s": ("shadow", "A shadow, a stain or water"),
}
_FOLDER = files("pipeline.review").joinpath("practice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How somebody did.

    Attributes:
        done: Cases that were answered.
        right: Of them, what was taken for what it is.
        kappa: Agreement with the truth on *defect or not* beyond chance; None where undefined.
        missed: Potholes that were taken for something else.
        invented: What was taken for a pothole and is none.
        wrong: Number of the case, what it was taken for, and what it is.
    """

    done: int
    right: int
    kappa: float | None
    missed: int
    invented: int
    wrong: tuple[tuple[int, str, str], ...]


def add_help(app: FastAPI, desk: Desk) -> None:
    """Add the routes."""

    @app.get("/help")
    def help_page(request: Request) -> Response:
        desk.person(request)
        return desk.page(request, "help.html", cases=len(cases()))

    @app.get("/accessibility")
    def accessibility_page(request: Request) -> Response:
        return desk.page(request, "accessibility.html")

    @app.get("/privacy")
    def privacy_page(request: Request) -> Response:
        return desk.page(request, "privacy.html")

    _add_practice(app, desk)


def _add_practice(app: FastAPI, desk: Desk) -> None:
    @app.get("/help/practice")
    def practice_page(request: Request) -> Response:
        desk.person(request)
        answers = _answers(request)
        number = len(answers)
        if number >= len(cases()):
            return desk.page(request, "practice_score.html", score=score_of(answers), whole=True)
        return desk.page(
            request, "practice.html", number=number, count=len(cases()),
            answers=[(letter, words) for letter, (_, words) in ANSWERS.items()],
            last=_last(answers), score=score_of(answers),
        )  # fmt: skip

    @app.post("/help/practice")
    def practice_form(
        request: Request,
        csrf: Annotated[str, Form()],
        number: Annotated[int, Form()] = -1,
        answer: Annotated[str, Form()] = "",
        again: Annotated[str, Form()] = "",
    ) -> Response:
        require_csrf(request, csrf)
        desk.person(request)
        answers = _answers(request)
        request.session["practice"] = "" if again else _followed(answers, number, answer)
        return RedirectResponse("/help/practice", status_code=303)

    @app.get("/help/practice/{number}/{view}.jpg")
    def picture(request: Request, number: int, view: str) -> Response:
        desk.person(request)
        if view not in {"wide", "close"} or not 0 <= number < len(cases()):
            raise InputError("There is no such picture.")
        content = _FOLDER.joinpath(f"{number}-{view}.jpg").read_bytes()
        return Response(content, media_type="image/jpeg")


@cache
def cases() -> tuple[dict[str, int | str | None], ...]:
    """Return what the pictures show, in truth."""
    return tuple(json.loads(_FOLDER.joinpath("cases.json").read_text("utf-8")))


def score_of(answers: str) -> Score:
    """Return how somebody did.

    Args:
        answers: A letter of `ANSWERS` for each case, from the first on.
    """
    pairs = [
        (ANSWERS[letter][0], str(case["kind"]))
        for letter, case in zip(answers, cases(), strict=False)
    ]
    defects = [(said == "pothole", truth == "pothole") for said, truth in pairs]
    return Score(
        done=len(pairs),
        right=sum(said == truth for said, truth in pairs),
        kappa=agreement_of(defects).kappa,
        missed=defects.count((False, True)),
        invented=defects.count((True, False)),
        wrong=tuple(
            (number, said, truth) for number, (said, truth) in enumerate(pairs) if said != truth
        ),
    )


def _answers(request: Request) -> str:
    said = str(request.session.get("practice", ""))[: len(cases())]
    return said if set(said) <= set(ANSWERS) else ""


def _followed(answers: str, number: int, answer: str) -> str:
    """Return the answers with one more; a form that is sent twice adds nothing.

    Raises:
        RuleError: Nothing was chosen.
    """
    if answer not in ANSWERS:
        raise RuleError("Choose what it is.")
    return answers + answer if number == len(answers) < len(cases()) else answers


def _last(answers: str) -> str:
    """Return what the case before was, in a sentence; "" where there is none."""
    if not answers:
        return ""
    case, said = cases()[len(answers) - 1], ANSWERS[answers[-1]][0]
    size = f"{case['width_mm']} mm wide across the lane and {case['length_mm']} mm long"
    deep = f", {case['depth_mm']} mm deep" if case["depth_mm"] else ""
    right = "Right" if said == case["kind"] else f"Not right: you took it for a {said}"
    return f"{right}. The last one was a {case['kind']}, {size}{deep}."
