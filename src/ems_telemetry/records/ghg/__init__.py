"""Greenhouse gases: how much of an activity, by which factor, put together to the inventory of a year."""
