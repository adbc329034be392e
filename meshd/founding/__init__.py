"""How an assembly comes to be in a home: founded, founded anew, joined, opened."""
