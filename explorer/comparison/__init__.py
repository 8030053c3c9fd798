"""Records and published figures side by side, in one convention of counting."""
