"""What has been asked for and not been answered yet."""

from __future__ import annotations

from typing import Generic, TypeVar

Asked = TypeVar("Asked")


class Question(Generic[Asked]):
    """Room for one request at a time: its answer comes before the next is asked."""

    def __init__(self) -> None:
        self._request: Asked | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is awaited."""
        return self._request is not None

    def ask(self, request: Asked) -> Asked:
        """Remember a request, and return it."""
        assert self._request is None, "the answer to the last one has yet to come"
        self._request = request
        return request

    def close(self, request: Asked) -> None:
        """Say that the answer to this request has come."""
        assert request is self._request, "answers come in the order of the requests"
        self._request = None
