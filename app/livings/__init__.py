"""Livings (直播): a mirror of the corp's live streams that were made through the API."""
