"""Purchases and refunds as they happened, and what they add up to per member."""
