"""What the pages that look into a network show, a file for each page and those that they share."""
