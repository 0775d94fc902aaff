"""Records as files for other software."""
