"""Sparkplug B as plants have it: a host that listens, believes births and deaths, and asks for a rebirth only if it may."""
