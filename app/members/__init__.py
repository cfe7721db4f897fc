"""Members (会员): who they are, whose they are, and through whom they can be reached."""
