"""Branches (分公司) and stores (门店)."""
