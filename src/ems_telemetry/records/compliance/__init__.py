"""Judging what was measured by the limits of permits: pure from what was gathered on."""
