"""What shows that a record is what it was: its way down to raw readings, checkpoints, and the verdict on the whole trail."""
