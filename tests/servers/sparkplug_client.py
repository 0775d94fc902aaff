"""A Sparkplug edge node that is not ours: Eclipse Tahu's client, in a process of its own; see `node/edge_node.js`."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import Any

from servers.node_opcua import FOLDER, installed_node
from servers.process import LOOPBACK

Metric = dict[str, Any]


class EdgeNode:
    """An edge node with one connection to a broker; every verb is done when it returns, as far as the client can tell."""

    def __init__(self, port: int, *, group: str = "Plant-1", name: str = "line-3") -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a program of this repository
            [installed_node(), str(FOLDER / "edge_node.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._url = f"mqtt://{LOOPBACK}:{port}"
        self._names = {"group": group, "edge_node": name}

    def connect(self, **settings: object) -> None:
        """Connects; the broker then has its death as a will."""
        self._ask("connect", url=self._url, **self._names, **settings)

    def nbirth(self, *metrics: Metric, at_ms: int, **options: object) -> None:
        """Publishes the birth of the edge node."""
        self._ask("nbirth", payload={"timestamp": at_ms, "metrics": metrics}, options=options)

    def ndata(self, *metrics: Metric, at_ms: int, **options: object) -> None:
        """Publishes data of the edge node."""
        self._ask("ndata", payload={"timestamp": at_ms, "metrics": metrics}, options=options)

    def dbirth(self, device: str, *metrics: Metric, at_ms: int, **options: object) -> None:
        """Publishes the birth of a device."""
        self._ask("dbirth", device=device, payload={"timestamp": at_ms, "metrics": metrics}, options=options)

    def ddata(self, device: str, *metrics: Metric, at_ms: int, **options: object) -> None:
        """Publishes data of a device."""
        self._ask("ddata", device=device, payload={"timestamp": at_ms, "metrics": metrics}, options=options)

    def ddeath(self, device: str, *, at_ms: int) -> None:
        """Publishes the death of a device."""
        self._ask("ddeath", device=device, payload={"timestamp": at_ms, "metrics": []})

    def rebirths(self) -> int:
        """Tells how often it was asked to be born again."""
        count: int = self._ask("rebirths")
        return count

    def stop(self) -> None:
        """Publishes its death and leaves."""
        self._ask("stop")

    def kill(self) -> None:
        """Ends it at once, so that the broker publishes its will. Twice does no harm."""
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _ask(self, verb: str, **told: object) -> Any:  # noqa: ANN401 - JSON is what it is
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"verb": verb, **told}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["answer"]


def metric(type_: str, value: object, *, name: str | None = None, alias: int | None = None, **more: object) -> Metric:
    """Makes a metric as the client wants it; integers of 64 bits go as text, since JavaScript has no such numbers."""
    told = {"long": str(value)} if type_ in {"Int64", "UInt64", "DateTime"} and value is not None else value
    named = {key: each for key, each in (("name", name), ("alias", alias)) if each is not None}
    return {"type": type_, "value": told, **named, **more}


@contextlib.contextmanager
def edge_node(port: int, **names: str) -> Iterator[EdgeNode]:
    """Runs an edge node for the length of a `with`; it is connected."""
    node = EdgeNode(port, **names)
    try:
        node.connect()
        yield node
    finally:
        node.kill()
