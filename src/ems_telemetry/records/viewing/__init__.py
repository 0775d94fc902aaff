"""Records as tables: what each type tells as columns of its own, by day, month, quarter and year, and by what it is about."""
