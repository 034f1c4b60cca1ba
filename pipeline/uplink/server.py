"""The server's end: what depots announce, send and ask, over HTTP.

Bytes come by the tus protocol 1.0.0 (core, creation, termination; tus.io). Who asks is known
before a byte is read. Everything slow is done off the event loop.
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipeline.adapters.footage_store import DamagedOnTheWayError
from pipeline.adapters.postgres.receiving import Arriving
from pipeline.domain.errors import NoRoomError, NotThereError, OutageError, RoadwearError
from pipeline.domain.ids import BatchId, ClipSha256, UploadId
from pipeline.domain.receiving import Batch, Depot, ExpectedFile, Manifest, verdict_of
from pipeline.uplink.receiving import Receiving
from pipeline.uplink.turns import GaveWayError, Turns
from pipeline.uplink.words import manifest_csv

DepotOf = Callable[[Request], Awaitable[Depot | None]]
_TUS = "1.0.0"
_TYPE = "application/offset+octet-stream"
_BLOCK_BYTES = 1 << 20
_IDLE_S = 60.0
_LARGEST_JSON_BYTES = 16 << 20
_SHA256_LETTERS = frozenset("0123456789abcdef")
_SHA256_LENGTH = 64
# tus has a status of its own for bytes that are not those that were announced.
_STATUSES: Mapping[type[RoadwearError], int] = {
    DamagedOnTheWayError: 460,
    NotThereError: 404,
    NoRoomError: 507,
    OutageError: 503,
    RoadwearError: 422,
}


class _Refusal(Exception):  # noqa: N818 - it is an answer
    """An answer that is no success."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


