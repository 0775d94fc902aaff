"""What people stated, as it holds at a time: which revision, and which instrument measured what."""
