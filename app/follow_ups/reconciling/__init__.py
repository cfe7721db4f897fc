"""The second opinion: what is owed, recomputed from raw facts × plan versions, held against what was written.

Read from purchases, refunds, member events, members' dates, plan documents and releases: by its own reading, which
shares no rule with what enrolls and fires. The language of rules, the almanac and the festival calendar are libraries
that both use. `papers` and `owed` are pure; `raw` fetches facts, `written` what the engine left, `accounting` settles.
"""
