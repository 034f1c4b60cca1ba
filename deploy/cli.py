"""The command line: `roadwear`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy import (
    commands_agreement,
    commands_bench,
    commands_bench_desk,
    commands_bench_intake,
    commands_db,
    commands_depot,
    commands_evidence,
    commands_learn,
    commands_log,
    commands_models,
    commands_ops,
    commands_people,
    commands_policy,
    commands_practice,
    commands_privacy,
    commands_private,
    commands_records,
    commands_retention,
    commands_rig,
    commands_roads,
    commands_rota,
    commands_study,
    commands_token,
)
from deploy.doors import address_of, expected_failures
from deploy.queue_table import QueueFormat, print_queue
from models.loading import Runtime

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Footage from a council's own vehicles in, a road maintenance queue out.",
)
app.add_typer(commands_agreement.app, name="agreement", help="Whose roads one may film.")
app.add_typer(commands_db.app, name="db", help="The private PostgreSQL database.")
app.add_typer(commands_depot.app, name="depot", help="Who may hand in footage.")
app.add_typer(commands_evidence.app, name="evidence", help="Signed evidence of a street.")
app.add_typer(commands_log.app, name="log", help="What was said and decided, in a chain.")
app.add_typer(commands_models.app, name="models", help="Detectors: list, check, measure, export.")
app.add_typer(commands_learn.app, name="learn", help="What engineers' decisions teach.")
app.add_typer(commands_ops.app, name="ops", help="Prefect: set up, checked, tried again.")
app.add_typer(commands_people.app, name="people", help="Who may sign in.")
app.add_typer(commands_policy.app, name="policy", help="A council's rules and deadlines.")
app.add_typer(commands_privacy.app, name="privacy", help="What the redaction may have left.")
app.add_typer(commands_private.app, name="private", help="Areas of which nothing is kept.")
app.add_typer(commands_records.app, name="records", help="What the council holds elsewhere.")
app.add_typer(commands_retention.app, name="retention", help="How long things are kept.")
app.add_typer(commands_rig.app, name="rig", help="How a camera sits on its vehicle.")
app.add_typer(commands_roads.app, name="roads", help="The road network.")
app.add_typer(commands_rota.app, name="rota", help="On which days vehicles are out.")
app.add_typer(commands_study.app, name="study", help="What another model would have found.")
app.add_typer(commands_token.app, name="token", help="Keys of systems outside.")
app.command()(commands_practice.practice)
commands_bench_intake.add_to(commands_bench.app)
commands_bench.app.command()(commands_bench_desk.desk)
app.add_typer(commands_bench.app, name="bench", help="Benchmarks: both sides in one run.")

Clips = Annotated[list[Path], typer.Argument(help="One or more clips of one drive.")]
Track = Annotated[
    Path | None,
    typer.Option(
        "--track",
        help="Track of the drive (GPX, NMEA, CSV, KML, FIT, GPMF); without one, the positions "
        "inside the footage or in a file of the same name beside it.",
    ),
]
Columns = Annotated[
    str,
    typer.Option(
        help="Of a CSV track: time=HEADER,lat=HEADER,lon=HEADER and if need be date=, speed=, "
        "course=, zone=Europe/London."
    ),
]
Rig = Annotated[
    Path | None, typer.Option("--rig", help="Rig file (TOML); without one wide sigmas are assumed.")
]
StartedAt = Annotated[
    datetime | None,
    typer.Option(
        "--started-at",
        formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%fZ"],
        help="When the first clip began (UTC), if its own date is missing or wrong.",
    ),
]
To = Annotated[str, typer.Option("--to", envvar="ROADWEAR_SERVER", help="The server, https://…")]
Key = Annotated[
    str,
    typer.Option(envvar="ROADWEAR_KEY", help="The depot's key; better set than written here."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def survey(
    clips: Clips,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results.")],
    track: Track = None,
    columns: Columns = "",
    rig: Rig = None,
    started_at: StartedAt = None,
    runtime: Annotated[Runtime, typer.Option(help="What runs the network.")] = Runtime.OPENVINO,
    device: Annotated[str, typer.Option(help="cpu; with ultralytics also cuda:0 …")] = "cpu",
    calibrate: Annotated[
        bool,
        typer.Option(help="Estimate from the footage what rig file and clock do not say."),
    ] = True,
    roads: Annotated[
        Path | None,
        typer.Option(help="Road network: each possible defect is given its section and USRN."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for defects in footage and write GeoJSON, pictures and a report. No database."""
    from deploy.survey import survey as run  # noqa: PLC0415 - the line, only where it is needed

    run(
        clips, track=track, columns=columns, rig=rig, out=out, started_at=started_at,
        runtime=runtime, device=device, calibrate=calibrate, roads=roads, as_json=as_json,
    )  # fmt: skip


