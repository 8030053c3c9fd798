"""Processes beside the app: starting and ending them, their memory, their turn on a device."""
