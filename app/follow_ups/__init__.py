"""Follow-ups (跟进): plans, who is in them, and the tasks they open. The heart of the product.

plans/ say what is owed · series/ enter and stop members · firing/ turns what is due into tasks · acts/ is what
associates do with them · channels/, texting/ and linking/ carry words · bookkeeping/ and reconciling/ prove that
nothing is lost · forecasting/ and measuring/ say what plans will do, and what they did.
"""
