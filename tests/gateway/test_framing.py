from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.stage import client_frame
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from lanecast.gateway import framing
from lanecast.gateway.errors import ProtocolViolation
from lanecast.gateway.framing import BINARY, CLOSE, CONTINUATION, MAX_MESSAGE_BYTES, PING, PONG, TEXT, Parser


def read(*chunks: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """What a parser makes of bytes: whole messages, and the close code of the error that ended it (0: none)."""
    parser, messages = Parser(), []
    try:
        for chunk in chunks:
            messages += list(_each(parser, chunk))
    except _Ended as ended:
        return messages + ended.before, ended.code
    return messages, 0


class _Ended(Exception):
    def __init__(self, before: list[tuple[int, bytes]], code: int) -> None:
        self.before, self.code = before, code


def _each(parser: Parser, chunk: bytes) -> list[tuple[int, bytes]]:
    messages: list[tuple[int, bytes]] = []
    try:
        messages.extend(parser.feed(chunk))
    except ProtocolViolation as violation:
        raise _Ended(messages, violation.code) from None
    return messages


HELLO = client_frame(TEXT, b"hello")


@pytest.mark.parametrize(
    ("data", "messages", "code"),
    [
        pytest.param(HELLO, [(TEXT, b"hello")], 0, id="text"),
        pytest.param(client_frame(BINARY, b""), [(BINARY, b"")], 0, id="empty"),
        pytest.param(client_frame(BINARY, b"x" * 126), [(BINARY, b"x" * 126)], 0, id="16-bit length"),
        pytest.param(
            client_frame(BINARY, b"x" * MAX_MESSAGE_BYTES), [(BINARY, b"x" * MAX_MESSAGE_BYTES)], 0, id="exactly 64 KiB"
        ),
        pytest.param(client_frame(BINARY, b"x" * (MAX_MESSAGE_BYTES + 1)), [], 1009, id="one byte over 64 KiB"),
        pytest.param(b"\x82\xff" + bytes(8) + HELLO, [(BINARY, b"")], 1002, id="64-bit length of nothing"),
        pytest.param(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", [], 1009, id="a huge length is refused unread"),
        pytest.param(client_frame(TEXT, b"hello", mask=None), [], 1002, id="not masked"),
        pytest.param(bytes([0xC1, 0x80]) + bytes(4), [], 1002, id="RSV1: compression was not negotiated"),
        pytest.param(bytes([0xA1, 0x80]) + bytes(4), [], 1002, id="RSV2"),
        pytest.param(bytes([0x91, 0x80]) + bytes(4), [], 1002, id="RSV3"),
        pytest.param(client_frame(3, b""), [], 1002, id="reserved data opcode"),
        pytest.param(client_frame(0xB, b""), [], 1002, id="reserved control opcode"),
        pytest.param(client_frame(PING, b"p" * 125), [(PING, b"p" * 125)], 0, id="longest ping"),
        pytest.param(client_frame(PING, b"p" * 126), [], 1002, id="ping too long"),
        pytest.param(client_frame(PING, b"", fin=False), [], 1002, id="fragmented ping"),
        pytest.param(client_frame(CONTINUATION, b"x"), [], 1002, id="continuation of nothing"),
        pytest.param(client_frame(TEXT, b"a", fin=False) + HELLO, [], 1002, id="a second beginning"),
        pytest.param(
            client_frame(TEXT, b"a", fin=False) + client_frame(PING, b"") + client_frame(CONTINUATION, b"b"),
            [(PING, b""), (TEXT, b"ab")],
            0,
            id="a ping between fragments",
        ),
        pytest.param(
            client_frame(TEXT, b"\xc3", fin=False) + client_frame(CONTINUATION, b"\xa9"),
            [(TEXT, "é".encode())],
            0,
            id="a character across fragments",
        ),
        pytest.param(client_frame(TEXT, b"\xff"), [], 1007, id="text that is not UTF-8"),
        pytest.param(client_frame(BINARY, b"\xff"), [(BINARY, b"\xff")], 0, id="binary need not be UTF-8"),
        pytest.param(
            client_frame(BINARY, b"x" * 40_000, fin=False) + client_frame(CONTINUATION, b"x" * 40_000),
            [],
            1009,
            id="fragments over 64 KiB together",
        ),
        pytest.param(client_frame(CLOSE, b""), [(CLOSE, b"")], 0, id="close without a code"),
        pytest.param(client_frame(CLOSE, b"\x03"), [], 1002, id="half a close code"),
        pytest.param(client_frame(CLOSE, b"\x03\xed"), [], 1002, id="close code 1005 must not be sent"),
        pytest.param(client_frame(CLOSE, b"\x03\xe8\xff"), [], 1007, id="close reason that is not UTF-8"),
        pytest.param(HELLO + client_frame(TEXT, b"x", mask=None), [(TEXT, b"hello")], 1002, id="good, then bad"),
    ],
)
def test_a_client_message_is_read_or_refused_with_its_close_code(
    data: bytes, messages: list[tuple[int, bytes]], code: int
) -> None:
    assert read(data) == (messages, code)
    assert read(*(data[at : at + 7] for at in range(0, len(data), 7))) == (messages, code), "in pieces of 7 bytes"


def oracle(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """The same by the `websockets` library."""
    protocol = ServerProtocol(state=State.OPEN, max_size=MAX_MESSAGE_BYTES)
    protocol.receive_data(data)
    messages: list[tuple[int, bytes]] = []
    opcode, parts = Opcode.TEXT, b""
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
            messages.append((int(frame.opcode), bytes(frame.data)))
            continue
        if frame.opcode is not Opcode.CONT:
            opcode, parts = frame.opcode, b""
        parts += bytes(frame.data)
        if frame.fin:
            if opcode is Opcode.TEXT:  # which that library leaves to the layer above
                try:
                    parts.decode()
                except UnicodeDecodeError:
                    return messages, 1007
            messages.append((int(opcode), parts))
    error = protocol.parser_exc
    if error is None:
        return messages, 0
    if isinstance(error, PayloadTooBig):
        return messages, 1009
    return messages, 1007 if isinstance(error, UnicodeDecodeError) else 1002


opcodes = st.sampled_from([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 3, 11])
payloads = st.one_of(
    st.binary(max_size=140),
    st.text(max_size=30).map(str.encode),
    st.integers(0, 5000).map(lambda code: code.to_bytes(2)),
)
good = st.builds(client_frame, st.sampled_from([TEXT, BINARY, PING, PONG]), st.text(max_size=30).map(str.encode))
frames = st.one_of(
    good,
    st.builds(
        client_frame,
        opcodes,
        payloads,
        fin=st.booleans(),
        mask=st.one_of(st.just(b"mask"), st.binary(min_size=4, max_size=4), st.none()),
    ),
)


def _until_close(messages: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """After a close frame nothing counts."""
    for place, (opcode, _) in enumerate(messages):
        if opcode == CLOSE:
            return messages[: place + 1]
    return messages


@given(st.lists(frames, max_size=6).map(b"".join), st.integers(1, 40))
@settings(max_examples=400, deadline=None)
def test_the_parser_agrees_with_the_websockets_library(data: bytes, size: int) -> None:
    expected, expected_code = oracle(data)
    for messages, code in (read(data), read(*(data[at : at + size] for at in range(0, len(data), size)))):
        assert _until_close(messages) == _until_close(expected)
        if _until_close(expected) == expected and (not expected or expected[-1][0] != CLOSE):
            assert code == expected_code


@given(st.binary(max_size=400))
@settings(max_examples=400, deadline=None)
def test_noise_never_raises_anything_but_a_protocol_violation(data: bytes) -> None:
    read(data)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 100_000])
def test_what_is_framed_is_what_a_client_reads(size: int) -> None:
    payload = b"x" * size
    framed = framing.message(BINARY, payload)
    client = ServerProtocol(state=State.OPEN, max_size=None)
    client.side = client.side.__class__.CLIENT
    client.receive_data(framed)
    (frame,) = client.events_received()
    assert isinstance(frame, Frame)
    assert (frame.opcode, bytes(frame.data), frame.fin) == (Opcode.BINARY, payload, True)
    assert bytes(framing.payload_of(framed)) == payload


def test_a_close_reason_is_cut_between_characters() -> None:
    framed = framing.close(4400, "é" * 100)
    assert len(framed) <= 2 + 125
    assert framing.read_close(bytes(framing.payload_of(framed))) == (4400, "é" * 61)
