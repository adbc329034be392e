"""Counting methods: plain functions from ballots to a result with every round, in exact arithmetic. One method a file.

They know nothing of records: `meshd count` gives them paper ballots.
"""
