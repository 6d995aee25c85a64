"""Judges estimates of the time left on recorded progress, beside the formulas of three peers."""
