from __future__ import annotations

from scribewire.engines.protocols import BatchingEngine
from scribewire.recognition.requests import DecodeRequest
from scribewire.testing import check_engine
from scribewire.testing.batching import BatchedEngine
from scribewire.testing.scripted import draw_speech


def request_for(utterance: int, picture: str) -> DecodeRequest:
    samples = draw_speech(picture)
    return DecodeRequest(
        utterance=utterance, samples=samples, end_sample=samples.size, is_required=True
    )


def test_it_keeps_the_contract() -> None:
    check_engine(BatchedEngine)


def test_a_batch_is_counted_and_each_has_its_own_answer() -> None:
    taken: list[int] = []
    engine = BatchedEngine(taken.append)
    assert isinstance(engine, BatchingEngine)
    requests = [request_for(3, "ab"), request_for(4, "cd")]

    answers = engine.decode_batch(requests)
    alone = engine.decode(request_for(5, "efg"))

    assert [answer.hypothesis and answer.hypothesis.text for answer in answers] == ["ab", "cd"]
    assert alone.hypothesis is not None
    assert engine.batches == [[3, 4], [5]]
    assert taken == [2, 1]
    assert engine.batch_key(requests[0]) == engine.batch_key(requests[1])
