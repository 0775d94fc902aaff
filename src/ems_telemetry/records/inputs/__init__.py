"""What methods read, through one door that notes it: intervals, layers over them, states of operation."""