@app.command()
def detect(
    paths: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    out: Annotated[Path, typer.Option("--out", help="JSON file for the boxes.")],
    runtime: Annotated[Runtime, typer.Option(help="What runs the network.")] = Runtime.OPENVINO,
    device: Annotated[str, typer.Option(help="cpu; with ultralytics also cuda:0 …")] = "cpu",
    model: Annotated[str, typer.Option(help="Weights by name; the released ones.")] = "",
) -> None:
    """Write every box with confidence 0.01 or more of images, people and vehicles too."""
    from deploy.detecting import detect as run  # noqa: PLC0415

    run(paths, out=out, runtime=runtime, device=device, model=model)


@app.command()
def ingest(
    clips: Clips,
    owner: Annotated[str, typer.Option("--owner", help="Whose footage it is.")],
    authority: Annotated[str, typer.Option("--authority", help="Whose road it is.")],
    vehicle: Annotated[str, typer.Option("--vehicle", help="Fleet number.")],
    track: Track = None,
    columns: Columns = "",
    rig: Rig = None,
    started_at: StartedAt = None,
    as_json: AsJson = False,
) -> None:
    """Take footage into the database and bring the queue up to date. Safe to repeat."""
    from deploy import ingest as door  # noqa: PLC0415
    from pipeline import wiring  # noqa: PLC0415

    with expected_failures():
        settings = wiring.Settings.from_env()
        batch = door.receive(
            clips, owner=owner, authority=authority, vehicle=vehicle, track=track, rig=rig,
            columns=columns, started_at=started_at, settings=settings,
        )  # fmt: skip
    door.ingest(batch, settings, as_json=as_json)


@app.command()
def process(
    owner: Annotated[str, typer.Option(help="Whose footage; without it, everybody's.")] = "",
    every: Annotated[
        float | None,
        typer.Option(min=1, help="Look again so often (seconds), for ever; without it, end."),
    ] = None,
) -> None:
    """Look at what was handed in and waits, on this machine; killed, it goes on where it was."""
    from deploy.processing import process_waiting  # noqa: PLC0415 - the line, where it is needed

    process_waiting(owner, every_s=every)


@app.command()
def upload(
    folder: Annotated[Path, typer.Argument(help="The card, or a folder of footage.")],
    to: To,
    key: Key = "",
    vehicle: Annotated[
        str, typer.Option(help="Fleet number, where neither camera nor folder says it.")
    ] = "",
    at_once: Annotated[int, typer.Option(min=1, max=16, help="Files sent side by side.")] = 2,
    manifest: Annotated[
        Path | None, typer.Option(help="Write what became of every file, as CSV.")
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(min=1, help="A watched folder: look again after so many seconds, for ever."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand a card's files to a server; stopped half-way, it goes on from there."""
    from deploy.uploading import upload as run  # noqa: PLC0415

    run(
        folder, to=to, key=key, vehicle=vehicle, at_once=at_once, manifest=manifest,
        every_s=every, as_json=as_json,
    )  # fmt: skip


@app.command("import")
def import_(
    bucket: Annotated[
        str, typer.Argument(help="s3://bucket/folder or az://container/folder; secrets as AWS_… …")
    ],
    to: To,
    key: Key = "",
    vehicle: Annotated[
        str, typer.Option(help="Fleet number, where neither camera nor folder says it.")
    ] = "",
    manifest: Annotated[
        Path | None, typer.Option(help="Write what became of every file, as CSV.")
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=1, help="Look again after so many seconds, for ever.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand a bucket's files to a server; what is there already is not fetched again."""
    from deploy.importing import import_bucket  # noqa: PLC0415

    import_bucket(
        bucket, to=to, key=key, vehicle=vehicle, manifest=manifest, every_s=every, as_json=as_json
    )


@app.command()
def card(
    folder: Annotated[Path, typer.Argument(help="The card.")],
    to: To,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """May this card be wiped? Nothing is written to it, and nothing sent but names and hashes."""
    from deploy.uploading import card as run  # noqa: PLC0415

    run(folder, to=to, key=key, as_json=as_json)


@app.command()
def queue(
    authority: Annotated[str, typer.Option("--authority", help="Whose queue.")] = "demo",
    output: Annotated[
        QueueFormat, typer.Option("--format", help="table, json, csv or geojson.")
    ] = QueueFormat.TABLE,
) -> None:
    """Show the queue of possible defects, the most urgent first, with reasons."""
    with expected_failures():
        print_queue(authority, output)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8750,
    metrics: Annotated[
        str, typer.Option(help="Where Prometheus may ask, 127.0.0.1:9464; off by default.")
    ] = "",
) -> None:
    """Serve the engineers' pages."""
    from deploy.serving import serve as run  # noqa: PLC0415

    with expected_failures():
        run(host, port, address_of(metrics) if metrics else None)


@app.command()
def demo(
    *,
    serve_after: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Go on to serve the pages at the end.")
    ] = True,
) -> None:
    """Drive a simulated street twice and show how its potholes become a queue."""
    from deploy.demo import demo as run  # noqa: PLC0415

    with expected_failures():
        run(serve_after=serve_after)


def main() -> None:
    """Run the command line."""
    app()
