"""report: once a week, what the cameras and the desk did, to those who work with them."""

from datetime import datetime, timedelta
from uuid import UUID

from prefect import flow, get_run_logger, task

from flows.letters import Words, send_once
from flows.retrying import RETRY_DELAYS_S, only_outages
from flows.telling import ToldError, without_words
from pipeline import wiring
from pipeline.adapters.postgres.receiving import all_organisations
from pipeline.adapters.postgres.weekly import load_week
from pipeline.adapters.postgres.work import Letter, load_done, load_effort
from pipeline.domain.errors import InputError
from pipeline.domain.ids import OrganisationId
from pipeline.domain.uk_time import LONDON
from pipeline.domain.work import WorkKind

_WEEK = timedelta(days=7)


@task(
    name="report-the-week",
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_condition_fn=only_outages,
)
def report_task(organisation_id: UUID) -> int:
    """Send an organisation's report of the last seven days to those who were not sent it today.

    Args:
        organisation_id: Whose.

    Returns:
        How many people were told; nobody is where there was nothing in the week.
    """
    with without_words(told=True):
        settings, now = wiring.Settings.from_env(), wiring.clock().now()
        owner = OrganisationId(organisation_id)
        lines = week_of(owner, settings, now)
        if not lines:
            return 0
        mail = wiring.mail(settings)
        if mail is None:
            raise InputError("there is a report and nobody can be told: set ROADWEAR_MAIL_URL")
        from_day, to_day = (now - _WEEK).astimezone(LONDON), now.astimezone(LONDON)
        text = (
            f"From {from_day:%A %d %B %Y, %H:%M} to {to_day:%A %d %B %Y, %H:%M}:\n\n"
            + "\n".join(f"- {line}" for line in lines)
            + f"\n\n{settings.server or ''}/queue\n"
        )
        words = Words(
            letter=Letter.REPORT, day=to_day.date(), subject="Roadwear: the week", text=text,
            kept=text,
        )  # fmt: skip
        return send_once(settings, mail, owner, words)


@flow(name="report")
def report() -> dict[str, int]:
    """Send every organisation its week; one that fails does not stop the others.

    Returns:
        Counts: organisations, told (people).
    """
    with without_words(told=True):
        everybody = all_organisations(wiring.database(wiring.Settings.from_env()))
    told, failed = 0, 0
    for one in everybody:
        state = report_task(one, return_state=True)
        if state.is_completed():
            told += state.result()
        else:
            failed += 1
            get_run_logger().error("nothing is reported to %s", one)
    if failed:
        raise ToldError(WorkKind.FAILED, f"{failed} of {len(everybody)} organisations: no report")
    return {"organisations": len(everybody), "told": told}


def week_of(owner: OrganisationId, settings: wiring.Settings, now: datetime) -> tuple[str, ...]:
    """Return what an organisation's cameras and desk did in the last seven days, in sentences.

    Raises:
        OutageError: The database does not answer.
    """
    since = now - _WEEK
    with wiring.database(settings).acting_for(owner) as connection:
        done = load_done(connection, owner, since)
        effort = load_effort(connection, owner, since)
        desk = load_week(connection, owner, since)
    lines = []
    if done.footage_s:
        lines.append(
            f"Cameras: {done.footage_s / 3600:.1f} hours of footage were looked at, "
            f"{effort.looked_m / 1000:.1f} km of road, in {effort.worker_s / 3600:.1f} hours of "
            f"workers{_cost(effort.worker_s, effort.looked_m, settings.worker_hour_cost)}."
        )
    if desk.waiting or desk.approved or desk.rejected:
        kinds = ", ".join(f"{count} {category}" for category, count in desk.by_category)
        lines.append(
            f"Queue: {desk.waiting} possible defects wait{f' ({kinds})' if kinds else ''}; "
            f"{desk.fresh} of them were first seen in these days."
        )
        decided = desk.approved + desk.rejected
        right = f": the detector was right in {desk.approved / decided:.0%}" if decided else ""
        lines.append(
            f"Decisions: {desk.approved} approved and {desk.rejected} rejected by engineers{right}."
        )
    if desk.orders or desk.repaired or desk.verified:
        lines.append(
            f"Works: {desk.orders} orders given, {desk.repaired} defects said to be repaired, "
            f"{desk.verified} repairs borne out by a later camera pass."
        )
    return tuple(lines)


def _cost(worker_s: float, looked_m: float, hour_cost: float | None) -> str:
    if hour_cost is None or not looked_m:
        return ""
    return f": £{worker_s / 3600 * hour_cost / (looked_m / 1000):.3f} a kilometre"
