"""`roadwear policy`: a council's rules, and by when something is due by them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from deploy.doors import console, expected_failures, progress, say
from pipeline import wiring
from pipeline.adapters.policy_toml import calendar_of, presets, read_policy
from pipeline.adapters.postgres.work import organisation_slugs
from pipeline.domain.errors import OutageError, RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.policy import CouncilPolicy
from pipeline.domain.responding import due_at
from pipeline.domain.uk_time import LONDON
from pipeline.line import refresh_queue

Authority = Annotated[
    str, typer.Option("--authority", help="Of the one in use: this authority's, of several.")
]
app = typer.Typer(no_args_is_help=True)
Which = Annotated[
    str, typer.Argument(help="A file, or one of roadwear policy list; otherwise the one in use.")
]


@app.command("list")
def list_presets() -> None:
    """List the policies that come along; all but what a council adopts are examples."""
    with expected_failures():
        table = Table("policy", "version", "adopted by", "source")
        for name in presets():
            policy, _ = read_policy(Path(name))
            table.add_row(name, policy.version, policy.adopted or "nobody", policy.source)
    console.print(table)


@app.command()
def show(which: Which = "", authority: Authority = "") -> None:
    """Show a policy's response categories."""
    with expected_failures():
        policy = _policy(which, authority)
    table = Table("category", "risk", "what", "respond within", "decide within")
    for band in sorted(policy.bands, key=lambda band: -band.max_score):
        table.add_row(
            band.category,
            f"{band.min_score}–{band.max_score}",
            band.words,
            "–" if band.respond is None else band.respond.words,
            "–" if band.decide is None else band.decide.words,
        )
    say(f"{policy.name} {policy.version}, adopted by {policy.adopted or 'nobody: an example'}.")
    say(f"Source: {policy.source}")
    console.print(table)


@app.command()
def due(
    category: Annotated[str, typer.Argument(help="Such as CAT1.")],
    began: Annotated[
        datetime,
        typer.Argument(
            formats=["%Y-%m-%dT%H:%M"],
            help="UK time of the event at which the clock starts: 2026-12-24T16:20.",
        ),
    ],
    which: Annotated[
        str, typer.Option("--policy", help="A file or a name; otherwise the one in use.")
    ] = "",
    authority: Authority = "",
) -> None:
    """Say by when a response is due."""
    with expected_failures():
        policy = _policy(which, authority)
        band = policy.band_called(category)
        if band is None:
            known = ", ".join(band.category for band in policy.bands)
            raise RuleError(f"{policy.name} has no category {category!r}; it has {known}")
        if band.respond is None:
            say(f"{category}: {band.words}, no response time.")
            return
        found = due_at(band.respond, began.replace(tzinfo=LONDON), calendar_of(policy))
        say(f"{category}: {band.words}, within {band.respond.words}.")
        print(found.words)


@app.command()
def apply(
    authority: Annotated[str, typer.Option(help="Whose queue alone; otherwise everybody's.")] = "",
) -> None:
    """Rank queues anew, by the policy and the roads of today: after a change, and every morning.

    What is a possible emergency by the policy of today is told to who is on duty. One queue that
    cannot be ranked does not stop the others.
    """
    with expected_failures():
        settings = wiring.Settings.from_env()
        policies, ledger = wiring.policies(settings), wiring.ledger(settings)
        known, failed = organisation_slugs(wiring.database(settings)), list[str]()
        if authority:
            known = {name: slug for name, slug in known.items() if slug == authority}
        if not known:
            raise RuleError(f"there is no organisation {authority}" if authority else "nobody yet")
        with progress("Ranking (queues)", len(known)) as bar:
            for name, slug in known.items():
                try:
                    count = refresh_queue(name, ledger=ledger, policy=policies.of(name))
                except OutageError as error:
                    failed.append(slug)
                    say(f"roadwear: {slug}: {error}")
                else:
                    say(f"{slug}: {count} possible defects wait.")
                bar.advance(bar.task_ids[0], 1)
        if failed:
            raise OutageError(f"the queues of {', '.join(failed)} are as they were")


def _policy(which: str, authority: str) -> CouncilPolicy:
    if which:
        return read_policy(Path(which))[0]
    policies = wiring.policies(wiring.Settings.from_env())
    name = organisation_id(authority)
    if policies.own:
        say(f"The policy of {authority}:" if name in policies.own else "The policy of all others:")
    return policies.of(name)[0]
