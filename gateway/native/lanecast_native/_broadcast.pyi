from _typeshed import ReadableBuffer

def broadcast(
    fds: ReadableBuffer, frame: ReadableBuffer, start: int = 0, stop: int = -1, /
) -> list[tuple[int, int]]: ...
