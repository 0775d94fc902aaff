"""Evidence packs: what an auditor takes away, gathered from the database, signed, and kept until somebody fetches it."""
