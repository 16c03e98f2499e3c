"""Keeps a command running for as long as standard input stays open: `python keeper.py COMMAND…`.

The simulation holds the other end. However it ends (kill -9 included), the kernel closes that end, and the command gets
a SIGTERM. A session of its own keeps the terminal's Ctrl-C away, which is the simulation's to handle. Standard library
only: it runs without site-packages, for its quick start.
"""

import contextlib
import os
import subprocess
import sys
import threading

PATIENCE_S = 15.0


def main() -> int:
    """Run the command; returns its exit status."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # noqa: S603 - the simulation's own command

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):  # not by sys.stdin: its lock would be held when this process ends
                pass
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE_S)
            return
        child.kill()

    threading.Thread(target=watch, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main())
