"""Hand-over (交接): members get another owner, people leave, and what was theirs to do goes to who is there for it."""
