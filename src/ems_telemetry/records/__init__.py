"""What the EMS asks for: readings become evidence here, versioned, traceable, never edited."""
