"""A second reader, written from the text of the specification: it shares no code with meshd, and a test sees to that.

It reads the published vectors and works out everything in them again. Where it and the code agree, the text says what
the code does.
"""
