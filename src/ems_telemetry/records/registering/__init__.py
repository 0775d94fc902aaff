"""Stating facts and deciding about them, one by one and from files."""
