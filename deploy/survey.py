"""`roadwear survey`: footage and a track to files, without a database."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import typer

from deploy.calibrating import calibrated_here
from deploy.commands_roads import read_network
from deploy.doors import REFUSED, expected_failures, make_output_folder, progress, say
from deploy.receiving import Batch, read_batch
from models import Runtime, load_detector
from pipeline import wiring
from pipeline.adapters.export_geojson import (
    coverage_geojson,
    defects_geojson,
    observations_geojson,
)
from pipeline.adapters.roads_file import RoadsRead
from pipeline.domain.coverage import Stretch
from pipeline.domain.defects import Area, Defect, DefectState
from pipeline.domain.evidence import StillKind
from pipeline.domain.findings import Findings
from pipeline.domain.ids import DefectId, ObservationId
from pipeline.domain.looks import NotLookedReason
from pipeline.domain.observations import Coverage
from pipeline.domain.roads import RoadFacts, facts_at, road_of
from pipeline.line import (
    Gathered,
    Means,
    PreparedDrive,
    gather_defects,
    match_track,
    pieces_of,
    places_on_roads,
    survey_piece,
)
from pipeline.stages.calibrate import CalibrateSettings
from pipeline.stages.cover import fill_stretches
from pipeline.stages.match import MatchSettings

# An offset like this is a time zone, or a clock that was never set.
_NOT_SMALL_S = 600
# What a piece gave, and its pictures: name, kind and sighting.
Written = tuple[Findings, list[tuple[str, StillKind, ObservationId | None]]]


def survey(
    clips: list[Path],
    *,
    track: Path | None,
    columns: str,
    rig: Path | None,
    out: Path,
    started_at: datetime | None,
    runtime: Runtime,
    device: str,
    calibrate: bool,
    roads: Path | None,
    as_json: bool,
) -> None:
    """Survey clips as one drive and write what was found."""
    with expected_failures():
        settings = wiring.Settings.from_env()
        make_output_folder(out)
        (out / "evidence").mkdir(exist_ok=True)
        network = None if roads is None else read_network(roads, "", None)
        began = perf_counter()
        batch = read_batch(clips, track=track, rig=rig, started_at=started_at, columns=columns)
        prepared = wiring.prepare(batch.received, settings.line())
        ready = perf_counter()
        if calibrate:
            prepared = calibrated_here(prepared, CalibrateSettings())
        calibrate_s = perf_counter() - ready
        written = _survey(prepared, settings, runtime, device, out)
        findings = [found for found, _ in written]
        line = settings.line()
        rule = wiring.policies(settings).general[0].queue
        area = Area(observations=tuple(o for found in findings for o in found.observations))
        gathered = gather_defects(area, rule=rule, settings=line)
        found = None if network is None else _on_roads(prepared, findings, gathered, network)
        report = write_results(out, batch, prepared, written, gathered, found)
        report["stage_s"]["calibrate"] = round(calibrate_s, 4)
        report["wall_s"] = round(perf_counter() - began, 3)
        (out / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), "utf-8")
    _tell(report, out, as_json=as_json)
    if batch.refused:
        raise typer.Exit(REFUSED)


def write_results(
    out: Path,
    batch: Batch,
    prepared: PreparedDrive,
    written: list[Written],
    gathered: Gathered,
    roads: Mapping[DefectId, RoadFacts] | None = None,
) -> dict[str, Any]:
    """Write defects, observations, coverage and evidence; return the report."""
    grid = wiring.grid_at(batch.received)
    shown = sorted(
        (d for d in gathered.defects.values() if d.state is not DefectState.CANDIDATE),
        key=lambda d: (-d.confidence, str(d.defect_id)),
    )
    evidence = _evidence_of(out, written, gathered, {d.defect_id for d in shown})
    findings = [found for found, _ in written]
    (out / "defects.geojson").write_bytes(defects_geojson(shown, evidence, grid, roads))
    observations = [o for found in findings for o in found.observations]
    (out / "observations.geojson").write_bytes(
        observations_geojson(observations, gathered.member_of, grid)
    )
    coverage = _whole_coverage(prepared, findings)
    (out / "coverage.geojson").write_bytes(coverage_geojson(coverage, grid))
    return _report(batch, prepared, findings, coverage, shown)


def _on_roads(
    prepared: PreparedDrive, findings: list[Findings], gathered: Gathered, network: RoadsRead
) -> dict[DefectId, RoadFacts]:
    """Return the road of each defect that lies on a known one."""
    observations = [o for found in findings for o in found.observations]
    matched = match_track(prepared.placer, network.sections, MatchSettings())
    places = places_on_roads(observations, matched)
    sections = {section.section_id: section for section in network.sections}
    seen: dict[DefectId, list[RoadFacts | None]] = {}
    for o in observations:
        place = places[o.observation_id]
        facts = None if place is None else facts_at(sections[place.section_id], place)
        seen.setdefault(gathered.member_of[o.observation_id], []).append(facts)
    roads = {defect: road_of(sightings) for defect, sightings in seen.items()}
    return {defect: road for defect, road in roads.items() if road is not None}


def _survey(
    prepared: PreparedDrive, settings: wiring.Settings, runtime: Runtime, device: str, out: Path
) -> list[Written]:
    detector = load_detector(settings.model, runtime=runtime, device=device)
    begin, end = prepared.span_m()
    with progress("Looking at the road (m)", max(end - begin, 1.0)) as bar:
        means = Means(
            footage=wiring.footage(),
            detector=detector,
            settings=settings.line(),
            on_look=lambda at: bar.update(bar.task_ids[0], completed=at - begin),
        )
        return [
            _with_pictures_written(survey_piece(prepared, placed, piece, means), out)
            for placed in prepared.clips
            for piece in pieces_of(placed.clip, settings=means.settings)
        ]


def _with_pictures_written(found: Findings, out: Path) -> Written:
    """Write a piece's redacted pictures and let go of them, so that they do not add up."""
    names = []
    for number, still in enumerate(found.stills):
        stem = f"{still.frame.clip_sha256[:8]}-{still.frame.pts}-{number}-{still.kind.value}"
        name = f"evidence/{stem}.jpg"
        (out / name).write_bytes(still.jpeg)
        names.append((name, still.kind, still.observation_id))
    return replace(found, stills=()), names


