"""A stand-in for two upstream APIs, CoinPaprika v1 and CoinGecko v3, for `make demo`, `make smoke` and tests.

It is: the same paths, parameters, shapes, error bodies, keys and limits as far as they are documented, over
one invented world that is the same for the same seed. It is not the real API: every number is made up, every
reply says so in the header `X-Sandbox`, and nothing here may stand in for a source in production.
"""
