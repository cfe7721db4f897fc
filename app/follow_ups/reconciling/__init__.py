"""The second opinion: what is owed, recomputed from raw facts × plan versions, held against what was written.

Read from purchases, refunds, member events, members' dates, plan documents and releases: by its own reading, which
shares no rule with what enrolls and fires. The language of rules and the list of festivals are all that both use;
when a festival is, the moon says (`moons`). `papers` and `owed` are pure; `raw` fetches facts, `written` what the
engine left, `accounting` settles.
"""
