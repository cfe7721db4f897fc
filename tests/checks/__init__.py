"""What must hold of the tables, guarantee by guarantee: `tests.checker` asks all of it."""
