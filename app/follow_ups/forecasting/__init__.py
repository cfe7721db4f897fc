"""Dry run (试运行): what plans would have asked for, and would still ask for, over what really happened.

Every decision is asked of the rules that decide when the plans are in force. Nothing of follow-ups is written.

`lives` reads what happened to members, `facts` tells what was known of them at an instant, `calendar` when plans of the
calendar find them; `replay` and `course` live one life under some plans, `counting` adds up, `staging` chooses stores
and members, `summary` says it in numbers, `runs` keeps the runs that pages ask for.

What a dry run takes for granted, because it cannot be known: owners, contacts, tags and the attention budget were those
of today; every task is done on the day it is opened; the system was never down, nothing was paused and no worklist was
balanced; hand-overs and assignments of headquarters do not count; what was imported as facts only was told as it
happened; nothing new happens in the days to come. A draft is lived as if it always had been in force, but for one
thing: published now, a plan that looks for silence finds whoever has been silent for long at once, on its first day.
"""
