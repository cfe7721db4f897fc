"""A due timer becomes what it is to become: `lane` takes batches, `deciding` says in which order things are asked.

falling_due → deciding (1 to 6) → asking, with assigning (7 to 10) → opening; `merging` minds what shares a task.
"""
