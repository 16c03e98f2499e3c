"""WebSocket frames (RFC 6455): reading what a viewer sends, writing what a gateway sends. Pure, no sockets.

Only the server's side, without extensions: every incoming frame must be masked and have its RSV bits clear. What
goes out is framed once, so that all viewers of a tier share the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from lanecast.gateway.errors import ProtocolViolation

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_CONTROL_BYTES: Final = 125

_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


def header(opcode: int, size: int) -> bytes:
    """The header of one unmasked, unfragmented frame with `size` bytes of payload."""
    if size < 126:
        return bytes((0x80 | opcode, size))
    if size < 65_536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size)
    return struct.pack("!BBQ", 0x80 | opcode, 127, size)


def message(opcode: int, payload: bytes) -> bytes:
    """A whole message, ready to be written."""
    return header(opcode, len(payload)) + payload


def payload_of(framed: bytes) -> memoryview:
    """What `message` was made from, without a copy."""
    size = framed[1]
    return memoryview(framed)[10 if size == 127 else 4 if size == 126 else 2 :]


def close(code: int, reason: str = "") -> bytes:
    """A close frame; a reason over 123 bytes is cut between characters."""
    text = reason.encode()[: MAX_CONTROL_BYTES - 2].decode("utf-8", "ignore").encode()
    return message(CLOSE, struct.pack("!H", code) + text)


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; 1005 stands for none.

    Raises:
        ProtocolViolation: half a code, a code that must not be sent (1002), a reason that is not UTF-8 (1007).
    """
    if not payload:
        return 1005, ""
    if len(payload) < 2:
        raise ProtocolViolation(1002, "close frame too short")
    code, reason = int.from_bytes(payload[:2]), _utf8(payload[2:])
    if code not in _CLOSE_CODES and not 3000 <= code < 5000:
        raise ProtocolViolation(1002, f"close code {code} must not be sent")
    return code, reason


class Parser:
    """Turns bytes into messages. Keeps what is incomplete; holds at most one message (64 KiB) and one frame."""

    __slots__ = ("_buffer", "_fragments", "_opcode")

    def __init__(self) -> None:
        self._buffer = b""
        self._opcode = 0  # of the fragmented message that has begun, else 0
        self._fragments = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take bytes and give what is complete: (opcode, payload), data messages whole, control frames as they come.

        Text is known to be UTF-8, and a close frame to be well-formed. After an error the parser is of no more use.

        Raises:
            ProtocolViolation: 1002 broken rules, 1007 text that is not UTF-8, 1009 over 64 KiB.
        """
        self._buffer = buffer = self._buffer + data if self._buffer else data
        at = 0
        while (frame := self._frame(buffer, at)) is not None:
            first, payload, at = frame
            self._buffer = buffer[at:] if at < len(buffer) else b""
            if done := self._take(first & 0x0F, payload, final=bool(first & 0x80)):
                yield done
        # A generator is left early when its reader closes the connection; nothing is fed after that.

    def _frame(self, buffer: bytes, at: int) -> tuple[int, bytes, int] | None:
        """The frame that begins at `at`: its first byte, its payload, and where it ends; None if it is incomplete."""
        if len(buffer) - at < 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        opcode, size = first & 0x0F, second & 0x7F
        if first & 0x70:
            raise ProtocolViolation(1002, "reserved bits are set and no extension was negotiated")
        if not second & 0x80:
            raise ProtocolViolation(1002, "a client's frame must be masked")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise ProtocolViolation(1002, f"unknown opcode {opcode}")
        if opcode & 0x8 and (size > MAX_CONTROL_BYTES or not first & 0x80):
            raise ProtocolViolation(1002, "a control frame must be whole and at most 125 bytes")
        start = at + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(buffer) - start < width:
                return None
            size = int.from_bytes(buffer[start : start + width])
            start += width
        if size + (len(self._fragments) if opcode == CONTINUATION else 0) > MAX_MESSAGE_BYTES:
            raise ProtocolViolation(1009, f"a message is over {MAX_MESSAGE_BYTES:,} bytes")
        end = start + 4 + size
        if len(buffer) < end:
            return None
        return first, _unmask(buffer[start + 4 : end], buffer[start : start + 4]), end

    def _take(self, opcode: int, payload: bytes, *, final: bool) -> tuple[int, bytes] | None:
        if opcode & 0x8:
            if opcode == CLOSE:
                read_close(payload)
                if self._opcode:
                    raise ProtocolViolation(1002, "closed in the middle of a message")
            return opcode, payload
        if opcode == CONTINUATION:
            if not self._opcode:
                raise ProtocolViolation(1002, "a continuation without a beginning")
            self._fragments += payload
        elif self._opcode:
            raise ProtocolViolation(1002, "a new message before the last one's end")
        else:
            self._opcode, self._fragments = opcode, payload
        if not final:
            return None
        opcode, payload = self._opcode, self._fragments
        self._opcode, self._fragments = 0, b""
        if opcode == TEXT:
            _utf8(payload)
        return opcode, payload


def _unmask(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ProtocolViolation(1007, "text that is not UTF-8") from None
