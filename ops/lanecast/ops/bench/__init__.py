"""Benches: what Lanecast holds, measured on this machine. One module each, with a function `measure(quick)`.

`lanecast bench NAME` runs one, prints its table, and writes build/bench/NAME.json. A check that misses its limit fails
the command; nothing is measured twice to get a better figure.
"""

from __future__ import annotations

from typing import Final

BENCHES: Final = {
    "append": "small messages a second through the fenced append",
    "publish": "what publishing costs the simulation's thread",
    "producer": "what streaming costs a simulation of 80 ms steps, also while its server fails, next to other ways",
    "throttle": "whether a viewer whose link narrows is given what fits through it",
    "fuzz": "whether generated frames, valid and broken, harm a gateway",
    "worker": "entity updates a second that one core of a worker takes, with five tiers in demand",
    "bytes": "what real traffic takes in each tier, against JSON rows, and how exact it is",
    "images": "what a worker makes of cameras in five tiers, and what that does to the lane critical",
    "fanout": "what a frame to many viewers costs, next to a C server and to peers (`make bench-peers`)",
    "failover": "how soon viewers of a killed gateway go on at another behind nginx, and whether they missed anything",
    "stalled": "whether viewers who do not read delay the others, and how fresh what they get is when they read again",
    "storm": "whether gateways bear thousands of viewers at once, rolling restarts, and more than they may hold",
    "lanes": "whether a flood on the lane low delays the lane critical",
    "latency": "how long a frame takes, hop by hop, with 1,000 viewers",
    "throughput": "deliveries a second of one gateway, through worker and Redis",
    "capacity": "how many viewers one gateway holds",
    "sustained": "1,000 viewers at 30 Hz for ten minutes: lateness, losses, memory",
    "adaptive": "how soon the policy answers a simulation that grows a hundredfold, and lets go again",
    "scaling": "what a delivery costs on 1, 2 and 4 gateways",
    "all": "all of these, one after another",
}
"""Name of the module -> what it measures."""
