"""The shapes of the HTTP API's answers, for its OpenAPI document. Nothing is validated by them at run time."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """What was wrong: `field` is its path, `index` its place in a list."""

    field: str | None = Field(description="path of what is wrong, such as layers.cars.x[3]; null: no field is to blame")
    message: str
    index: int | None = None
    status: str | None = Field(None, description="of messages that were not taken: gap, fenced, full, rate, flow")
    seq: int | None = None


class Error(BaseModel):
    """Every refusal looks like this."""

    error: Problem
    accepted: int | None = Field(None, description="ingest: so many messages were taken before")


class Param(BaseModel):
    """A parameter of a run."""

    type: str
    value: Any
    min: float | None = None
    max: float | None = None
    step: float | None = None
    unit: str | None = None
    title: str | None = None
    choices: list[str] | None = None


class Info(BaseModel):
    """A run's info, as in docs/protocol/viewer.md."""

    id: str
    title: str
    kind: str
    state: str
    metadata: dict[str, Any]
    params: dict[str, Param]
    control: dict[str, Any]
    layers: dict[str, Any]
    scene: str | None
    producer: str | None
    created_ms: float
    updated_ms: float
    epoch: str


class Runs(BaseModel):
    """All runs that the caller may see."""

    runs: list[Info]


class Snapshot(BaseModel):
    """The newest state, decoded: each layer as columns, `id` first."""

    run: str
    tier: str
    epoch: str
    offset: str
    step: int
    time_s: float
    hops: dict[str, float]
    layers: dict[str, dict[str, list[Any]]]
    metrics: dict[str, float]


class Params(BaseModel):
    """Parameters with the values that the simulation has confirmed."""

    params: dict[str, Param]


class ParamsChange(BaseModel):
    """New values."""

    params: dict[str, Any]
    command_id: str | None = None


class CommandRequest(BaseModel):
    """A command."""

    name: str = Field(description="pause, resume, stop, step, set_params")
    args: dict[str, Any] | None = None
    command_id: str | None = None


class CommandResult(BaseModel):
    """What became of a command."""

    command_id: str
    name: str
    ok: bool
    error: str | None
    field: str | None


class IngestMessage(BaseModel):
    """One message of the wire."""

    kind: str
    data: dict[str, Any]
    lane: str | None = None
    t_ms: float | None = None
    producer: str | None = None
    epoch: int | None = None
    seq: int | None = None


class Accepted(BaseModel):
    """How many messages were taken."""

    accepted: int


class ProducerRequest(BaseModel):
    """Who is going to publish."""

    producer: str


class Producer(BaseModel):
    """The epoch that its numbered messages carry."""

    producer: str
    epoch: int


class Realtime(BaseModel):
    """A node's totals, and rates a second."""

    node: str
    redis: bool
    viewers: int
    runs: int
    per_s: dict[str, float]


class Connections(BaseModel):
    """A node's viewers, counted."""

    node: str
    viewers: int
    limit: int
    protocols: dict[str, int]
    roles: dict[str, int]
    runs: dict[str, dict[str, int]]
    closed: dict[str, int]


class Client(BaseModel):
    """One viewer; figures that were not measured lately are null."""

    id: str
    address: str
    user: str | None
    role: str | None
    protocol: str
    connected_s: float
    sent_bytes: int
    waiting_bytes: int
    drops: int
    mistakes: int
    behind: bool
    freshness_ms: float
    rtt_ms: float | None
    limit_bytes_per_s: int | None
    proven_bytes_per_s: int | None
    runs: dict[str, Any]


class Clients(BaseModel):
    """A node's viewers."""

    node: str
    clients: list[Client]


class Queues(BaseModel):
    """Run -> lanes (entries), dead letters, flow state, readers with their lag."""

    runs: dict[str, Any]


class Quality(BaseModel):
    """Run -> its own limits, tiers with viewers, bytes per second and age."""

    node: str
    changed: dict[str, int]
    runs: dict[str, Any]


class LagRows(BaseModel):
    """Every reader of every run."""

    lag: list[dict[str, Any]]


def ok(model: type[BaseModel], status: int = 200) -> dict[int | str, dict[str, Any]]:
    """For a route: what it answers."""
    return {status: {"model": model}}


def body(model: type[BaseModel], *, many: bool = False) -> dict[str, Any]:
    """For a route that reads its body itself: what it may be."""
    one: dict[str, Any] = {"$ref": f"#/components/schemas/{model.__name__}"}
    schema = {"oneOf": [one, {"type": "array", "items": one, "maxItems": 1000}]} if many else one
    kinds = ("application/json", "application/msgpack")
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}


BODIES: tuple[type[BaseModel], ...] = (CommandRequest, IngestMessage, ParamsChange, ProducerRequest)
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": text}
    for status, text in (
        (401, "No token, or one that is not valid or has expired"),
        (403, "The role, the token's runs or the origin do not allow it"),
        (404, "No such run, scene or client"),
        (422, "Something is wrong; `field` says what"),
        (503, "Redis does not answer, or a lane is full: try again after Retry-After"),
    )
}
