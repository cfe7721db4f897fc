"""Checks of the books: what one table says of another must be so. Apart from the account of owed steps.

Each check is one set-based query over a span of keys, so it is consistent in itself while others write, takes a few
seconds at most, and brings nothing but faults into memory. One module a subject; none changes anything.
"""
