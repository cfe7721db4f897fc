"""Tracked links in what members are sent: the address of a task's link, where it leads, and that it was opened."""
