"""What stands around every request: its time measured, safe headers on every answer, and no failure told to the outside."""

from dataclasses import dataclass
from http import HTTPMethod

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ems_telemetry.api.access import ALLOWANCE
from ems_telemetry.api.pausing import end_writing
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.clock import Clock
from ems_telemetry.observe import Metrics, get_logger

METHODS = frozenset(HTTPMethod)
FILES = "files"
UNMATCHED = "unmatched"
HEADERS: dict[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_log = get_logger("ems_telemetry.api")


class RequestGuard:
    """Wraps the application. Headers an answer brings itself are kept."""

    def __init__(self, app: ASGIApp, clock: Clock, metrics: Metrics) -> None:
        self._app = app
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, scope)
        began_s = self._clock.monotonic()
        try:
            await self._app(scope, receive, answer.send)
        # The top of a request: whatever failed must not reach the client, nor end the server.
        except Exception:
            _log.exception("a request failed", event_code="api_request_failed", route=_route(scope))
            if answer.status is not None:
                raise  # half an answer is out: only breaking the connection tells the client so
            await _FAILED.to_response(scope["path"])(scope, receive, answer.send)
        finally:
            end_writing(scope)
            self._observe(scope, answer.status, self._clock.monotonic() - began_s)

    def _observe(self, scope: Scope, status: int | None, duration_s: float) -> None:
        # Methods and paths that clients make up must not become labels without end.
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.api_request.labels(method, _route(scope), str(status or "none")).observe(duration_s)


@dataclass(slots=True)
class _Answer:
    """Sends an answer on with the safe headers and what is left to its caller, and remembers its status."""

    out: Send
    scope: Scope
    status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            allowance = self.scope.get("state", {}).get(ALLOWANCE)
            for name, value in (HEADERS | (allowance.headers if allowance else {})).items():
                headers.setdefault(name, value)
        await self.out(message)


_FAILED = ApiError(ProblemType.INTERNAL, "the service failed to answer; its log says why")


def _route(scope: Scope) -> str:
    """The template of the route, as `/points/{key}`; never the path itself."""
    return str(getattr(scope.get("route"), "path", FILES if "endpoint" in scope else UNMATCHED))
