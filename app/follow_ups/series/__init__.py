"""Where series begin and end: what happened, or a day of the calendar, enters members into plans; much stops them."""
