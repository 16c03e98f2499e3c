"""`python -m lanecast.ops` is the command `lanecast`; `up` starts its children this way."""

from lanecast.ops.cli import main

main()
