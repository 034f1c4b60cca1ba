"""A small queue in a real database, stored the way the line stores it."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from models.loading import load_detector
from pipeline.adapters.blobs_obstore import ObstoreBlobs
from pipeline.adapters.policy_toml import default_policy
from pipeline.adapters.postgres.ledger import PostgresLedger
from pipeline.adapters.second_factor import Sealer
from pipeline.adapters.signing import SignerStore
from pipeline.domain.evidence import Still, StillKind
from pipeline.domain.findings import Findings
from pipeline.domain.footage import Drive, Piece
from pipeline.domain.ids import (
    ClipSha256,
    DriveId,
    ObservationId,
    StoreId,
    natural_uuid,
    organisation_id,
)
from pipeline.domain.intake import ReceivedDrive
from pipeline.domain.looks import DefectKind, NotLooked, NotLookedReason
from pipeline.domain.observations import Coverage, Observation
from pipeline.domain.places import GridRef
from pipeline.domain.policy import Policies
from pipeline.domain.runs import DetectorIdentity, Run
from pipeline.domain.track import ClockOffset
from pipeline.line import Gathered, LineSettings, gather_drive
from pipeline.review import Rules
from pipeline.review.desk import Aids, Doors
from pipeline.wiring import grid_now
from tests.builders import E0, N0, NOON, a_clip, a_rig, an_observation, raw_fixes

STORE = StoreId(uuid4())
# Of this run alone: a key that another run made, by another clock, is none that was tested.
_KEYS = TemporaryDirectory(prefix="roadwear-test-keys-")
AIDS = Aids(
    signers=SignerStore(Path(_KEYS.name)),
    doors=Doors(sealer=Sealer("test" * 8)),
    detector=cache(load_detector),
)
RULES = Rules(policies=Policies(general=default_policy()), line=LineSettings(), grid=grid_now())


def store_findings(
    ledger: PostgresLedger,
    observations: list[Observation],
    *,
    authority: str = "depot",
    jpeg: bytes = b"",
    blobs: ObstoreBlobs | None = None,
    threshold: float = 0.25,
    southwards: bool = False,
) -> Drive:
    """Store a drive whose one piece showed these observations."""
    owner = organisation_id(authority)
    vehicle = ledger.make_known(authority, authority, "v1")
    ends = tuple(GridRef(easting_m=E0, northing_m=N0 + north) for north in (0, 30))
    name = str(observations[0].drive_id)
    began = (observations[0].seen_at - NOON).total_seconds()
    sha256 = ClipSha256(natural_uuid("clip", name, authority).hex * 2)
    drive = Drive(
        drive_id=DriveId(natural_uuid("drive", name, authority)),
        owner_id=owner,
        authority_id=owner,
        vehicle_id=vehicle,
    )
    ledger.receive(
        ReceivedDrive(
            drive=drive,
            clips=(("nowhere", replace(a_clip(), sha256=sha256)),),
            fixes=tuple(
                replace(fix, speed_mps=6.5, course_deg=271.0)
                for fix in raw_fixes((began, -0.1, 51.5), (began + 1, -0.1001, 51.5))
            ),
            rig=a_rig(),
            clock=None,
            started_at=None,
        )
    )
    run = Run(
        drive_id=drive.drive_id,
        piece=Piece(clip_sha256=sha256, from_pts=0, to_pts=1 << 40),
        detector=DetectorIdentity(
            model_id="test",
            weights_sha256="0" * 64,
            runtime="test",
            precision="exact",
            longest_side_px=640,
            thresholds=((DefectKind.POTHOLE, threshold),),
            bystander_threshold=0.1,
        ),
        rig=a_rig(),
        clock=ClockOffset(offset_s=0.0, sigma_s=0.1, how="test"),
        settings_sha256="test",
    )
    seen = tuple(
        replace(
            o,
            run_id=run.run_id,
            drive_id=drive.drive_id,
            frame=replace(o.frame, clip_sha256=sha256),
            observation_id=ObservationId(natural_uuid("stored", run.run_id, o.observation_id)),
        )
        for o in observations
    )
    stills = tuple(
        Still(
            kind=StillKind.EVIDENCE_STILL,
            frame=o.frame,
            observation_id=o.observation_id,
            taken_at=o.seen_at,
            chainage_m=o.chainage_m,
            width_px=160,
            height_px=90,
            bystanders=0,
            jpeg=jpeg,
        )
        for o in (seen if blobs else ())
    )
    keys = [blobs.put(owner, s.kind.value, s.jpeg) for s in stills] if blobs else []
    ledger.save_findings(
        drive,
        Findings(
            run=run,
            observations=seen,
            coverage=(
                Coverage(
                    run_id=run.run_id,
                    from_m=0,
                    to_m=30,
                    reason=None,
                    left_m=3,
                    right_m=3,
                    line=ends[::-1] if southwards else ends,
                ),
            ),
            refused=((None, 33.0, NotLooked(reason=NotLookedReason.TOO_DARK, detail="test")),),
            stills=stills,
            looked=len(seen),
            decoded=len(seen),
            cut_at_s=None,
            stage_s={},
        ),
        keys,
    )
    return drive


def gather(ledger: PostgresLedger, drive: Drive) -> Gathered:
    """Gather around a drive under the generic policy."""
    return gather_drive(
        drive.authority_id,
        drive.drive_id,
        ledger=ledger,
        policy=default_policy(),
        settings=LineSettings(),
    )


def store_a_queue(
    ledger: PostgresLedger, blobs: ObstoreBlobs, jpeg: bytes, *, authority: str
) -> None:
    """Store two possible potholes, a large and a small one, each seen twice, with pictures."""
    name = str(uuid4())
    seen = [
        an_observation(east, 0, drive=name, second=at + look / 4, width_m=width)
        for east, at, width in ((0.0, 0.0, 0.8), (20.0, 2.0, 0.35))
        for look in range(2)
    ]
    drive = store_findings(ledger, seen, authority=authority, jpeg=jpeg, blobs=blobs)
    gather(ledger, drive)
