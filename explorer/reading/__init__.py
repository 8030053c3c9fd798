"""Files that users supply, read in a process of their own with hard limits."""
