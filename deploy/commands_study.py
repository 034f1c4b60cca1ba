"""`roadwear study`: what another model would have found, and a person's word that it counts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, progress, say
from deploy.ingest import detector_of, gathered, prepared_anew
from pipeline import wiring
from pipeline.adapters.postgres import studies as rows
from pipeline.adapters.postgres.database import Connection
from pipeline.adapters.postgres.people import Person, person_called
from pipeline.domain.decisions import Role
from pipeline.domain.errors import InputError, RuleError
from pipeline.domain.ids import StudyId, organisation_id
from pipeline.domain.studies import FootageCounts, LooksAt, PictureCounts, Study

app = typer.Typer(no_args_is_help=True)
Which = Annotated[UUID, typer.Argument(help="The study, as roadwear study ask called it.")]
Owner = Annotated[str, typer.Option(help="Whose footage it was.")]
By = Annotated[str, typer.Option(help="Who says so: their email address.")]
Why = Annotated[str, typer.Option(help="In their words.")]
_AT_ONCE = 5


@app.command()
def ask(
    owner: Owner,
    model: Annotated[str, typer.Option(help="The model that looks: a name, or a card's path.")],
    by: By,
    why: Why,
    from_day: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="Received …")],
    to_day: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="… up to here.")],
    at: Annotated[
        LooksAt,
        typer.Option(help="Footage, while it is kept; or the redacted pictures, for years."),
    ] = LooksAt.PICTURES,
) -> None:
    """Ask what a model would have found in what was kept. Nothing of it counts."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        # A model that is not there is said now, not in the night.
        detector_of(settings, model)
        if from_day > to_day:
            raise RuleError("--from must not lie after --to")
        if not why.strip():
            raise RuleError("say what the study is for: --why")
        with wiring.database(settings).acting_for(organisation_id(owner)) as connection:
            study = Study(
                study_id=StudyId(uuid4()),
                owner_id=organisation_id(owner),
                person_id=_person(connection, owner, by).person_id,
                looks_at=at,
                model=model,
                why=why,
                from_day=from_day.date(),
                to_day=to_day.date(),
                asked_at=wiring.clock().now(),
            )
            rows.save_study(connection, study)
            parts = len(rows.parts_left(connection, study))
        say(f"Study {study.study_id}: {parts} pieces of footage. Nothing of it counts.")
        say(f"Here: roadwear study run {study.study_id} --owner {owner}")
        say(
            "On many machines: prefect deployment run back-catalogue/back-catalogue "
            f"-p organisation_id={study.owner_id} -p study_id={study.study_id} -p processes=8"
        )


@app.command()
def run(study: Which, owner: Owner) -> None:
    """Do what is left of a study on this machine, without Prefect; it may be ended and go on."""
    from flows.scoring import score  # noqa: PLC0415 - the line, only where it is needed

    with expected_failures():
        settings = wiring.Settings.from_env()
        known = _study(settings, owner, study)
        with wiring.database(settings).acting_for(known.owner_id) as connection:
            left = rows.parts_left(connection, known)
        with progress("Looking again (pieces)", max(len(left), 1)) as bar:
            for at in range(0, len(left), _AT_ONCE):
                batch = left[at : at + _AT_ONCE]
                score(settings, known, batch)
                bar.advance(bar.task_ids[0], len(batch))
        _show(settings, known)


@app.command("list")
def show_all(owner: Owner) -> None:
    """Show an organisation's studies, and how far each is."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        table = Table("study", "asked", "looks at", "model", "done", "why")
        with wiring.database(settings).acting_for(organisation_id(owner)) as connection:
            for one in rows.load_studies(connection):
                far = rows.load_progress(connection, one)
                table.add_row(
                    str(one.study_id), f"{one.asked_at:%Y-%m-%d}", one.looks_at, one.model,
                    f"{far.done} of {far.parts}", one.why,
                )  # fmt: skip
        console.print(table)


@app.command()
def show(study: Which, owner: Owner) -> None:
    """Show what a study found, beside what counts."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        _show(settings, _study(settings, owner, study))


