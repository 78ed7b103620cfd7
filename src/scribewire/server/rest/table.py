"""What a route is: what may be asked at it, by whom, and what answers.

Theory of operation. Each route is one `Route` value. `served_path.py` serves it, `document.py`
describes it to programs, and neither knows any of them. A handler is given a `RestCall` of somebody
who may make it, and returns an `Answer` or raises `RestFault`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scribewire.grants import Grant
from scribewire.protocol.strict_json import MalformedJsonError, load_json
from scribewire.server.rest.faults import bad_request

if TYPE_CHECKING:
    from starlette.requests import Request

    from scribewire.server.rest.event_stream import EventStream
    from scribewire.server.services import Services

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

Access = Literal["anybody", "key", "admin"]
"""Who may ask: whoever comes, whoever shows a key, or a key that may manage keys."""


class BodyModel(BaseModel):
    """What a request says in its body: what is unknown is refused, not ignored.

    Of a wish for less, one misspelled would else be a wish for everything.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class QueryModel(BaseModel):
    """What a request says in its query: what is unknown is ignored, as on every WebSocket."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class AnswerModel(BaseModel):
    """What an answer says."""

    model_config = ConfigDict(frozen=True)


Body = TypeVar("Body", bound=BodyModel)
Query = TypeVar("Query", bound=QueryModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request is answered with."""

    body: BaseModel | None
    """Written as JSON; None: there is none."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Besides those that every answer has."""
    stream: EventStream | None = None
    """What answers in place of a body, event by event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestCall:
    """One request to a route, by somebody who may make it."""

    services: Services
    grant: Grant
    """What comes with the key; nothing may be made of it where anybody may ask."""
    request: Request
    raw_body: bytes

    @property
    def path(self) -> Mapping[str, str]:
        """What stands in place of the path's names."""
        return self.request.path_params

    def read_body(self, model: type[Body]) -> Body:
        """Return what the body says; none says nothing. Raises RestFault."""
        try:
            said = load_json(self.raw_body.decode() or "{}")  # names may not come twice
            return model.model_validate_json(json.dumps(_with_integers(said)), strict=True)
        except UnicodeDecodeError:
            raise bad_request("body: it is not UTF-8; send JSON") from None
        except RecursionError:
            raise bad_request("body: nested too deeply") from None
        except MalformedJsonError as error:
            raise bad_request(f"body: {error}") from None
        except ValidationError as error:
            raise bad_request(_explain(error, "body")) from None

    def read_query(self, model: type[Query]) -> Query:
        """Return what the query says; of a name given twice the last counts. Raises RestFault."""
        given = {name: value for name, value in self.request.query_params.items() if value}
        try:
            return model.model_validate_strings(given)
        except ValidationError as error:
            raise bad_request(_explain(error, "query")) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method at one path."""

    method: Method
    path: str
    """From the root; `{name}` stands for one part of it."""
    summary: str
    """What it is for, in one line."""
    access: Access
    answers: Mapping[int, type[BaseModel] | None]
    """What it says by status, where it does what was asked."""
    handle: Callable[[RestCall], Awaitable[Answer]]
    body: type[BodyModel] | None = None
    """What its body may say; None: it has none."""
    query: type[QueryModel] | None = None
    """What its query may say, besides a key."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What its headers may say, by their names: numbers, and what they mean."""
    refusals: frozenset[int] = frozenset()
    """Statuses of its own refusals, besides those that follow from the rest."""
    media_type: str = "application/json"
    """Of what it says, where it does what was asked."""


def _with_integers(value: object) -> object:
    """Return a JSON value whose numbers without a fraction are integers: 60.0 is one in JSON."""
    match value:
        case dict():
            return {name: _with_integers(one) for name, one in value.items()}
        case list():
            return [_with_integers(one) for one in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _explain(error: ValidationError, place: str) -> str:
    """Say what is wrong with which field, and quote nothing that was sent."""
    problems = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        is_unknown = problem["type"] == "extra_forbidden"
        where = ".".join(str(part) for part in problem["loc"] if not is_unknown)
        said = (
            "a field is unknown" if is_unknown else problem["msg"][0].lower() + problem["msg"][1:]
        )
        problems.append(f"{where}: {said}" if where else said)
    return f"{place}: " + "; ".join(dict.fromkeys(problems))
