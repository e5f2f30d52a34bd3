"""Breaks a lab on purpose and measures from outside what its users would have noticed."""
