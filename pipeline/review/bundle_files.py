"""The files of a bundle of evidence: a signed PDF, tables, pictures, and what to check them by."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from uuid import UUID

from jinja2 import Environment, PackageLoader, PrefixLoader

from pipeline.adapters.csv_cells import harmless
from pipeline.adapters.pdf_weasyprint import pdf_of
from pipeline.adapters.signing import Signer
from pipeline.domain.chain import FIRST
from pipeline.domain.errors import InputError
from pipeline.domain.evidence import StillKind
from pipeline.domain.ports import Blobs
from pipeline.domain.street import LogExcerpt, StreetFacts, StreetPicture
from pipeline.review import words
from pipeline.review.answer_tables import Table
from pipeline.review.answers import Answer, parts_not_held

_SUMS = "SHA256SUMS"
_SHOWN = frozenset({StillKind.EVIDENCE_STILL, StillKind.PLACE_VIEW})
# A row of a table takes the PDF's maker some 20 ms; what is left out is in the table's own file.
_MOST_ROWS = 200
_CHECK = Path(__file__).parent / "templates" / "evidence_check.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """Who makes a bundle, when, and what it is called."""

    bundle_id: UUID
    made_by: str
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A picture with its name in the bundle; None for its bytes where it is not kept any more."""

    of: StreetPicture
    path: str
    jpeg: bytes | None


def write_bundle(
    to: IO[bytes],
    facts: StreetFacts,
    answers: Sequence[Answer],
    making: Making,
    *,
    blobs: Blobs,
    signer: Signer,
) -> str:
    """Write a bundle as a ZIP file, and return the SHA-256 of the list of SHA-256s in it.

    Args:
        to: Where to.
        facts: What is held of the street.
        answers: The answers that it gives.
        making: Who makes it, and when.
        blobs: Where the pictures are.
        signer: The council's.
    """
    sums: list[str] = []
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as bundle:

        def add(name: str, content: bytes) -> None:
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
            entry = zipfile.ZipInfo(name, making.made_at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, content)

        first: dict[str, tuple[bytes, str]] = {}
        rows = []
        for kept in _kept(facts, blobs):
            rows.append(_picture_row(facts, kept))
            if kept.jpeg is not None:
                add(kept.path, kept.jpeg)
                if kept.of.kind in _SHOWN and _counts(facts, kept.of) == "yes":
                    caption = f"{rows[-1][1]}, {rows[-1][2]}"
                    first.setdefault(f"{kept.of.defect_id}/{kept.of.kind}", (kept.jpeg, caption))
        pictures = Table(
            name="pictures",
            title="Pictures that were kept, people and vehicles painted over",
            columns=("File", "What", "Taken", "Camera pass", "No.", "Counts"),
            rows=tuple(rows),
        )
        html = page_of(facts, answers, making, signer, first)
        add("evidence.pdf", signer.sign_pdf(pdf_of(html, lambda name: first[name][0])))
        add("answers.json", _as_json(facts, answers, making))
        for table in [*_tables(answers), pictures]:
            add(f"tables/{table.name}.csv", _as_csv(table))
        for number, then in enumerate(facts.policies, 1):
            add(f"policies/{number}-{then.policy.sha256[:12]}.toml", then.content)
        add("log-chain.tsv", _chain(facts.log))
        add("certificate.pem", signer.certificate_pem)
        add("CHECK.txt", _how_to_check(facts.log, signer))
        content = "".join(sums).encode()
        bundle.writestr(_SUMS, content)
        bundle.writestr(f"{_SUMS}.p7s", signer.sign_file(content))
    return hashlib.sha256(content).hexdigest()


