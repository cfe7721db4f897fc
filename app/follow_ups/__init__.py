"""Follow-ups (跟进): plans, who is in them, and the tasks they open. The heart of the product."""
