from __future__ import annotations

import pytest
from pydantic import ValidationError

from scribewire.server.rest.table import AnswerModel, BodyModel, QueryModel


class Wish(BodyModel):
    cups: int = 1


class Filter(QueryModel):
    least: int = 0


def test_of_a_body_nothing_is_ignored_and_of_a_query_what_is_unknown() -> None:
    with pytest.raises(ValidationError):
        Wish.model_validate({"cusp": 2})

    assert Filter.model_validate({"laest": 2}) == Filter(least=0)


@pytest.mark.parametrize("model", [BodyModel, QueryModel, AnswerModel])
def test_what_was_said_does_not_change(model: type[BodyModel]) -> None:
    assert model.model_config["frozen"]