def page_of(
    facts: StreetFacts,
    answers: Sequence[Answer],
    making: Making,
    signer: Signer,
    pictured: Mapping[str, tuple[bytes, str]],
) -> str:
    """Return the page that becomes the PDF.

    Args:
        facts: What is held of the street.
        answers: The answers that it gives.
        making: Who makes it, and when.
        signer: The council's.
        pictured: By "defect/kind", a picture and its caption.
    """
    ours = PrefixLoader({"review": PackageLoader("pipeline.review")})
    templates = Environment(loader=ours, autoescape=True)
    return templates.get_template("review/evidence_pdf.html").render(
        facts=facts,
        answers=answers,
        most_rows=_MOST_ROWS,
        period=[
            f"{day.day} {day:%B %Y}" for day in (facts.claim.begins_on, facts.claim.incident_on)
        ],
        made=words.instant_words(making.made_at),
        making=making,
        not_held=parts_not_held(answers),
        signer=signer,
        pictures=[
            (
                str(number),
                [
                    (
                        f"{one.defect.defect_id}/{kind}",
                        pictured[f"{one.defect.defect_id}/{kind}"][1],
                    )
                    for kind in sorted(_SHOWN)
                    if f"{one.defect.defect_id}/{kind}" in pictured
                ],
            )
            for number, one in enumerate(facts.defects, 1)
        ],
        deposited=[
            (ordinal, sha256, whom, words.instant_words(at))
            for ordinal, sha256, whom, at in facts.log.deposited
        ],
    )


def _kept(facts: StreetFacts, blobs: Blobs) -> Iterator[_Kept]:
    """Yield the pictures, one at a time: there may be many."""
    for number, one in enumerate(facts.pictures, 1):
        kind = one.kind.replace("_", "-")
        taken_at = one.taken_at.astimezone(UTC)
        path = f"pictures/{number:04d}-{kind}-{taken_at:%Y%m%dT%H%M%SZ}.jpg"
        try:
            yield _Kept(of=one, path=path, jpeg=blobs.get(one.blob_key))
        except InputError:
            yield _Kept(of=one, path=path, jpeg=None)


def _picture_row(facts: StreetFacts, kept: _Kept) -> tuple[str, ...]:
    numbers = {found.defect.defect_id: n for n, found in enumerate(facts.defects, 1)}
    of = kept.of.defect_id
    return (
        kept.path if kept.jpeg is not None else "not kept any more",
        StillKind(kept.of.kind).words,
        words.instant_words(kept.of.taken_at),
        str(kept.of.drive_id),
        "" if of is None else str(numbers[of]),
        _counts(facts, kept.of),
    )


def _counts(facts: StreetFacts, of: StreetPicture) -> str:
    if of.is_void:
        return "no: of a camera pass that does not count"
    return "yes" if of.taken_at < facts.claim.ends_at else "taken after the day in question"


def _tables(answers: Sequence[Answer]) -> list[Table]:
    """Return each table once."""
    found = {
        part.table.name: part.table
        for answer in answers
        for part in answer.parts
        if part.table is not None
    }
    return list(found.values())


def _as_csv(table: Table) -> bytes:
    """Return a table as CSV that a spreadsheet opens, and computes nothing of."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.columns)
    writer.writerows([harmless(cell) for cell in row] for row in table.rows)
    return text.getvalue().encode("utf-8-sig")


def _as_json(facts: StreetFacts, answers: Sequence[Answer], making: Making) -> bytes:
    return json.dumps(
        {
            "bundle_id": str(making.bundle_id),
            "authority": facts.authority,
            "usrn": facts.claim.usrn,
            "street": facts.street,
            "from": facts.claim.begins_on.isoformat(),
            "to": facts.claim.incident_on.isoformat(),
            "made_at": making.made_at.isoformat(),
            "made_by": making.made_by,
            "answers": [asdict(answer) for answer in answers],
        },
        ensure_ascii=False,
        indent=1,
    ).encode()


def _chain(log: LogExcerpt) -> bytes:
    """Return a line for each of the log's: ordinal, SHA-256, and where it is ours the line."""
    return "".join(f"{n}\t{sha256}\t{line}\n" for n, sha256, line in log.lines).encode()


def _how_to_check(log: LogExcerpt, signer: Signer) -> bytes:
    text = _CHECK.read_text("utf-8")
    head = "nothing was logged yet" if log.head is None else log.head[1]
    return (
        text.replace("{before}", log.before_sha256 if log.lines else FIRST)
        .replace("{head}", head)
        .replace("{fingerprint}", signer.fingerprint)
        .encode()
    )
