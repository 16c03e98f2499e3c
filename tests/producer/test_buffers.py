"""The buffers between the simulation and the server: what is kept, what is dropped, what is numbered how."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.wire import Message
from lanecast.producer.buffers import KEPT_MESSAGES, MAX_FRAMES, Newest, Outgoing, Replay


def message(number: int, size: int = 1) -> Message:
    return Message("metrics", bytes(size), t_ms=float(number))


def numbers(batch: list[Message]) -> list[int]:
    return [int(item.t_ms or 0) for item in batch]


def filled(count: int, **limits: int) -> Replay:
    replay = Replay(**limits)
    for number in range(1, count + 1):
        replay.put(message(number))
    return replay


def test_messages_are_numbered_from_1_and_repeated_until_they_are_acknowledged() -> None:
    replay = filled(5)
    assert replay.batch(3, 1000)[0] == 1
    assert numbers(replay.batch(3, 1000)[1]) == [1, 2, 3]
    assert replay.acknowledge(2) == 2
    seq, batch = replay.batch(3, 1000)
    assert (seq, numbers(batch)) == (3, [3, 4, 5])
    assert len(replay) == 3


def test_a_batch_ends_before_it_is_too_large_but_holds_one_message_at_least() -> None:
    replay = Replay()
    for number in range(3):
        replay.put(message(number, 600))
    assert len(replay.batch(10, 1000)[1]) == 1
    assert len(replay.batch(10, 1200)[1]) == 2
    assert len(replay.batch(10, 1)[1]) == 1


def test_a_full_buffer_drops_the_oldest_messages_that_were_never_sent() -> None:
    replay = filled(3, max_messages=4)
    replay.batch(2, 1000)  # 1 and 2 are on their way: their numbers are taken
    assert replay.put(message(4)) == 0
    assert replay.put(message(5)) == 1
    assert numbers(replay.batch(9, 1000)[1]) == [1, 2, 4, 5]


def test_a_buffer_is_full_by_bytes_as_well() -> None:
    replay = Replay(max_bytes=100)
    assert [replay.put(message(n, 40)) for n in range(4)] == [0, 0, 1, 1]
    assert replay.put(message(9, 100)) == 2


def test_a_batch_is_due_by_size_or_by_age_or_when_it_is_repeated() -> None:
    replay = Replay()
    assert not replay.due(1e9, 10, 10)
    replay.put(message(1000))
    assert not replay.due(1005, 10, 10)
    assert replay.due(1010, 10, 10)
    assert replay.due(1005, 1, 10)
    assert replay.due(500, 10, 10), "a clock that was set back must not make a message wait"
    replay.batch(1, 1000)
    assert replay.due(1005, 10, 10)


def test_a_rewind_takes_acknowledged_messages_back() -> None:
    replay = filled(5)
    replay.batch(5, 1000)
    replay.acknowledge(4)
    assert replay.last() == (4, [message(4)])
    assert replay.rewind(3) == 0
    seq, batch = replay.batch(9, 1000)
    assert (seq, numbers(batch)) == (3, [3, 4, 5])


def test_a_rewind_past_what_is_kept_says_how_many_are_lost_and_a_new_epoch_goes_on_with_the_rest() -> None:
    count = KEPT_MESSAGES + 7
    replay = filled(count)
    replay.batch(count, 10**9)
    replay.acknowledge(count)
    assert replay.rewind(3) == 5  # 3 to 7
    replay.renumber()
    seq, batch = replay.batch(count, 10**9)
    assert (seq, numbers(batch)) == (1, list(range(8, count + 1)))


def test_what_has_to_come_first_comes_before_all_that_was_never_sent() -> None:
    replay = filled(2)
    replay.put_first([message(8), message(9)])
    assert numbers(replay.batch(9, 1000)[1]) == [8, 9, 1, 2]


class Script:
    """What `append.lua` does with one lane, with a limit and a memory that can be turned back."""

    def __init__(self) -> None:
        self.stream: list[int] = []

    def append(self, seq: int, batch: list[Message], room: int) -> tuple[str, int]:
        last = len(self.stream)
        if seq > last + 1:
            return "gap", last + 1
        for item in batch:
            if seq > len(self.stream):
                if room <= 0:
                    return "full", len(self.stream)
                self.stream.append(int(item.t_ms or 0))
                room -= 1
            seq += 1
        return "ok", len(self.stream)


@given(st.lists(st.sampled_from(["put", "send", "send", "lose", "full", "roll back", "ask"]), max_size=80), st.data())
def test_whatever_happens_the_server_has_every_message_once_and_in_order(
    happenings: list[str], data: st.DataObject
) -> None:
    replay, script, put = Replay(), Script(), 0

    def exchange(seq: int, batch: list[Message], room: int = 99, heard: bool = True) -> None:
        if not batch:
            return
        status, n = script.append(seq, batch, room)
        if not heard:
            return
        if status == "gap":
            assert replay.rewind(n) == 0
        else:
            replay.acknowledge(n)

    for happening in happenings:
        if happening == "put":
            put += 1
            replay.put(message(put))
        elif happening == "roll back":
            del script.stream[data.draw(st.integers(0, len(script.stream))) :]
        elif happening == "ask":
            exchange(*replay.last())
        else:
            size = data.draw(st.integers(1, 4))
            exchange(*replay.batch(size, 1000), room=1 if happening == "full" else 99, heard=happening != "lose")
        assert script.stream == list(range(1, len(script.stream) + 1))
    exchange(*replay.last())
    while replay.batch(4, 1000)[1]:
        exchange(*replay.batch(4, 1000))
    assert script.stream == list(range(1, put + 1))


def frame(number: int, *layers: str, partial: bool = False) -> Outgoing:
    return Outgoing(b"", float(number), frozenset(layers), partial)


def drain(newest: Newest) -> list[int]:
    found = []
    while taken := newest.take():
        found.append(int(taken.t_ms))
        newest.done()
    return found


def test_of_frames_the_newest_wins() -> None:
    newest = Newest()
    assert [newest.put(frame(n, "cars")) for n in range(3)] == [0, 1, 1]
    assert drain(newest) == [2]


def test_a_frame_of_other_layers_replaces_nothing() -> None:
    newest = Newest()
    assert newest.put(frame(1, "cars")) == 0
    assert newest.put(frame(2, "lights")) == 0
    assert newest.put(frame(3, "cars")) == 1
    assert drain(newest) == [2, 3]
    newest.put(frame(4, "cars"))
    newest.put(frame(5, "lights"))
    assert newest.put(frame(6, "cars", "lights")) == 2
    assert drain(newest) == [6]


def test_a_partial_frame_replaces_nothing_and_is_replaced_by_a_full_one() -> None:
    newest = Newest()
    newest.put(frame(1, "cars"))
    assert newest.put(frame(2, "cars", partial=True)) == 0
    assert newest.put(frame(3, "cars", partial=True)) == 0
    assert newest.put(frame(4, "cars")) == 3
    assert drain(newest) == [4]


def test_frames_that_replace_nothing_are_bounded_too() -> None:
    newest = Newest()
    dropped = sum(newest.put(frame(n, "cars", partial=True)) for n in range(MAX_FRAMES + 5))
    assert dropped == 5
    assert drain(newest) == list(range(5, MAX_FRAMES + 5))


def test_a_frame_whose_reply_was_lost_is_sent_again_under_its_number_unless_a_newer_one_is_there() -> None:
    newest = Newest()
    newest.put(frame(1, "cars"))
    first = newest.take()
    assert first is not None
    assert first.seq == 1
    assert newest.put_back() == 0
    assert newest.take() is first
    assert first.seq == 1
    newest.put(frame(2, "cars"))
    assert newest.put_back() == 1
    second = newest.take()
    assert second is not None
    assert second.seq == 2