@app.command()
def release(study: Which, owner: Owner, by: By, why: Why) -> None:
    """Let what a study of footage found count, from now on; an engineer signs for it.

    What it found takes the place of what was found in the same pieces before; engineers' words
    on possible defects stay. It is known from now on, not from the day of the drive.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        known = _study(settings, owner, study)
        database, ledger = wiring.database(settings), wiring.ledger(settings)
        with database.acting_for(known.owner_id) as connection:
            person = _person(connection, owner, by)
            if Role.ENGINEER not in person.roles:
                raise RuleError("A study is released by an engineer.")
            left = len(rows.parts_left(connection, known))
            if left:
                raise RuleError(
                    f"{left} of its pieces are not looked at yet: who releases it has to have seen "
                    "all of it. Run it to its end first: roadwear study run"
                )
            drives = rows.study_runs(connection, known)
            rows.require_same_line(
                connection, known, detector_of(settings).identity, settings.line().sha256
            )
            rows.save_release(connection, known, person.person_id, why, wiring.clock().now())
        count, left_out = 0, 0
        with progress("Letting them count (drives)", max(len(drives), 1)) as bar:
            for drive_id, runs in drives.items():
                bar.advance(bar.task_ids[0], 1)
                try:
                    received = ledger.load_drive(known.owner_id, drive_id)
                    prepared = prepared_anew(received, settings)
                except InputError as error:
                    # What cannot be gathered must not take the place of what was.
                    say(f"roadwear: drive {drive_id} stays as it was: {error}")
                    left_out += 1
                    continue
                count += sum(ledger.release_run(known.owner_id, one) for one in runs)
                gathered(prepared, settings)
        say(f"{count} pieces of {len(drives) - left_out} drives count as the study found them.")


def _person(connection: Connection, owner: str, by: str) -> Person:
    """Return who says so.

    Raises:
        RuleError: The organisation has nobody with that address.
    """
    person = person_called(connection, by)
    if person is None:
        raise RuleError(f"{owner} has nobody with the address {by}")
    return person


def _study(settings: wiring.Settings, owner: str, study: UUID) -> Study:
    with wiring.database(settings).acting_for(organisation_id(owner)) as connection:
        return rows.load_study(connection, StudyId(study))


def _show(settings: wiring.Settings, study: Study) -> None:
    with wiring.database(settings).acting_for(study.owner_id) as connection:
        far = rows.load_progress(connection, study)
        released = rows.released_by(connection, study)
        found: FootageCounts | PictureCounts = (
            rows.count_footage(connection, study)
            if study.looks_at is LooksAt.FOOTAGE
            else rows.count_pictures(connection, study)
        )
    say(f"{study.model}, received {study.from_day} to {study.to_day}: {study.why}")
    say(f"{far.done} of {far.parts} pieces are done, {far.looked} looks.")
    for sentence, count in far.refused.items():
        say(f"Not looked at, {count}: {sentence}")
    console.print(_footage(found) if isinstance(found, FootageCounts) else _pictures(found))
    if released is not None:
        say(f"Released by {released[0]} on {released[1]:%Y-%m-%d}: {released[2]}")
    else:
        say("Nothing of it counts.")


def _footage(found: FootageCounts) -> Table:
    table = Table("in the same pieces", "the study", "what counts")
    table.add_row("looks", *map(str, found.looked))
    for kind, counts in found.sightings.items():
        table.add_row(f"sightings, {kind.words}", *map(str, counts))
    return table


def _pictures(found: PictureCounts) -> Table:
    table = Table("shown in close views", "defects", "seen again")
    for said, count in sorted(found.shown.items()):
        table.add_row(said, str(count), str(found.again[said]))
    views = "pictures of road where nothing was reported", found.road_views, found.road_views_with
    table.add_row(*map(str, views))
    return table
