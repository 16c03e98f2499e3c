"""Benches: what Lanecast holds, measured on this machine. One module each, with a function `measure(quick)`.

`lanecast bench NAME` runs one, prints its table, and writes build/bench/NAME.json. A check that misses its limit fails
the command; nothing is measured twice to get a better figure.
"""

from __future__ import annotations

from typing import Final

BENCHES: Final = {
    "append": "small messages a second through the fenced append",
    "publish": "what publishing costs the simulation's thread",
    "fanout": "what a frame to many viewers costs, next to a C server and to peers (`make bench-peers`)",
    "lanes": "whether a flood on the lane low delays the lane critical",
}
"""Name of the module -> what it measures."""
