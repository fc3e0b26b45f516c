"""The bugs. Most are of a kind that docs/protocol.md warns of; two were found before they were planted."""

from tests.simulation.planted import catalog, indexes, moves, reads, repeats, transactions, views, writing

__all__ = ["catalog", "indexes", "moves", "reads", "repeats", "transactions", "views", "writing"]
