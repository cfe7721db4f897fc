"""The organisation (组织架构) as WeCom has it: departments mapped to branches and stores, accounts to associates.

WeCom leads: what stands here follows it, by a full sync with a preview and by events. No store is ever deleted.
"""
