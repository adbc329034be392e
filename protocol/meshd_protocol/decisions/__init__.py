"""The rules by which ballots become results: pure functions from small inputs to a result and its reasons."""