def _evidence_of(
    out: Path, written: list[Written], gathered: Gathered, shown: set[DefectId]
) -> dict[DefectId, list[str]]:
    """Return the pictures of the defects that are reported; the others are removed."""
    names: dict[DefectId, list[str]] = {}
    for _, pictures in written:
        for name, kind, observation_id in pictures:
            owner = None if observation_id is None else gathered.member_of.get(observation_id)
            if owner in shown and owner is not None:
                names.setdefault(owner, []).append(name)
            elif kind is not StillKind.ROAD_VIEW:
                (out / name).unlink()
    return names


def _whole_coverage(prepared: PreparedDrive, findings: list[Findings]) -> list[Coverage]:
    """Return the coverage of the whole drive: pieces joined, every gap named."""
    parts = [c for found in findings for c in found.coverage]
    begin, end = prepared.span_m()
    whole = fill_stretches(
        [Stretch(from_m=c.from_m, to_m=c.to_m, reason=c.reason) for c in parts],
        from_m=begin,
        to_m=end,
        reason=NotLookedReason.OUT_OF_VIEW,
    )
    left = max((c.left_m for c in parts), default=0.0)
    right = max((c.right_m for c in parts), default=0.0)
    run_id = findings[0].run.run_id
    return [
        Coverage(
            run_id=run_id,
            from_m=s.from_m,
            to_m=s.to_m,
            reason=s.reason,
            left_m=left if s.reason is None else 0.0,
            right_m=right if s.reason is None else 0.0,
            line=prepared.placer.points_between(s.from_m, s.to_m),
        )
        for s in whole
    ]


def _report(
    batch: Batch,
    prepared: PreparedDrive,
    findings: list[Findings],
    coverage: list[Coverage],
    shown: list[Defect],
) -> dict[str, Any]:
    not_looked: Counter[str] = Counter()
    stage_s: dict[str, float] = {}
    for found in findings:
        not_looked.update(found.not_looked)
        for stage, seconds in found.stage_s.items():
            stage_s[stage] = stage_s.get(stage, 0.0) + seconds
    begin, end = prepared.span_m()
    clock = prepared.clips[0].clock
    detector = findings[0].run.detector
    return {
        "footage_s": round(sum(p.clip.duration_s for p in prepared.clips), 3),
        "wall_s": 0.0,
        "frames_decoded": sum(found.decoded for found in findings),
        "frames_looked": sum(found.looked for found in findings),
        "not_looked": dict(not_looked),
        "metres_driven": round(end - begin, 2),
        "metres_looked": round(sum(c.to_m - c.from_m for c in coverage if c.looked), 2),
        "stage_s": {stage: round(seconds, 4) for stage, seconds in stage_s.items()},
        "model_id": detector.model_id,
        "device": detector.runtime,
        "clock_offset_s": clock.offset_s,
        "clock_offset_sigma_s": clock.sigma_s,
        "clock_how": clock.how,
        "rig": asdict(prepared.rig),
        "defects": len(shown),
        "observations": sum(len(found.observations) for found in findings),
        "track_refused": dict(prepared.refused_fixes),
        "refused": list(batch.refused),
        "cut": [
            {"clip_sha256": found.run.piece.clip_sha256, "at_s": round(found.cut_at_s, 3)}
            for found in findings
            if found.cut_at_s is not None
        ],
    }


def _tell(report: dict[str, Any], out: Path, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
        return
    say(
        f"{report['defects']} possible defects on {report['metres_looked']:.0f} m looked at, of "
        f"{report['metres_driven']:.0f} m driven ({report['frames_looked']} looks, "
        f"{report['wall_s']:.1f} s); written to {out}"
    )
    if report["rig"]["how"].startswith("assumed"):
        say(
            f"The camera's rig is not known ({report['rig']['how']}): places and sizes carry wide "
            "sigmas. Measure it once and give it with --rig (docs/rig-files.md)."
        )
    if abs(report["clock_offset_s"]) >= _NOT_SMALL_S:
        say(f"{report['clock_how']}. If that is wrong, say when the footage began: --started-at.")
    for cut in report["cut"]:
        say(f"The footage ends at {cut['at_s']:.0f} s, before its index says; the rest is lost.")
