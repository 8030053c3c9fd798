"""What the pages that measure show, a file for each page and those that they share."""
