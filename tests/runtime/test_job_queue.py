from __future__ import annotations

import numpy as np
import pytest

from scribewire.recognition.requests import DecodeRequest, EmbeddingRequest, VadRequest
from scribewire.runtime.job_queue import SPEAKING_S, FrameQueue, Job, JobQueue, Lane

NOW = 100.0
LATER = NOW + 3600
NOTHING = np.zeros(0, np.float32)


def final(lane: Lane, *, due_at: float = NOW) -> Job:
    return _decode(lane, due_at, asked_at=NOW, is_required=True)


def partial(
    lane: Lane, *, due_at: float = NOW, asked_at: float = NOW, is_awaited: bool = False
) -> Job:
    return _decode(lane, due_at, asked_at=asked_at, is_required=False, is_awaited=is_awaited)


def embedding(lane: Lane) -> Job:
    return Job(lane, EmbeddingRequest(utterance=0, samples=NOTHING), NOW, NOW)


def _decode(
    lane: Lane, due_at: float, *, asked_at: float, is_required: bool, is_awaited: bool = False
) -> Job:
    request = DecodeRequest(
        utterance=0,
        samples=NOTHING,
        end_sample=0,
        is_required=is_required,
        is_awaited=is_awaited,
    )
    return Job(lane, request, due_at, asked_at)


def queue_of(*jobs: Job, partial_interval_s: float = 0.0) -> JobQueue:
    queue = JobQueue(lambda _speaking, _now: partial_interval_s)
    for job in jobs:
        queue.put(job)
    return queue


def take_all(queue: JobQueue | FrameQueue, *, now: float = NOW) -> list[Job]:
    taken = []
    while (job := queue.take(now)) is not None:
        taken.append(job)
    return taken


def test_an_empty_queue_has_nothing() -> None:
    for queue in (queue_of(), FrameQueue()):
        assert queue.take(NOW) is None
        assert queue.next_at(NOW) is None


def test_live_finals_come_before_live_partials_before_files() -> None:
    jobs = {
        "file's partial": partial(Lane(), due_at=LATER),
        "file's final": final(Lane(), due_at=LATER),
        "live partial": partial(Lane()),
        "later live final": final(Lane(), due_at=NOW + 0.5),
        "live final": final(Lane(), due_at=NOW - 1),
    }

    assert take_all(queue_of(*jobs.values())) == list(reversed(jobs.values()))


def test_a_file_whose_audio_is_due_counts_as_live() -> None:
    file, speaker = final(Lane(), due_at=LATER), final(Lane(), due_at=LATER + 1)

    assert take_all(queue_of(speaker, file), now=LATER) == [file, speaker]


def test_what_is_set_aside_waits_for_those_who_speak_until_it_is_taken_up() -> None:
    lane = Lane(is_aside=True)
    lost, lost_partial = final(lane, due_at=NOW - 60), partial(lane, due_at=NOW - 60)
    live, live_partial = final(Lane()), partial(Lane())
    jobs = (lost, lost_partial, live_partial, live)

    assert take_all(queue_of(*jobs)) == [live, live_partial, lost, lost_partial]
    lane.is_aside = False
    assert take_all(queue_of(lost, live)) == [lost, live]


def test_speakers_of_a_live_stream_are_as_urgent_as_finals() -> None:
    job, other = embedding(Lane()), partial(Lane())

    assert take_all(queue_of(other, job)) == [job, other]


def test_a_newer_partial_takes_the_place_and_the_turn_of_an_older_one() -> None:
    lane = Lane()
    older, between, newer = (
        partial(lane),
        partial(Lane(), asked_at=NOW + 0.1),
        partial(lane, asked_at=NOW + 0.2),
    )
    queue = queue_of(older, between)

    assert queue.put(newer) is older
    assert take_all(queue, now=NOW + 1) == [newer, between]


def test_a_final_leaves_no_partial_of_its_stream_waiting() -> None:
    lane = Lane()
    unwanted, other = partial(lane), partial(Lane())
    queue = queue_of(unwanted, other)
    job = final(lane)

    assert queue.put(job) is unwanted
    assert take_all(queue) == [job, other]


def test_an_embedding_leaves_the_partial_waiting() -> None:
    lane = Lane()
    wanted, job = partial(lane), embedding(lane)

    assert take_all(queue_of(wanted, job)) == [job, wanted]


def test_partials_keep_the_interval_but_for_those_of_an_utterance_that_shows_nothing_yet() -> None:
    lane = Lane()
    queue = queue_of(partial(lane), partial_interval_s=1.0)
    assert len(take_all(queue)) == 1

    again = partial(lane, asked_at=NOW + 0.5)
    queue.put(again)
    assert take_all(queue, now=NOW + 0.9) == []
    assert queue.next_at(NOW + 0.9) == NOW + 1.0
    assert take_all(queue, now=NOW + 1.0) == [again]

    first = partial(lane, asked_at=NOW + 1.1, is_awaited=True)
    queue.put(first)
    assert take_all(queue, now=NOW + 1.1) == [first]


def test_the_stream_that_has_waited_longest_is_served_first() -> None:
    lanes = [Lane() for _ in range(3)]
    queue = queue_of(partial_interval_s=0.5)
    for at, lane in enumerate(lanes):
        queue.put(partial(lane, asked_at=NOW + at))
        queue.take(NOW + at)
    waiting = [partial(lane, asked_at=NOW + 5) for lane in reversed(lanes)]
    for job in waiting:
        queue.put(job)

    assert take_all(queue, now=NOW + 9) == list(reversed(waiting))


def test_dropping_a_stream_forgets_all_its_jobs_and_no_other() -> None:
    lane, kept = Lane(), final(Lane())
    queue = queue_of(final(lane), partial(lane), kept, embedding(lane))

    queue.drop(lane)

    assert len(queue) == 1
    assert queue.speaking(NOW) == 0
    assert take_all(queue) == [kept]


def test_clearing_leaves_nothing() -> None:
    queue = queue_of(final(Lane()), partial(Lane()))

    queue.clear()

    assert len(queue) == 0


@pytest.mark.parametrize(("after_s", "count"), [(0.0, 2), (0.6, 2), (SPEAKING_S, 1), (9.0, 0)])
def test_streams_that_ask_for_partials_count_as_speaking_for_a_while(
    after_s: float, count: int
) -> None:
    queue = queue_of(
        partial(Lane()),
        partial(Lane(), asked_at=NOW + 0.5),
        partial(Lane(), due_at=LATER),
    )

    assert queue.speaking(NOW + after_s) == count


def frames(lane: Lane, *, due_at: float = NOW) -> Job:
    return Job(lane, VadRequest(NOTHING, None), due_at, NOW)


def test_frames_of_what_is_due_come_before_those_of_files_and_else_as_they_came() -> None:
    jobs = [frames(Lane(), due_at=due_at) for due_at in (LATER, NOW, LATER + 1, NOW, NOW - 1)]
    queue = FrameQueue()
    for job in jobs:
        assert queue.put(job) is None

    assert take_all(queue) == [jobs[index] for index in (4, 1, 3, 0, 2)]


def test_dropping_a_stream_forgets_its_frames_and_clearing_all() -> None:
    gone, kept = Lane(), frames(Lane())
    queue = FrameQueue()
    for job in (frames(gone), kept, frames(gone, due_at=LATER)):
        queue.put(job)

    queue.drop(gone)

    assert len(queue) == 1
    queue.clear()
    assert take_all(queue) == []
