"""Counting methods: plain functions from ballots to a result with every round, in exact integers."""