class Uplink:
    """Answers depots."""

    def __init__(
        self, receiving: Receiving, *, depot_of: DepotOf, on_closed: Callable[[], None]
    ) -> None:
        """Answer with what takes files in.

        Args:
            receiving: Takes files in.
            depot_of: Who asks; None if nobody that may.
            on_closed: Told when a batch waits to be read.
        """
        self._receiving = receiving
        self._depot_of = depot_of
        self._on_closed = on_closed
        self._turns = Turns()

    def app(self, middleware: tuple[Middleware, ...] = ()) -> Starlette:
        """Return the application, to be mounted."""
        return Starlette(
            routes=[
                Route("/batches", self._answer(self.open), methods=["POST"]),
                Route("/batches/{batch}", self._answer(self.tell), methods=["GET"]),
                Route("/batches/{batch}/files", self._answer(self.announce), methods=["PUT"]),
                Route("/batches/{batch}/close", self._answer(self.close), methods=["POST"]),
                Route("/batches/{batch}/manifest.csv", self._answer(self.table), methods=["GET"]),
                Route("/card", self._answer(self.card), methods=["POST"]),
                Route("/uploads", self._answer(self.create), methods=["POST"]),
                Route("/uploads", self._answer(self.options), methods=["OPTIONS"]),
                Route("/uploads/{upload}", self._answer(self.offset), methods=["HEAD"]),
                Route("/uploads/{upload}", self._answer(self.receive), methods=["PATCH"]),
                Route("/uploads/{upload}", self._answer(self.give_up), methods=["DELETE"]),
            ],
            middleware=list(middleware),
        )

    async def open(self, request: Request, depot: Depot) -> Response:
        """Begin a batch: {"source": …, "vehicle": …}."""
        said = await _json(request)
        if not isinstance(said, dict):
            raise _Refusal(400, "the request is not understood")
        batch = await run_sync(
            lambda: self._receiving.open(
                depot,
                fleet_number=str(said.get("vehicle", ""))[:64],
                source=str(said.get("source", "web"))[:32],
            )
        )
        return JSONResponse({"batch_id": str(batch.batch_id)}, status_code=201)

    async def announce(self, request: Request, depot: Depot) -> Response:
        """Say which files are to come: [{"path": …, "size_bytes": …, "sha256": …}, …]."""
        batch_id, files = _batch_id(request), _expected(await _json(request))
        manifest = await run_sync(self._receiving.announce, depot, batch_id, files)
        return JSONResponse({"files": _lines(manifest)})

    async def close(self, request: Request, depot: Depot) -> Response:
        """Say that nothing more is to come."""
        await run_sync(self._receiving.close, depot, _batch_id(request))
        self._on_closed()
        return JSONResponse({"state": "closed"}, status_code=202)

    async def tell(self, request: Request, depot: Depot) -> Response:
        """Say how far a batch is, and what became of its files."""
        batch, manifest = await self._manifest(request, depot)
        verdict = verdict_of(manifest)
        done_at = await run_sync(self._receiving.done_at, depot.owner_id)
        return JSONResponse(
            {
                "state": batch.state,
                "files": _lines(manifest),
                "questions": [question.words for question in manifest.questions],
                "safe_to_wipe": verdict.safe,
                "verdict": verdict.words,
                "looked_at_by": None if done_at is None else done_at.isoformat(),
            }
        )

    async def table(self, request: Request, depot: Depot) -> Response:
        """Give the manifest as a table."""
        batch, manifest = await self._manifest(request, depot)
        return Response(
            manifest_csv(manifest),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{batch.batch_id}.csv"'},
        )

    async def card(self, request: Request, depot: Depot) -> Response:
        """Say whether a card that holds these files may be wiped; nothing is noted."""
        files = _expected(await _json(request))
        manifest = await run_sync(self._receiving.known, depot, files)
        verdict = verdict_of(manifest)
        return JSONResponse(
            {
                "safe_to_wipe": verdict.safe,
                "verdict": verdict.words,
                "files": _lines(manifest),
            }
        )

    async def options(self, _request: Request, _depot: Depot) -> Response:
        """Say what of the protocol is spoken."""
        return Response(
            status_code=204,
            headers={
                "Tus-Version": _TUS,
                "Tus-Extension": "creation,termination",
                "Tus-Max-Size": str(self._receiving.limits.largest_bytes),
            },
        )

    async def create(self, request: Request, depot: Depot) -> Response:
        """Begin the upload of an announced file, or find it again."""
        _require_tus(request)
        said = _metadata(request)
        length = _number(request, "upload-length")
        try:
            batch_id = BatchId(UUID(said.get("batch", "")))
        except ValueError as error:
            raise _Refusal(400, "the upload names no batch; announce the file first") from error
        arriving = await run_sync(
            self._receiving.begin_upload, depot, batch_id, said.get("filename", "")
        )
        if arriving.size_bytes != length:
            raise _Refusal(400, "the file has another size than was announced")
        location = f"{request.url.path.rstrip('/')}/{arriving.upload_id}"
        return Response(status_code=201, headers={"Location": quote(location)})

    async def offset(self, request: Request, depot: Depot) -> Response:
        """Say how much of an upload is here."""
        _require_tus(request)
        upload_id = _upload_id(request)
        arriving = await run_sync(self._receiving.upload, depot, upload_id)
        if arriving is None:
            raise _Refusal(404, "there is no such upload")
        async with self._turns.take(upload_id):
            here = await self._here(arriving)
            if here == arriving.size_bytes:
                # The server may have ended between the last byte and the check.
                await self._check(depot, arriving)
        return Response(
            headers={"Upload-Offset": str(here), "Upload-Length": str(arriving.size_bytes)}
        )

    async def receive(self, request: Request, depot: Depot) -> Response:
        """Take in bytes."""
        _require_tus(request)
        if request.headers.get("content-type") != _TYPE:
            raise _Refusal(415, f"the content type is to be {_TYPE}")
        upload_id, offset = _upload_id(request), _number(request, "upload-offset")
        arriving = await run_sync(self._receiving.upload, depot, upload_id)
        if arriving is None:
            raise _Refusal(404, "there is no such upload")
        async with self._turns.take(upload_id) as turn:
            here = await self._here(arriving)
            if here != offset:
                raise _Refusal(409, "the upload stands elsewhere", {"Upload-Offset": str(here)})
            blocks = turn.blocks(request.stream(), size_bytes=_BLOCK_BYTES, idle_s=_IDLE_S)
            async for block in blocks:
                if here + len(block) > arriving.size_bytes:
                    raise _Refusal(
                        413,
                        "more bytes came than the file was announced with",
                        {"Connection": "close"},
                    )
                await run_sync(self._receiving.store.append, upload_id, here, block)
                here += len(block)
            if here == arriving.size_bytes:
                await run_sync(self._receiving.arrived, depot, arriving)
        return Response(status_code=204, headers={"Upload-Offset": str(here)})

    async def give_up(self, request: Request, depot: Depot) -> Response:
        """Throw away what has arrived of an upload."""
        _require_tus(request)
        upload_id = _upload_id(request)
        arriving = await run_sync(self._receiving.upload, depot, upload_id)
        if arriving is None:
            raise _Refusal(404, "there is no such upload")
        async with self._turns.take(upload_id):
            await run_sync(self._receiving.give_up, depot, upload_id)
        return Response(status_code=204)

    async def _check(self, depot: Depot, arriving: Arriving) -> None:
        try:
            await run_sync(self._receiving.arrived, depot, arriving)
        except DamagedOnTheWayError as error:
            raise _Refusal(404, str(error)) from error

    async def _here(self, arriving: Arriving) -> int:
        """Return how much of an upload is here."""
        if arriving.arrived_at is not None:
            return arriving.size_bytes
        here = await run_sync(self._receiving.store.arrived_bytes, arriving.upload_id)
        if here is None:
            raise _Refusal(404, "nothing of this upload is here any more; begin it again")
        return here

    async def _manifest(self, request: Request, depot: Depot) -> tuple[Batch, Manifest]:
        batch_id = _batch_id(request)
        return await run_sync(self._receiving.manifest, depot.owner_id, batch_id)

    def _answer(
        self, do: Callable[[Request, Depot], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint: who asks is known first, and every failure is a sentence."""

        async def endpoint(request: Request) -> Response:
            try:
                response = await do(request, _known(await self._depot_of(request)))
            except _Refusal as refusal:
                response = _sentence(refusal.status, str(refusal), refusal.headers)
            except RoadwearError as error:
                response = _sentence(_status(error), str(error))
            except (ClientDisconnect, GaveWayError):
                response = _sentence(408, "the connection ended; go on from where it was")
            response.headers["Tus-Resumable"] = _TUS
            response.headers["Cache-Control"] = "no-store"
            response.headers["X-Content-Type-Options"] = "nosniff"
            return response

        return endpoint


def _known(depot: Depot | None) -> Depot:
    if depot is None:
        raise _Refusal(401, "no key, or one that is not known; ask operations for one")
    return depot


def _status(error: RoadwearError) -> int:
    return next(status for kind, status in _STATUSES.items() if isinstance(error, kind))


def _sentence(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"message": message}, status_code=status, headers=dict(headers or {}))


async def _json(request: Request) -> object:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise _Refusal(415, "the content type is to be application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_JSON_BYTES:
            raise _Refusal(413, "the list is too long; announce fewer files at a time")
    try:
        said: object = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise _Refusal(400, "the request is not understood") from error
    return said


def _expected(said: object) -> list[ExpectedFile]:
    if not isinstance(said, list):
        raise _Refusal(400, "the request is to be a list of files")
    return [_expected_file(one) for one in said]


def _expected_file(said: Any) -> ExpectedFile:  # noqa: ANN401 - as it came over the wire
    try:
        path, size, sha256 = said["path"], said["size_bytes"], said["sha256"]
    except (KeyError, TypeError) as error:
        raise _Refusal(400, "a file is to have path, size_bytes and sha256") from error
    if not isinstance(path, str) or not isinstance(size, int) or not 0 <= size < 1 << 60:
        raise _Refusal(400, "a file's path is to be text, and its size a number")
    letters = isinstance(sha256, str) and len(sha256) == _SHA256_LENGTH
    if not letters or not _SHA256_LETTERS.issuperset(sha256):
        raise _Refusal(400, "a file's sha256 is to be 64 hexadecimal digits in small letters")
    return ExpectedFile(path=path, size_bytes=size, sha256=ClipSha256(sha256))


def _lines(manifest: Manifest) -> list[dict[str, object]]:
    return [
        {
            "path": file.path,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
            "outcome": file.outcome,
            "blocks_wiping": file.blocks_wiping,
            "sentence": file.sentence,
        }
        for file in manifest.files
    ]


def _metadata(request: Request) -> dict[str, str]:
    """Return tus metadata: "key base64, key base64"."""
    found = {}
    for pair in request.headers.get("upload-metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _Refusal(400, "the upload's metadata is not understood") from error
    return found


def _require_tus(request: Request) -> None:
    if request.headers.get("tus-resumable") != _TUS:
        raise _Refusal(412, f"tus {_TUS} is spoken", {"Tus-Version": _TUS})


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 - 63 bits
        raise _Refusal(400, f"{name} is to be a number")
    return int(text)


def _batch_id(request: Request) -> BatchId:
    return BatchId(_uuid(request.path_params["batch"]))


def _upload_id(request: Request) -> UploadId:
    return UploadId(_uuid(request.path_params["upload"]))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise _Refusal(404, "there is nothing of that name") from error
