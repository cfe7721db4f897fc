"""An invented menswear chain in the import format, of any size and the same for the same seed.

Everything is a function of (seed, what, index): a member, a product or the third sale of day 40 is made again from
its number instead of being remembered. That is what lets a refund find its sale a month later while memory stays the
same for a thousand members and for ten million. Standard library only; nothing here is imported by the product.
"""
