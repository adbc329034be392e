"""Sets of institutions that come with the program, as texts: what a group of that kind would keep after a year."""
