"""The life of records: made, kept, amended, and how long what they were made of is kept."""
