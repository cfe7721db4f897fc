"""What people do with follow-up tasks beside sending: put them off, skip, undo, hand on, note calls and answers.

Every act locks the member first and then looks again, so that it meets firing, expiry and cancelling as they are: a
task in a final state keeps it, and the refusal says which that is. An act is kept once by the key its page gave it,
so a page may deliver it as often as it likes; with the key of one act another is refused.
"""
