"""The command line `lanecast`: starts, watches and examines a whole system of producers, workers and gateways.

`cli` is the entry point, one module in `commands` per group of commands. `up` plans what runs and `supervise` keeps it
running; `embedded` is the Valkey server from a wheel; `viewer` is a viewer of the real protocol for terminals.
"""
