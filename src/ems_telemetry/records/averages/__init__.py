"""What was measured over hours, half-hours and days as permits average it, judged by profiles of validity."""
