"""Measuring (衡量): what follow-ups bring, told by comparing members who get them with members held out. Pure rules."""
