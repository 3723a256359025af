"""What cdock keeps in files of the user's clone: logs, the mirror, wishes, its own identity."""
