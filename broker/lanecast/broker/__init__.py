"""The contract between producers, workers and gateways: wire format, lanes, keys, leases, commits, lag.

Pure core: `wire`, `checks`, `params`, `columns`, `payloads`, `rendition`, `lanes`, `tiers`, `offsets`, `messages`,
`append`, `commit`, `lease`, `commands`, `demand`, `backlog`, `flow`, `rates`. Thin edges that talk to Redis:
`connect`, `scripts`, `runs`, `lag`, `gateways`, `dead`.
"""
